-- What players saw and did, in a file and lane of their own: ingest never slows a checkout. No raw addresses, no user agents.
-- The shop is part of every key: what a player of one shop claims never touches the figures of another.

create table events (
  shop_id {bytes} not null,
  id {bytes} not null, -- the player's own: a batch that is sent again counts once
  clip_id {bytes} not null,
  clip_version {int} not null,
  visit {bytes}, -- none for viewers who asked not to be followed
  kind {text} not null,
  anchor_id {bytes},
  at_ms {int} not null, -- position in the clip
  from_second {int} not null default 0, -- watched seconds, the second one excluded
  to_second {int} not null default 0,
  day {int} not null, -- days since 1970, UTC, on which it happened
  received_at {int} not null,
  folded {int} not null default 0,
  primary key (shop_id, id)
) {strict};
create index events_unfolded on events (received_at) where folded = 0;
create index events_received on events (received_at);
-- What a visit, and a shop, may still send on a day; `visit` is the shop's own id for the whole shop.
create table budgets (
  shop_id {bytes} not null,
  day {int} not null,
  visit {bytes} not null,
  events {int} not null,
  primary key (day, shop_id, visit)
) {strict};
create table counters (
  shop_id {bytes} not null,
  clip_id {bytes} not null,
  day {int} not null,
  kind {text} not null,
  anchor_id {bytes} not null, -- the clip's own id where no anchor is meant
  count {int} not null,
  primary key (shop_id, clip_id, day, kind, anchor_id)
) {strict};
-- Which visits reached which step: 1 view, 2 tap, 3 add. Purchases are orders.
create table visit_steps (
  shop_id {bytes} not null,
  day {int} not null,
  clip_id {bytes} not null,
  step {int} not null check (step between 1 and 3),
  visit {bytes} not null,
  primary key (shop_id, day, clip_id, step, visit)
) {strict};
-- Watched seconds as changes: +1 where a stretch begins, -1 where it ends. The sum up to a second is how often it was played, and a
-- stretch costs two rows however long it is.
create table retention (
  shop_id {bytes} not null,
  clip_id {bytes} not null,
  day {int} not null,
  second {int} not null,
  change {int} not null,
  primary key (shop_id, clip_id, day, second)
) {strict};
create table dropped (
  shop_id {bytes} not null,
  day {int} not null,
  reason {text} not null,
  count {int} not null,
  primary key (shop_id, day, reason)
) {strict};
