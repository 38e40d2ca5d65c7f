-- Drops, more of them: who goes on with what they reserved.

-- The checkout in which a browser has something of a drop: its second tab is led there. Emptied when the drop is settled.
create table drop_holds (
  drop_id {bytes} not null references drops (id),
  buyer {bytes} not null, -- the hash of their browser's secret
  variant_id {bytes} not null,
  checkout_id {bytes} not null,
  primary key (drop_id, buyer, variant_id)
) {keyed};

-- Steps of a price that were planned with the drop.
create table drop_rules (
  id {bytes} not null primary key,
  drop_id {bytes} not null references drops (id),
  shop_id {bytes} not null references shops (id),
  variant_id {bytes} not null,
  position {int} not null,
  kind {text} not null check (kind = 'at' or kind = 'every' or kind = 'sold'),
  at {int}, -- at: the moment
  minutes {int}, -- every: so many, counted from the opening
  down_minor {int}, -- every: so much less each time
  units {int}, -- sold: once so many are paid
  price_minor {int} not null check (price_minor >= 0), -- what it sets; every: the floor
  currency {text} not null,
  state {text} not null check (state = 'waiting' or state = 'done' or state = 'stopped'),
  steps {int} not null, -- how many it took
  next_at {int} -- when the clock takes its next one; null: sales do, or the opening sets it, or it is over
) {keyed};
create index drop_rules_drop on drop_rules (drop_id, position);
create index drop_rules_due on drop_rules (drop_id, next_at) where state = 'waiting' and next_at is not null;
create index drop_rules_sold on drop_rules (drop_id) where state = 'waiting' and kind = 'sold';

alter table shops add column time_zone {text} not null default 'UTC'; -- an IANA name: the clock its people plan by
