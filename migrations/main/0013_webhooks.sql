-- Outgoing webhooks: who hears of what, what was told, and how the telling stands. An event's row is not its delivery: one is written with what
-- happened, the other changes with every try.

create table webhook_endpoints (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  url {text} not null,
  description {text} not null,
  events {text} not null, -- JSON: the types it hears of; an empty list is all of them
  state {text} not null check (state = 'enabled' or state = 'failing' or state = 'disabled'),
  reason {text} check (reason = 'gone' or reason = 'failing' or reason = 'staff'), -- of a disabled one
  generation {int} not null check (generation > 0), -- of its secret, which is derived and kept nowhere
  old_until {int}, -- until then the generation before signs as well
  failures {int} not null default 0 check (failures >= 0), -- in a row
  failing_since {int},
  disabled_at {int},
  rest_until {int} not null default 0, -- nothing is sent before that: it asked for it, or it keeps failing
  deleted_at {int}, -- nobody sees it any more; a job removes what it heard, then the row
  version {int} not null,
  created_at {int} not null,
  check ((state = 'disabled') = (reason is not null)),
  check ((state = 'disabled') = (disabled_at is not null))
) {strict};
create index webhook_endpoints_shop on webhook_endpoints (shop_id, id);
create index webhook_endpoints_deleted on webhook_endpoints (deleted_at) where deleted_at is not null;

-- How often an object was told of: the next version of its events. Dense, and it outlives them.
create table webhook_objects (
  shop_id {bytes} not null,
  object_id {bytes} not null,
  version {int} not null check (version > 0),
  primary key (shop_id, object_id)
) {keyed};

create table webhook_events (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  kind {text} not null,
  object_id {bytes} not null,
  version {int} not null,
  payload {text} not null, -- JSON, byte for byte as it is signed and sent
  created_at {int} not null,
  unique (shop_id, object_id, version)
) {strict};
create index webhook_events_age on webhook_events (created_at);

create table webhook_deliveries (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  endpoint_id {bytes} not null references webhook_endpoints (id),
  event_id {bytes} not null references webhook_events (id),
  state {text} not null check (state = 'pending' or state = 'leased' or state = 'delivered' or state = 'exhausted'),
  lease {int} not null default 0, -- grows with every taker: who lost it may not write its end
  tries {int} not null default 0, -- since it was begun, or begun again
  due_at {int} not null, -- of a leased one: when the lease ends
  status {int}, -- what the last answer was
  detail {text} not null default '', -- what stood in the way last
  created_at {int} not null,
  ended_at {int},
  unique (endpoint_id, event_id),
  check ((state = 'delivered' or state = 'exhausted') = (ended_at is not null))
) {strict};
create index webhook_deliveries_due on webhook_deliveries (endpoint_id, due_at, id) where ended_at is null;
create index webhook_deliveries_shop on webhook_deliveries (shop_id, id);
create index webhook_deliveries_endpoint on webhook_deliveries (endpoint_id, id);
create index webhook_deliveries_event on webhook_deliveries (event_id);
create index webhook_deliveries_lost on webhook_deliveries (endpoint_id, created_at, id) where state = 'exhausted';
create index webhook_deliveries_ended on webhook_deliveries (ended_at) where ended_at is not null;

create table webhook_attempts (
  delivery_id {bytes} not null,
  number {int} not null, -- the lease it was made under
  at {int} not null,
  status {int}, -- none: there was no answer
  millis {int} not null,
  detail {text} not null,
  reply {text} not null, -- the first bytes of the answer's body, as text
  primary key (delivery_id, number)
) {keyed};
