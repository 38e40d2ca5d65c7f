-- Store credit: money of an order that goes back onto a card of its buyer in place of the way it came; and exchanges, which are paid with it.

-- Of money that became store credit: no processor was asked, and its books know nothing of it.
alter table refunds add column credited {int} not null default 0 check (credited in (0, 1));

-- A gift card of the kind `store_credit` belongs to an order. What is put on it later raises `initial_minor`, which is all that was ever put on it.
alter table gift_cards add column order_id {bytes}; -- whose money it is; null: it was sold or given
alter table gift_cards add column paid_out_minor {int} not null default 0 check (paid_out_minor >= 0); -- went back as money after all
{sqlite}
pragma writable_schema = on;
update sqlite_schema set sql = replace(sql, 'check (reason in (''sold'', ''given''))', 'check (reason in (''sold'', ''given'', ''store_credit''))')
 where type = 'table' and name = 'gift_cards';
update sqlite_schema set sql = replace(sql,
  'check (kind in (''issued'', ''held'', ''released'', ''taken'', ''returned'', ''changed''))',
  'check (kind in (''issued'', ''held'', ''released'', ''taken'', ''returned'', ''changed'', ''credited'', ''paid_out''))')
 where type = 'table' and name = 'gift_card_moves';
pragma writable_schema = reset;
{/sqlite}
{postgres}
alter table gift_cards drop constraint gift_cards_reason_check;
alter table gift_cards add constraint gift_cards_reason_check check (reason in ('sold', 'given', 'store_credit'));
alter table gift_card_moves drop constraint gift_card_moves_kind_check;
alter table gift_card_moves add constraint gift_card_moves_kind_check
  check (kind in ('issued', 'held', 'released', 'taken', 'returned', 'changed', 'credited', 'paid_out'));
{/postgres}

-- A return whose money pays for something else: that exchange decides what becomes of it. Null: it goes back the way it came.
alter table returns add column exchange_id {bytes};

-- Something that has left comes back, and something else leaves for it. What leaves is kept at a place of its own, whose id is the exchange's, so a
-- promise to a buyer is a real unit.
create table exchanges (
  id {bytes} not null primary key, -- chosen by whoever asks for it
  shop_id {bytes} not null references shops (id),
  order_id {bytes} not null references orders (id), -- what comes back was bought with it
  return_id {bytes} not null, -- follows from the id
  state {text} not null check (state = 'awaited' or state = 'to_pay' or state = 'placed' or state = 'refunded' or state = 'closed'),
  line {int} not null, -- what comes back
  quantity {int} not null check (quantity > 0),
  variant_id {bytes} not null references variants (id), -- what leaves for it
  quote {text} not null, -- JSON: what it costs, as it was shown when it was asked for
  due_by {int} not null, -- until when the goods, or of one to pay its money, have to be here
  missing_minor {int} not null default 0 check (missing_minor >= 0), -- of one to pay: what is dearer
  tries {int} not null default 0, -- checkouts that were begun for it
  checkout_id {bytes}, -- the last of them
  trouble {text} not null default '', -- why it waits; of one that ended without a new order, why
  asked_at {int} not null,
  ended_at {int},
  staff_id {bytes}, -- who wrote it down for the buyer, or closed it
  version {int} not null,
  next_check_at {int} -- null only at the end
) {keyed};
create index exchanges_order on exchanges (order_id);
create unique index exchanges_checkout on exchanges (checkout_id) where checkout_id is not null;
create unique index exchanges_return on exchanges (return_id);
create index exchanges_open on exchanges (shop_id, due_by) where ended_at is null;
create index exchanges_due on exchanges (next_check_at) where next_check_at is not null;
