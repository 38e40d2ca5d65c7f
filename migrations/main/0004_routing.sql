-- More than one processor may take a shop's cards: its rules say who is asked, and every version of them is kept, so that a payment's log can be read
-- years later. A card that was refused for good is not asked for again.

create table routing_rules (
  shop_id {bytes} not null references shops (id),
  version {int} not null, -- 1, 2, …; the highest counts
  rules {text} not null, -- JSON: the rules in their order; never changed
  created_at {int} not null,
  primary key (shop_id, version)
) {strict};
-- Whether the decline was a hard one: never again with this card.
alter table attempts add column hard {int} not null default 0;
