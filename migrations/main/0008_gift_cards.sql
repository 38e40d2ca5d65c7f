-- Gift cards: value that was sold or given before it is spent. A card's row is its account: what may be spent of it, and what is held for checkouts that
-- are being paid. One checkout uses one card; what it covers is frozen when it is held, and taken parcel by parcel.

create table gift_cards (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  code_hash {bytes} not null, -- the code itself is shown once and kept nowhere
  last_four {text} not null check (length(last_four) = 4),
  currency {text} not null,
  initial_minor {int} not null check (initial_minor > 0),
  balance_minor {int} not null check (balance_minor >= 0), -- what may be spent
  held_minor {int} not null default 0 check (held_minor >= 0), -- set aside for checkouts and orders, not taken yet
  reason {text} not null check (reason in ('sold', 'given')),
  state {text} not null check (state in ('active', 'disabled')),
  note {text} not null,
  expires_at {int},
  version {int} not null,
  created_at {int} not null,
  unique (shop_id, code_hash),
  check (balance_minor + held_minor <= initial_minor)
) {strict};
create index gift_cards_shop on gift_cards (shop_id, id);

-- What a checkout uses of a card: one row, so it is held, taken and given back once, however often it is tried.
create table gift_card_uses (
  checkout_id {bytes} not null primary key,
  gift_card_id {bytes} not null references gift_cards (id),
  shop_id {bytes} not null references shops (id),
  covers_minor {int} not null check (covers_minor > 0), -- the part of the total that it pays
  held_minor {int} not null check (held_minor >= 0), -- nothing: it was let go, or everything was taken
  taken_minor {int} not null default 0 check (taken_minor >= 0),
  returned_minor {int} not null default 0 check (returned_minor >= 0),
  allocation {text} not null default '', -- JSON: its part of the frozen split; empty before the payment begins
  created_at {int} not null,
  changed_at {int} not null,
  check (held_minor + taken_minor <= covers_minor),
  check (returned_minor <= taken_minor)
) {keyed};
create index gift_card_uses_card on gift_card_uses (gift_card_id);
create index gift_card_uses_held on gift_card_uses (shop_id, checkout_id) where held_minor > 0;

-- Everything that ever happened to a card, append-only.
create table gift_card_moves (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  gift_card_id {bytes} not null references gift_cards (id),
  kind {text} not null check (kind in ('issued', 'held', 'released', 'taken', 'returned', 'changed')),
  source_id {bytes} not null, -- why: a parcel, an adjustment; else the move itself
  checkout_id {bytes},
  amount_minor {int} not null check (amount_minor >= 0),
  detail {text} not null default '', -- of a change: what was changed
  legs {text} not null default '', -- JSON: what the ledger says of it
  staff_id {bytes},
  at {int} not null,
  unique (kind, source_id)
) {keyed};
create index gift_card_moves_card on gift_card_moves (gift_card_id, id);
create index gift_card_moves_checkout on gift_card_moves (checkout_id) where checkout_id is not null;
