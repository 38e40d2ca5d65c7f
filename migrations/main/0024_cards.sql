-- Which card a promise is of, as a hash, where its processor says so: one buyer with one card is one buyer.
alter table attempts add column card {bytes};
