-- What Postgres knows since version 18.

create table shop.virtual (
    base numeric, doubled numeric generated always as (base * 2) virtual
);
insert into shop.virtual (base) values (1.50), (null);

create table shop.named_not_null (
    a int constraint "a's there" not null, b int constraint no_heirs not null no inherit
);
insert into shop.named_not_null values (1, 2);
comment on constraint "a's there" on shop.named_not_null is 'it''s named';
create table shop.named_heir () inherits (shop.named_not_null);
create table shop.not_null_one_day (c int);
insert into shop.not_null_one_day values (null);
alter table shop.not_null_one_day add constraint c_one_day not null c not valid;

create table shop.unenforced (
    id int primary key, n int constraint hardly_positive check (n > 0) not enforced,
    customer int references shop.customer not enforced
);
insert into shop.unenforced values (1, -1, 666);

create table shop.at_a_time (id int4range, during daterange, v int, primary key (id, during without overlaps));
create table shop.part_of_time (
    id int4range, during daterange,
    foreign key (id, period during) references shop.at_a_time (id, period during)
);
insert into shop.at_a_time values ('[1,2)', '[2020-01-01,2020-02-01)', 1), ('[1,2)', '[2020-02-01,)', 2);
insert into shop.part_of_time values ('[1,2)', '[2020-01-15,2020-02-15)');

create table shop.by_uuid (id uuid default uuidv7() primary key);
