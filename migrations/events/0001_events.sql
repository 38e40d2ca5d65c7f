-- What players saw and did, in a file and lane of their own: ingest never slows a checkout. No raw addresses, no user agents.

create table events (
  id {bytes} not null primary key, -- the player's own id: a retried batch counts once
  shop_id {bytes} not null,
  clip_id {bytes} not null,
  clip_version {int} not null,
  visit {bytes}, -- null with GPC
  kind {text} not null,
  anchor_id {bytes},
  at_ms {int} not null, -- position in the clip
  until_ms {int} not null default 0, -- for ranges of watched seconds
  day {int} not null, -- days since 1970
  received_at {int} not null,
  folded {int} not null default 0
) {strict};
create index events_unfolded on events (received_at) where folded = 0;
create index events_received on events (received_at);
create table counters (
  shop_id {bytes} not null,
  clip_id {bytes} not null,
  day {int} not null,
  kind {text} not null,
  anchor_id {bytes} not null, -- the clip's own id where no anchor is meant
  count {int} not null,
  primary key (clip_id, day, kind, anchor_id)
) {strict};
create table visit_steps (
  clip_id {bytes} not null,
  day {int} not null,
  visit {bytes} not null,
  step {int} not null, -- 1 view, 2 tap, 3 add, 4 purchase
  shop_id {bytes} not null,
  primary key (clip_id, day, visit, step)
) {strict};
create table retention (
  clip_id {bytes} not null,
  second {int} not null,
  shop_id {bytes} not null,
  plays {int} not null,
  primary key (clip_id, second)
) {strict};
create table dropped (
  shop_id {bytes} not null,
  day {int} not null,
  reason {text} not null,
  count {int} not null,
  primary key (shop_id, day, reason)
) {strict};
