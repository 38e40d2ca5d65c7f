-- A buyer disputes a payment at their bank: what the processor says of it, what was answered, and what of the sale's split was taken back. A row is one
-- round of one dispute; a second round is another row of the same name.

create table disputes (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  intent_id {bytes} not null references intents (id),
  attempt_id {bytes} not null references attempts (id), -- whose money is disputed
  processor {text} not null,
  name {text} not null, -- the processor's name for the dispute
  round {int} not null check (round between 1 and 9),
  state {text} not null check (state in ('inquiry', 'needs_response', 'under_review', 'won', 'lost')),
  closed_by {text} not null check (closed_by in ('nobody', 'processor', 'staff', 'time')),
  reason {text} not null, -- one of our codes
  detail {text} not null, -- the bank's own words or code
  amount_minor {int} not null check (amount_minor > 0),
  currency {text} not null,
  covered_minor {int} not null default 0 check (covered_minor >= 0), -- taken back from those who had a share; counted in the intent's disputed_minor
  excess_minor {int} not null default 0 check (excess_minor >= 0), -- taken although it was not there any more: the buyer was paid back twice
  legs {text} not null, -- JSON: the split of what is covered
  fees {text} not null, -- JSON: what the processor charged for it
  due_by {int} not null, -- until when it can be answered; 0: it cannot
  asked {text} not null default 'nothing' check (asked in ('nothing', 'accept', 'submit')), -- what we told the processor; once
  asks {int} not null default 0, -- so often: a refused one may be tried again under a key of its own
  answer {text} not null default '', -- JSON: the texts that were submitted
  why {text} not null default '', -- why it was given up
  staff_id {bytes},
  tries {int} not null default 0,
  trouble {text} not null default '', -- what stood in the way last
  version {int} not null,
  next_check_at {int}, -- null only where it is over and nothing was asked
  created_at {int} not null,
  changed_at {int} not null,
  unique (shop_id, processor, name, round),
  check (covered_minor + excess_minor in (0, amount_minor)),
  check (state in ('won', 'lost') or next_check_at is not null),
  check ((state in ('won', 'lost')) = (closed_by <> 'nobody'))
) {strict};
create index disputes_due on disputes (next_check_at) where next_check_at is not null;
create index disputes_intent on disputes (intent_id);

-- What lies with the banks of disputes that are open or lost cannot be given back as well; while one is open nothing is.
alter table intents add column disputed_minor {int} not null default 0
  check (disputed_minor >= 0 and refunded_minor + refund_pending_minor + disputed_minor <= captured_minor);
alter table intents add column disputes_open {int} not null default 0 check (disputes_open >= 0);
