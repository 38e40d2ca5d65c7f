-- Pre-orders: what was ever counted in. Of what arrived some may go to the shelf again, so that number may come back; this one only grows.

alter table preorders add column counted {int} not null default 0 check (counted >= 0); -- pieces that came, those nobody expected too
update preorders set counted = arrived;
