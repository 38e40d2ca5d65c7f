-- Every sale writes a letter and lines of a payment's log. What is found by its payment is kept by it, and what has its time in its id needs no second
-- order by time.

create table payment_log_by_intent (
  intent_id {bytes} not null,
  id {bytes} not null,
  at {int} not null,
  what {text} not null, -- one plain sentence
  detail {text} not null,
  primary key (intent_id, id)
) {keyed};
insert into payment_log_by_intent (intent_id, id, at, what, detail) select intent_id, id, at, what, detail from payment_log;
drop table payment_log;
alter table payment_log_by_intent rename to payment_log;

drop index mails_newest;
create index mails_refused on mails (created_at) where state = 'refused';
