-- Drops: limited sales in a window. What a drop sells lies at a place of its own, taken from the shop's stock: it is reserved, sold and given back as
-- all stock is, only nobody else can take it, and what is left goes home when the drop is over.

alter table locations add column set_aside {int} not null default 0 check (set_aside in (0, 1)); -- a place that only a drop sells from
alter table stock add column home_id {bytes}; -- of units set aside: the place they came from and go back to; null: anybody may buy them
alter table stock add column gate {int} not null default 0 check (gate between 0 and 2); -- 0 may be taken; 1 not now; 2 never again, and what comes back goes home
create index stock_set_aside on stock (location_id) where home_id is not null;

create table drops (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  slug {text} not null,
  title {text} not null,
  description {text} not null,
  clip_id {bytes}, -- the stage: a clip of the shop
  stream_url {text} not null default '', -- or a stream elsewhere, https only
  stream_kind {text} not null default '' check (stream_kind in ('', 'hls', 'embed')),
  state {text} not null check (state = 'draft' or state = 'scheduled' or state = 'open' or state = 'paused' or state = 'closed' or state = 'archived'),
  opens_at {int}, -- null: opened by hand
  closes_at {int}, -- null: closed by hand
  opened_at {int},
  closed_at {int},
  limit_units {int} not null check (limit_units >= 0), -- units a buyer may have; 0: no limit
  hold_minutes {int} not null check (hold_minutes between 1 and 30), -- how long a buyer's units are kept for them
  pinned_id {bytes}, -- the variant that is talked about now
  line_rate {int} not null check (line_rate >= 0), -- people let in a minute from its waiting room; 0: it has none
  version {int} not null, -- raised by every act; also the number of its latest event
  head {bytes} not null, -- the hash of that event
  next_check_at {int}, -- null: over, and everything that was left went home
  created_at {int} not null,
  changed_at {int} not null,
  unique (shop_id, slug),
  check (opens_at is null or closes_at is null or opens_at < closes_at)
) {strict};
create index drops_shop on drops (shop_id, id);
create index drops_open on drops (id) where state = 'open';
create index drops_due on drops (next_check_at) where next_check_at is not null;

create table drop_items (
  drop_id {bytes} not null references drops (id),
  variant_id {bytes} not null references variants (id),
  shop_id {bytes} not null references shops (id),
  position {int} not null,
  allotment {int} not null check (allotment >= 0), -- units given to the drop so far; before it is scheduled: to be given
  transient {int} not null check (transient in (0, 1)), -- sellable here only, and archived afterwards
  price_minor {int} not null check (price_minor >= 0),
  currency {text} not null,
  price_version {int} not null,
  primary key (drop_id, variant_id)
) {keyed};
create index drop_items_variant on drop_items (variant_id);

-- What somebody has of a drop, reserved and bought, under each name we know them by.
create table drop_buyers (
  drop_id {bytes} not null references drops (id),
  identity {bytes} not null, -- SHA-256, different in every drop
  units {int} not null check (units >= 0),
  units_max {int} not null,
  primary key (drop_id, identity),
  check (units <= units_max)
) {keyed};
-- What a checkout counts there: one row, so it is counted and given back once.
create table drop_claims (
  checkout_id {bytes} not null primary key,
  drop_id {bytes} not null references drops (id),
  shop_id {bytes} not null references shops (id),
  units {int} not null check (units > 0),
  held {int} not null check (held in (0, 1)), -- 0: the reservation ended without a sale
  identities {bytes} not null -- 33 bytes each: what kind, and the hash
) {keyed};
create index drop_claims_drop on drop_claims (drop_id);

-- Everything that was done in a drop, append-only; each event's hash covers the one before it.
create table drop_events (
  drop_id {bytes} not null references drops (id),
  position {int} not null, -- the drop's version after it
  kind {text} not null,
  detail {text} not null, -- JSON
  staff_id {bytes}, -- null: the clock, or a key
  at {int} not null,
  hash {bytes} not null,
  primary key (drop_id, position)
) {keyed};

-- A drop's waiting room, and the turns of those who wait in it.
create table drop_lines (
  drop_id {bytes} not null primary key references drops (id),
  rate {int} not null check (rate > 0), -- people let in a minute
  seed {bytes} not null, -- told when the drop opens
  arrivals {int} not null,
  drawn {int}, -- how many came before the opening, and are in the draw; null before it
  admitted {int} not null check (admitted <= arrivals),
  wave_at {int}, -- up to when people were let in
  version {int} not null
) {keyed};
create table drop_turns (
  id {bytes} not null primary key, -- follows from the drop and its buyer's secret, which is not kept
  drop_id {bytes} not null references drops (id),
  shop_id {bytes} not null references shops (id),
  late {int} not null check (late in (0, 1)), -- came after the opening: first come, first served
  rank {bytes} not null, -- in the draw, or the number of the arrival
  used {int} not null check (used in (0, 1)),
  pass_until {int}, -- null: still waiting
  checkout_id {bytes}, -- what the pass was used for
  joined_at {int} not null
) {keyed};
create unique index drop_turns_order on drop_turns (drop_id, late, rank);
create index drop_turns_waiting on drop_turns (drop_id, late, rank) where pass_until is null;
create index drop_turns_passes on drop_turns (drop_id, pass_until) where used = 0 and pass_until is not null;

-- Who waits for what is sold out. An offer's units are reserved under the id of its row.
create table drop_waits (
  id {bytes} not null primary key,
  drop_id {bytes} not null references drops (id),
  shop_id {bytes} not null references shops (id),
  variant_id {bytes} not null,
  units {int} not null check (units > 0),
  buyer {bytes} not null, -- the hash of their browser's secret
  state {text} not null check (state = 'waiting' or state = 'offered' or state = 'taken' or state = 'lapsed' or state = 'left'),
  offered_until {int},
  joined_at {int} not null
) {keyed};
create unique index drop_waits_one on drop_waits (drop_id, variant_id, buyer) where state = 'waiting' or state = 'offered';
create index drop_waits_waiting on drop_waits (drop_id, variant_id, joined_at, id) where state = 'waiting';
create index drop_waits_offered on drop_waits (drop_id, offered_until) where state = 'offered';
