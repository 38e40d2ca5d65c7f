-- A payment in conflict knows where it stood before, so that whoever leads it out of there does not have to guess whether it is still wanted.
-- And what a processor says of payments we do not know is kept until we do, or somebody was told.

alter table intents add column was {text}; -- of a payment in conflict: its state before; null in others, and in those of earlier programs

create table strange_notices (
  processor {text} not null,
  notice_id {text} not null,
  reference {text} not null, -- the payment it names, by our own reference
  said {text} not null, -- what it says, a plain sentence
  received_at {int} not null,
  next_check_at {int}, -- null: it was reported
  primary key (processor, notice_id)
) {keyed};
create index strange_notices_due on strange_notices (next_check_at) where next_check_at is not null;

-- Refunds that somebody makes on a processor's own pages name the payment as the processor does.
create index attempts_by_payment on attempts (reference) where reference <> '';
