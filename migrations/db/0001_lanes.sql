-- What the database layer needs for itself: proof that a batch was committed, facts on their way, leases of jobs, and the epoch.

-- One row a batch. After a lost link the lane inserts it again: a conflict says the batch had committed.
create table batches (
  id {bytes} not null primary key,
  at {int} not null
) {keyed};
create index batches_at on batches (at);

-- Facts someone acts on. Claimed by deleting, in the transaction that acts: never by "id greater than the last".
create table outbox (
  id {bytes} not null primary key,
  kind {text} not null,
  payload {text} not null,
  state {int} not null default 0, -- 0 due, 1 dead: a person has to look
  tries {int} not null default 0,
  due_at {int} not null,
  recorded_at {int} not null
) {keyed};
create index outbox_due on outbox (state, due_at);

-- Who runs which job, fenced by a number that grows with every lease.
create table leases (
  name {text} not null primary key,
  owner {bytes} not null,
  number {int} not null,
  until {int} not null
) {keyed};

-- One row. The epoch grows with every restore; `frozen` stops outgoing money until the processors' books are reconciled.
create table installation (
  one {int} not null primary key check (one = 1),
  epoch {int} not null,
  frozen {int} not null,
  signing_key {bytes} not null
) {strict};
