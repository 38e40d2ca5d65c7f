-- Discounts: what takes something off a price, by itself or for whoever types a code. A discount's row has its limit and its counter; every version of its
-- rule is kept, so that what was quoted is honoured by the rule it was quoted with.

create table discounts (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  version {int} not null,
  state {text} not null check (state in ('active', 'ended')),
  code {text}, -- in capitals; null: it applies by itself
  rule {text} not null, -- JSON: of this version
  starts_at {int} not null,
  ends_at {int},
  uses_max {int} not null check (uses_max >= 0), -- 0: no limit
  used {int} not null check (used >= 0), -- how often it was had and not given back, as far as it was counted
  created_at {int} not null,
  changed_at {int} not null,
  unique (shop_id, code),
  check (uses_max = 0 or used <= uses_max)
) {strict};
create index discounts_shop on discounts (shop_id, id);
create index discounts_by_themselves on discounts (shop_id, id) where code is null and state = 'active';

create table discount_versions (
  discount_id {bytes} not null references discounts (id),
  version {int} not null,
  rule {text} not null, -- JSON
  staff_id {bytes}, -- null: a key
  at {int} not null,
  primary key (discount_id, version)
) {keyed};

-- That a checkout, and the order it became, has a discount: once.
create table discount_uses (
  checkout_id {bytes} not null,
  discount_id {bytes} not null references discounts (id),
  shop_id {bytes} not null references shops (id),
  version {int} not null, -- of its rule
  held {int} not null check (held in (0, 1)), -- 0: given back, the checkout or the order ended
  counted {int} not null check (counted in (0, 1)), -- 1: against the limit of all uses
  names {bytes} not null, -- 33 bytes each: what kind, and the hash
  created_at {int} not null,
  primary key (checkout_id, discount_id)
) {keyed};
create index discount_uses_discount on discount_uses (discount_id, held);

-- How often one buyer had one discount.
create table discount_buyers (
  discount_id {bytes} not null references discounts (id),
  name {bytes} not null, -- what kind, and the hash: it means nothing for another discount
  used {int} not null check (used >= 0),
  used_max {int} not null,
  primary key (discount_id, name),
  check (used <= used_max)
) {keyed};

-- Bundles: a product of one variant whose price buys several others together. What a bundle was when it was sold stands on the order's lines.
alter table products add column is_bundle {int} not null default 0 check (is_bundle in (0, 1));
create table bundles (
  product_id {bytes} not null primary key references products (id),
  shop_id {bytes} not null references shops (id),
  keep_the_rest {text} not null check (keep_the_rest = 'prorate' or keep_the_rest = 'reprice' or keep_the_rest = 'none')
) {keyed};
create table bundle_parts (
  product_id {bytes} not null references products (id),
  position {int} not null,
  variant_id {bytes} not null references variants (id),
  quantity {int} not null check (quantity > 0),
  primary key (product_id, position)
) {keyed};
create index bundle_parts_variant on bundle_parts (variant_id);
