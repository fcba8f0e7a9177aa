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

create table shop.at_times (id int4range, during datemultirange, unique (id, during without overlaps));
create table shop.part_of_times (
    id int4range, during datemultirange, foreign key (id, period during) references shop.at_times (id, period during) deferrable initially deferred
);
insert into shop.at_times values ('[1,2)', '{[2020-01-01,2021-01-01),[2022-01-01,2023-01-01)}'), (null, null);
create table shop.virtual_whole (a int, b int generated always as (a * 2), c int generated always as (a + 1) stored) partition by range (a);
create table shop.virtual_part partition of shop.virtual_whole (b generated always as (a * 3)) for values from (1) to (10);
create table shop.virtual_attached (gone int, c int generated always as (a + 7) stored, b int generated always as (a * 9), a int);
alter table shop.virtual_attached drop gone;
alter table shop.virtual_whole attach partition shop.virtual_attached for values from (10) to (20);
insert into shop.virtual_whole values (1), (11);
create table shop.unenforced_whole (n int references shop.unenforced not enforced) partition by list (n);
create table shop.unenforced_part partition of shop.unenforced_whole for values in (1, 77);
alter table shop.unenforced_part add constraint never check (n > 100) not enforced;
insert into shop.unenforced_whole values (1), (77);
create table shop.enforced_later (n int constraint later references shop.unenforced not enforced);
alter table shop.enforced_later alter constraint later enforced;
create table shop.not_null_alone (a int not null no inherit);
create table shop.nullable_heir (a int) inherits (shop.not_null_alone);
