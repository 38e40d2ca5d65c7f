-- What a buyer saw must survive edits of the shop: its seller and its policies are kept as they were, once for every different text.

create table shop_policies (
  shop_id {bytes} not null references shops (id),
  hash {text} not null, -- SHA-256 of the texts: the same texts are one row
  texts {text} not null, -- JSON: seller, days to return, policies; never changed
  kept_at {int} not null,
  primary key (shop_id, hash)
) {strict};
-- The texts of today. Null in a shop from before: they are kept when it is edited, or with its next sale.
alter table shops add column policies {text};
