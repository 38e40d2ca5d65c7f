-- Erasing a buyer (docs/privacy.md): who asked, which purchases it is about, and which of them are held for now, and why.

alter table checkouts add column erased_at {int}; -- since then nothing of it says who the buyer was

create table erasures (
  id {bytes} not null primary key, -- chosen by whoever asks
  shop_id {bytes} not null references shops (id),
  subject {bytes} not null, -- the mailbox or number, as a keyed hash of this installation: a restored backup finds its purchases again
  email {text} not null, -- where the confirmation goes; emptied when it is written
  asked_by {text} not null check (asked_by = 'buyer' or asked_by = 'staff' or asked_by = 'list'),
  staff_id {bytes},
  state {text} not null check (state = 'looking' or state = 'open' or state = 'done'),
  asked_at {int} not null,
  done_at {int},
  next_check_at {int}, -- null only at the end
  check ((state = 'done') = (next_check_at is null)),
  check ((state = 'done') = (done_at is not null)),
  check (state = 'looking' or email = '')
) {strict};
create index erasures_shop on erasures (shop_id, id);
create index erasures_due on erasures (next_check_at) where next_check_at is not null;

-- A purchase it is about.
create table erasure_items (
  erasure_id {bytes} not null references erasures (id),
  checkout_id {bytes} not null references checkouts (id),
  state {text} not null check (state = 'waiting' or state = 'held' or state = 'erased'),
  reasons {text} not null default '', -- of a held one: why, as our words with spaces between
  until {int}, -- of a held one: when that ends, as far as it is known
  changed_at {int} not null,
  primary key (erasure_id, checkout_id),
  check ((state = 'held') = (reasons <> ''))
) {keyed};
