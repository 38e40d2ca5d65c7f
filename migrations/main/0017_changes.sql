-- Changes after the sale: units canceled before they left, things sent back, and differences given back to all earlier buyers.

-- Of units that were canceled: what of a promise will never be taken.
alter table intents add column let_go_minor {int} not null default 0 check (let_go_minor >= 0 and authorized_minor + let_go_minor <= amount_minor);
