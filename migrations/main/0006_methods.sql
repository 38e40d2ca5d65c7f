-- A buyer who agreed may pay again without typing: the processor's reusable token of a card, and where its parcels go. Owned by a secret that the
-- buyer's browser holds and we only know by its hash. An offer right after a purchase is another checkout, linked to the first.

create table stored_methods (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  owner {bytes} not null, -- hash of the shop and the browser's secret
  checkout_id {bytes} not null unique, -- the purchase at which the buyer agreed
  state {text} not null check (state in ('wanted', 'kept', 'forgetting')),
  processor {text} not null, -- empty while wanted
  token {text} not null, -- the processor's name of the card; never a number
  customer {text} not null, -- the processor's name of whose it is
  brand {text} not null,
  last_four {text} not null check (length(last_four) in (0, 4)),
  card_expires {text} not null, -- year and month, or empty
  contact {text} not null, -- JSON; empty once it is being forgotten
  address {text} not null, -- JSON, or empty
  tries {int} not null default 0,
  created_at {int} not null,
  used_at {int} not null,
  next_check_at {int} not null, -- wanted, forgetting: when the processor is asked again; kept: when it is forgotten unless used before
  check (state <> 'kept' or (processor <> '' and token <> '' and last_four <> '')),
  check (state <> 'forgetting' or (contact = '' and address = ''))
) {strict};
create index stored_methods_owner on stored_methods (shop_id, owner);
create index stored_methods_due on stored_methods (next_check_at);
-- Bought right after an order, with the method that paid it. The same offer is bought once after an order, whatever ids the taps have.
create table upsells (
  first_id {bytes} not null references checkouts (id),
  lines {text} not null, -- variants and quantities
  shop_id {bytes} not null references shops (id),
  checkout_id {bytes} not null unique,
  created_at {int} not null,
  primary key (first_id, lines)
) {keyed};
