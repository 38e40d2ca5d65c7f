-- Changes after the sale: units canceled before they left, things sent back, and differences given back to all earlier buyers.

-- Of units that were canceled: what of a promise will never be taken.
alter table intents add column let_go_minor {int} not null default 0 check (let_go_minor >= 0 and authorized_minor + let_go_minor <= amount_minor);

-- Units that are on their way back, or came back: each is asked back once.
alter table order_lines add column asked {int} not null default 0 check (asked >= 0 and asked <= shipped);
update order_lines set asked = returned where returned > 0;

-- A buyer withdrew from the contract, or from a part of it: what has to come back, and until when the money has to be back.
create table returns (
  id {bytes} not null primary key, -- chosen by whoever states it
  shop_id {bytes} not null references shops (id),
  order_id {bytes} not null references orders (id),
  state {text} not null check (state = 'awaited' or state = 'sent' or state = 'received' or state = 'refunded' or state = 'closed'),
  whole {int} not null check (whole in (0, 1)), -- nothing of the order is kept: what the delivery cost goes back, too
  name {text} not null, -- who states it
  email {text} not null, -- where the acknowledgement goes
  words {text} not null, -- a reason, which nobody has to give
  units_canceled {int} not null, -- of it that had not left
  stated_at {int} not null,
  due_by {int} not null, -- fourteen days later: the money is back by then
  proof {text} not null default '', -- of sending it back, in the buyer's words
  received_at {int},
  deducted_minor {int} not null default 0 check (deducted_minor >= 0), -- what the goods lost in value
  deduction {text} not null default '', -- why
  restock {text} not null default '' check (restock = '' or restock = 'sellable' or restock = 'written_off'),
  refunded_minor {int} not null default 0 check (refunded_minor >= 0),
  ended_at {int},
  trouble {text} not null default '', -- why the money is not on its way yet; of a closed one, why it was closed
  reminded {int} not null default 0 check (reminded in (0, 1)), -- the buyer was asked where it is
  staff_id {bytes}, -- who received it
  version {int} not null,
  next_check_at {int} -- null only at the end
) {keyed};
create index returns_order on returns (order_id);
create index returns_open on returns (shop_id, due_by) where ended_at is null;
create index returns_due on returns (next_check_at) where next_check_at is not null;
create table return_lines (
  return_id {bytes} not null references returns (id),
  line {int} not null,
  quantity {int} not null check (quantity >= 0), -- units that are to come back; what did not come was not asked back
  primary key (return_id, line)
) {keyed};

-- What was sold dearer before costs less now: the difference goes back to all earlier buyers, as one batch.
create table price_matches (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  title {text} not null, -- what it is about, for the people of the shop
  drop_id {bytes}, -- only what was sold in this drop; null: wherever it was sold
  from_at {int} not null,
  until_at {int} not null, -- orders confirmed in between
  prices {text} not null, -- JSON: variants and what a piece costs now, tax included
  currency {text} not null,
  state {text} not null check (state = 'counting' or state = 'ready' or state = 'running' or state = 'paused' or state = 'done' or state = 'canceled'),
  counted_to {bytes}, -- the last order that was counted
  staff_id {bytes},
  created_at {int} not null,
  started_at {int},
  ended_at {int},
  version {int} not null,
  next_check_at {int}, -- null while a person decides, and at the end
  check (from_at < until_at)
) {keyed};
create index price_matches_shop on price_matches (shop_id, id);
create index price_matches_due on price_matches (next_check_at) where next_check_at is not null;
create table price_match_orders (
  match_id {bytes} not null references price_matches (id),
  order_id {bytes} not null references orders (id), -- with the batch it is the natural key: an order has its difference back once
  state {text} not null check (state = 'waiting' or state = 'later' or state = 'done' or state = 'skipped'),
  planned_minor {int} not null check (planned_minor >= 0), -- as it was counted; what goes back is worked out when it does
  refunded_minor {int} not null default 0 check (refunded_minor >= 0),
  why {text} not null default '', -- of one that was skipped, or waits
  changed_at {int} not null,
  primary key (match_id, order_id)
) {keyed};
create index price_match_orders_open on price_match_orders (match_id, state, changed_at) where state = 'waiting' or state = 'later';
