-- What a drop sells and is not there yet: a pre-order whose units lie at the drop's place.

alter table drop_items add column ships_by {int}; -- the day it leaves by; null: its units come from the shop's stock
alter table preorders add column place_id {bytes}; -- a drop's place; null: one of its own, whose id is the pre-order's
create unique index preorders_place on preorders (place_id, variant_id) where place_id is not null;
