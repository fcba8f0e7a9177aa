-- What Postgres knows since version 15.

create table shop.nulls_once (a int, b int, unique nulls not distinct (a, b));
insert into shop.nulls_once values (null, 1), (1, null);
create unique index nulls_once_index on shop.nulls_once (b) nulls not distinct where a > 1;

create view shop.as_the_invoker with (security_invoker = true, security_barrier = false) as select * from shop.customer;

create unlogged sequence shop.unlogged_sequence;
create table shop.half_forgotten (
    id int primary key, size shop.size, product bigint,
    foreign key (product, size) references shop.product (id, size) on delete set null (size)
);
insert into shop.half_forgotten values (1, 'small', 1), (2, null, 7);

create table shop.scales (thousands numeric(4, -3), small numeric(2, 5));
insert into shop.scales values (1234567, 0.00012), ('NaN', null);
