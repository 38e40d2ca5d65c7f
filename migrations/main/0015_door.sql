-- Drops, more of them: who goes on with what they reserved.

-- The checkout in which a browser has something of a drop: its second tab is led there. Emptied when the drop is settled.
create table drop_holds (
  drop_id {bytes} not null references drops (id),
  buyer {bytes} not null, -- the hash of their browser's secret
  variant_id {bytes} not null,
  checkout_id {bytes} not null,
  primary key (drop_id, buyer, variant_id)
) {keyed};

-- Steps of a price that were planned with the drop.
create table drop_rules (
  id {bytes} not null primary key,
  drop_id {bytes} not null references drops (id),
  shop_id {bytes} not null references shops (id),
  variant_id {bytes} not null,
  position {int} not null,
  kind {text} not null check (kind = 'at' or kind = 'every' or kind = 'sold'),
  at {int}, -- at: the moment
  minutes {int}, -- every: so many, counted from the opening
  down_minor {int}, -- every: so much less each time
  units {int}, -- sold: once so many are paid
  price_minor {int} not null check (price_minor >= 0), -- what it sets; every: the floor
  currency {text} not null,
  state {text} not null check (state = 'waiting' or state = 'done' or state = 'stopped'),
  steps {int} not null, -- how many it took
  next_at {int} -- when the clock takes its next one; null: sales do, or the opening sets it, or it is over
) {keyed};
create index drop_rules_drop on drop_rules (drop_id, position);
create index drop_rules_due on drop_rules (drop_id, next_at) where state = 'waiting' and next_at is not null;
create index drop_rules_sold on drop_rules (drop_id) where state = 'waiting' and kind = 'sold';

alter table shops add column time_zone {text} not null default 'UTC'; -- an IANA name: the clock its people plan by

-- Some may buy earlier than everybody.
alter table drops add column early_minutes {int} not null default 0 check (early_minutes >= 0); -- so much earlier it opens for its guests; 0: it does not
create table drop_links (
  id {bytes} not null primary key,
  drop_id {bytes} not null references drops (id),
  shop_id {bytes} not null references shops (id),
  label {text} not null, -- whom it is for, in the host's words
  people {int} not null check (people > 0),
  used {int} not null check (used <= people), -- browsers it was bound to
  revoked {int} not null check (revoked in (0, 1)),
  created_at {int} not null
) {keyed};
create index drop_links_drop on drop_links (drop_id, id);
create table drop_guests (
  drop_id {bytes} not null references drops (id),
  buyer {bytes} not null, -- the hash of their browser's secret
  link_id {bytes}, -- what made them one
  bound_at {int} not null,
  primary key (drop_id, buyer)
) {keyed};

-- Work at the door of a waiting room.
alter table drop_lines add column guarded {int} not null default 0 check (guarded in (0, 1)); -- 1: each new turn costs work, whether or not there is a rush
alter table drop_lines add column second {int} not null default 0; -- the second of the last arrival
alter table drop_lines add column in_second {int} not null default 0; -- arrivals in it
alter table drop_lines add column rush_until {int}; -- until when each new turn costs work

-- Who asked for a letter of a drop. Forgotten when it is settled.
create table drop_contacts (
  id {bytes} not null primary key,
  drop_id {bytes} not null references drops (id),
  shop_id {bytes} not null references shops (id),
  about {text} not null check (about in ('offer', 'opening')),
  buyer {bytes} not null, -- the hash of their browser's secret
  email {text} not null,
  plain {text} not null, -- the same mailbox, however it is written
  state {text} not null check (state = 'asked' or state = 'confirmed' or state = 'left'),
  asked {int} not null check (asked in (0, 1)), -- the letter that asks whether it was they was written
  reminded {int} not null check (reminded in (0, 1)), -- the letter before the opening was written
  created_at {int} not null
) {keyed};
create unique index drop_contacts_one on drop_contacts (drop_id, about, plain);
create index drop_contacts_buyer on drop_contacts (drop_id, buyer);
create index drop_contacts_unasked on drop_contacts (created_at) where asked = 0 and state = 'asked';
create index drop_contacts_opening on drop_contacts (drop_id) where about = 'opening' and reminded = 0 and state = 'confirmed';
alter table drop_waits add column written {int} not null default 0 check (written in (0, 1)); -- a letter told of its offer
create index drop_waits_unwritten on drop_waits (drop_id, buyer) where state = 'offered' and written = 0;
