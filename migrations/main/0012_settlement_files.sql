-- What processors say they settled. A file is taken whole or not at all; its lines wait in parts until the job has looked at them, and each line is
-- written down once, whichever file brings it.

create table settlement_files (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  processor {text} not null,
  format {text} not null check (format = 'stripe' or format = 'adyen'),
  name {text} not null, -- as whoever sent it calls it
  hash {bytes} not null, -- SHA-256 of its bytes
  batches {text} not null, -- the processor's names of the payouts in it, at most a few, separated by spaces
  state {text} not null check (state = 'receiving' or state = 'matching' or state = 'looking' or state = 'done'),
  lines {int} not null,
  worked {int} not null default 0, -- looked at so far
  again {int} not null default 0, -- of which another file had brought them
  matched {int} not null default 0, -- of which agree with something of ours
  booked {int} not null default 0, -- fees and payouts of no sale, booked as they stand
  excepted {int} not null default 0, -- of which a person has to say something
  missing {int} not null default 0, -- sales of ours that no file has named
  from_at {int}, -- the earliest and latest line; null where no line has a time
  till_at {int},
  looked {bytes}, -- while looking: the last capture that was
  staff_id {bytes},
  next_check_at {int}, -- null when done
  created_at {int} not null,
  done_at {int},
  unique (shop_id, processor, hash),
  check (again + matched + booked + excepted <= worked and worked <= lines),
  check ((state = 'done') = (next_check_at is null))
) {strict};
create index settlement_files_due on settlement_files (next_check_at) where next_check_at is not null;
create index settlement_files_shop on settlement_files (shop_id, id);

create table settlement_parts (
  file_id {bytes} not null references settlement_files (id),
  n {int} not null,
  lines {text} not null, -- JSON: a few lines in our words
  primary key (file_id, n)
) {keyed};

create table settlement_lines (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  file_id {bytes} not null references settlement_files (id), -- the first that brought it
  processor {text} not null,
  name {text} not null, -- what makes it this line: the processor's own name for it, or what it says
  digest {bytes} not null, -- of what it says
  line_number {int} not null, -- in that file; 0: no line of a file, but one that is missing
  kind {text} not null check (kind = 'charge' or kind = 'refund' or kind = 'refund_failed' or kind = 'dispute' or kind = 'dispute_won' or kind = 'fee' or kind = 'payout' or kind = 'carried' or kind = 'other'),
  word {text} not null, -- the processor's own word for its kind
  payment {text} not null, -- the processor's name of the payment, empty where there is none
  operation {text} not null, -- and of what was done with it
  sold_minor {int} not null, -- in the currency of the sale; below zero: it left
  sold_currency {text} not null,
  net_minor {int} not null, -- what it changes of what the processor owes, in the currency it settles in
  net_currency {text} not null,
  fee_minor {int} not null, -- what it kept of it, in that currency
  at {int},
  state {text} not null check (state = 'matched' or state = 'booked' or state = 'noted' or state = 'open' or state = 'accepted' or state = 'left' or state = 'resolved'),
  trouble {text} not null default '' check (trouble = '' or trouble = 'extra' or trouble = 'missing' or trouble = 'amount' or trouble = 'currency' or trouble = 'fee' or trouble = 'duplicate'),
  ours {bytes}, -- the capture, refund or dispute of ours that it is about
  checkout_id {bytes}, -- whose it is
  ours_minor {int} not null default 0, -- what ours says, and what we expected to be kept
  ours_fee_minor {int} not null default 0,
  ours_currency {text}, -- null where it is about none of ours
  reason {text} not null default '', -- why a person decided so
  staff_id {bytes},
  decided_at {int},
  created_at {int} not null,
  unique (shop_id, name, processor), -- by its name it is also found under another processor, whose file it then is
  check ((state = 'matched' or state = 'booked' or state = 'noted') = (trouble = '')),
  check ((state = 'accepted' or state = 'left') = (decided_at is not null))
) {strict};
-- One of ours is settled by one line.
create unique index settlement_lines_ours on settlement_lines (shop_id, kind, ours) where ours is not null and line_number > 0;
create index settlement_lines_open on settlement_lines (shop_id, id) where state = 'open';
create index settlement_lines_file on settlement_lines (file_id, line_number, id);

-- What a person said in the place of a processor that cannot be asked: should it speak after all, the opposite is a conflict.
alter table captures add column told {int} not null default 0 check (told between 0 and 1);
alter table refunds add column told {int} not null default 0 check (told between 0 and 1);
