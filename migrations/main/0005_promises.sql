-- The life of a promise of money after the sale: how it is taken, when it is renewed, and what happens when it is lost. One sale may be paid from
-- more than one promise, one after the other; so an attempt says how much it asks for, and what is taken or given back names its attempt.

alter table attempts add column amount_minor {int} not null default 0; -- what is asked for: of a renewal, only the rest
update attempts set amount_minor = (select amount_minor from intents where intents.id = attempts.intent_id);
alter table attempts add column taking {text} not null default 'each' check (taking in ('each', 'once')); -- how its money is taken, decided when it began
alter table attempts add column window_seconds {int}; -- how long its promise lasts where the answer does not say; null: it does not lapse
alter table attempts add column off_session {int} not null default 0; -- 1: asked by us, with nobody there
create unique index attempts_promise on attempts (intent_id) where state = 'authorized'; -- never two promises counted on (I10)
create index attempts_refused on attempts (shop_id, token) where hard = 1;

alter table intents add column lost_at {int}; -- the promise ended and the buyer was asked to pay again
alter table intents add column next_check_at {int}; -- of an expired one: when somebody looks
alter table intents add column own_asks {int} not null default 0 check (own_asks between 0 and 12); -- tries without the buyer: never more
create index intents_due on intents (next_check_at) where next_check_at is not null;
create index intents_lost on intents (shop_id, id) where lost_at is not null;

-- How often a card was asked without its holder, a day.
create table card_asks (
  shop_id {bytes} not null references shops (id),
  card {bytes} not null, -- SHA-256 of processor and token
  day {int} not null, -- days since 1970
  asks {int} not null check (asks between 1 and 10),
  primary key (shop_id, card, day)
) {keyed};

-- A capture may wait for the last parcel, and belongs to one promise.
alter table captures rename to captures_before;
create table captures (
  id {bytes} not null primary key,
  intent_id {bytes} not null references intents (id),
  attempt_id {bytes} not null references attempts (id), -- whose promise it takes from
  shop_id {bytes} not null references shops (id),
  shipment_id {bytes} not null unique, -- one capture a shipment; one that waits carries the shipments after it, too
  amount_minor {int} not null check (amount_minor > 0),
  final {int} not null,
  state {text} not null check (state in ('waiting', 'sending', 'unknown', 'succeeded', 'failed', 'conflicted')),
  fee_minor {int} not null default 0, -- the processor's, an estimate until reconciled
  reference {text} not null default '',
  detail {text} not null default '',
  legs {text} not null, -- JSON: what the ledger will say of it
  tries {int} not null default 0,
  next_check_at {int},
  created_at {int} not null,
  changed_at {int} not null
) {strict};
insert into captures (id, intent_id, attempt_id, shop_id, shipment_id, amount_minor, final, state, fee_minor, reference, detail, legs, tries,
                          next_check_at, created_at, changed_at)
select id, intent_id,
       (select a.id from attempts a where a.intent_id = captures_before.intent_id and a.state in ('authorized', 'captured', 'voiding', 'voided', 'conflicted')
         order by case when a.state in ('authorized', 'captured') then 0 else 1 end, a.n desc limit 1),
       shop_id, shipment_id, amount_minor, final, state, fee_minor, reference, detail, legs, tries, next_check_at, created_at, changed_at
  from captures_before;
drop table captures_before;
create index captures_due on captures (next_check_at) where next_check_at is not null;
create index captures_intent on captures (intent_id);
create index captures_refused on captures (shop_id, intent_id) where state = 'failed';
create unique index captures_waiting on captures (intent_id) where state = 'waiting'; -- what waits is one capture

-- What was taken from two promises goes back to both: one refund each.
alter table refunds rename to refunds_before;
create table refunds (
  id {bytes} not null primary key,
  intent_id {bytes} not null references intents (id),
  attempt_id {bytes} not null references attempts (id), -- whose money goes back
  shop_id {bytes} not null references shops (id),
  adjustment_id {bytes} not null,
  amount_minor {int} not null check (amount_minor > 0),
  state {text} not null check (state in ('not_sent', 'sending', 'unknown', 'succeeded', 'failed', 'conflicted')),
  reference {text} not null default '',
  detail {text} not null default '',
  legs {text} not null,
  tries {int} not null default 0,
  next_check_at {int},
  created_at {int} not null,
  changed_at {int} not null,
  unique (adjustment_id, attempt_id)
) {strict};
insert into refunds (id, intent_id, attempt_id, shop_id, adjustment_id, amount_minor, state, reference, detail, legs, tries, next_check_at,
                         created_at, changed_at)
select id, intent_id,
       (select a.id from attempts a where a.intent_id = refunds_before.intent_id and a.state in ('authorized', 'captured', 'voiding', 'voided', 'conflicted')
         order by case when a.state in ('authorized', 'captured') then 0 else 1 end, a.n desc limit 1),
       shop_id, adjustment_id, amount_minor, state, reference, detail, legs, tries, next_check_at, created_at, changed_at
  from refunds_before;
drop table refunds_before;
create index refunds_due on refunds (next_check_at) where next_check_at is not null;
create index refunds_intent on refunds (intent_id);
