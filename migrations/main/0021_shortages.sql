-- Shortages: a count that finds fewer units than were promised is not lost, and takes nothing back that was promised.

alter table stock add column missing {int} not null default 0 check (missing >= 0); -- of what is on hand: units that a count did not find
create index stock_missing on stock (shop_id) where missing > 0;

-- Who waits for units of a variant at a place.
create index order_lines_open on order_lines (variant_id, location_id) where shipped + canceled < quantity;
