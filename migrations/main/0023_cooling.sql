-- Drops: what somebody had reserved and did not pay. Who lets units lie again and again waits before they may reserve there once more.

alter table drop_buyers add column lapses {int} not null default 0 check (lapses >= 0);
alter table drop_buyers add column cools_until {int}; -- nothing is reserved under this name before; null: whenever they like

-- Whoever says something of a purchase whose buyer was erased begins that erasure again. (A former text of 0022 made this index.)
create index if not exists erasure_items_checkout on erasure_items (checkout_id);
