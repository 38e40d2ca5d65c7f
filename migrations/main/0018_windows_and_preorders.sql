-- Shops that exist for a window of time.

alter table shops add column opens_at {int}; -- null: it is open
alter table shops add column closes_at {int}; -- null: it stays
alter table shops add column closing_archives {int} not null default 0 check (closing_archives in (0, 1)); -- 1: what it sells is archived when it closes
alter table shops add column window_check_at {int}; -- when somebody looks at its window again; null: it has none, or it is over and was wound up
create index shops_windows on shops (window_check_at) where window_check_at is not null;

-- Pre-orders: units that are not there yet, promised for a day. They lie at a place of their own, whose id is the pre-order's, so stock's one update
-- judges there too: nobody is promised what is not expected.
create table preorders (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  variant_id {bytes} not null references variants (id),
  home_id {bytes} not null, -- the place where the goods arrive
  state {text} not null check (state = 'open' or state = 'closed' or state = 'done'),
  units {int} not null check (units >= 0), -- expected and arrived, and not given up
  arrived {int} not null check (arrived >= 0),
  covered {int} not null check (covered >= 0), -- of what arrived: given to those who pre-ordered
  ships_by {int} not null, -- what new buyers are promised
  late {int} not null check (late in (0, 1)), -- 1: the day has passed, and somebody waits still
  version {int} not null,
  next_check_at {int}, -- null: done
  created_at {int} not null,
  changed_at {int} not null,
  check (covered <= arrived),
  check (arrived <= units)
) {strict};
create unique index preorders_open on preorders (variant_id) where state = 'open';
create index preorders_shop on preorders (shop_id, id);
create index preorders_due on preorders (next_check_at) where next_check_at is not null;

-- What was sold of one: a line of an order.
create table preorder_sales (
  order_id {bytes} not null,
  line {int} not null,
  preorder_id {bytes} not null references preorders (id),
  shop_id {bytes} not null references shops (id),
  units {int} not null check (units >= 0), -- not canceled
  state {text} not null check (state = 'waiting' or state = 'here' or state = 'canceled'),
  promised {int} not null, -- the day this buyer was promised at the tap
  tell {int} not null check (tell in (0, 1)), -- 1: a letter has to tell them that it is later
  sold_at {int} not null,
  primary key (order_id, line)
) {keyed};
create index preorder_sales_waiting on preorder_sales (preorder_id, sold_at, order_id, line) where state = 'waiting';
create index preorder_sales_tell on preorder_sales (preorder_id) where tell = 1;

-- Drops: who else is a guest, what is kept for which mailbox, and places in a draw that are counted once.

alter table drops add column early_for_buyers {int} not null default 0 check (early_for_buyers in (0, 1)); -- 1: whoever has bought here is a guest
create index drops_opening on drops (opens_at) where state = 'scheduled';
-- Mailboxes that make the browsers of their owners guests: members, or those who bought before.
create table drop_entitlements (
  drop_id {bytes} not null references drops (id),
  contact {bytes} not null, -- the mailbox, as a hash that means nothing in another drop
  shop_id {bytes} not null references shops (id),
  source {text} not null, -- why: the shop's word, or an order
  used {int} not null check (used between 0 and 3), -- browsers it made guests
  created_at {int} not null,
  primary key (drop_id, contact)
) {keyed};

alter table drop_waits add column bound {text} not null default ''; -- the mailbox it is for, since its owner said yes
alter table drop_waits add column checkout_id {bytes}; -- what it was taken with
create index drop_waits_taken on drop_waits (drop_id, checkout_id) where checkout_id is not null;

-- Every so many turns of a draw one is a mark: whoever asks for their place counts from the last one before them.
create table drop_marks (
  drop_id {bytes} not null references drops (id),
  place {int} not null,
  rank {bytes} not null,
  primary key (drop_id, place)
) {keyed};
create unique index drop_marks_rank on drop_marks (drop_id, rank);
alter table drop_lines add column marked {int} not null default 0; -- the last place that is a mark
create index drop_lines_unmarked on drop_lines (drop_id) where drawn is not null and drawn - marked >= 200;
