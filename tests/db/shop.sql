-- A shop whose tables say which batch they are of: all of them the same, in every generation.

create type mood as enum ('sad', 'ok');
create table customers (id int primary key, name text not null, mood mood not null default 'ok', batch int);
create table orders (
    id int primary key, customer_id int not null references customers, amount int, note text, batch int,
    "odd.column" int, unique (id, customer_id)
);
create table days (day date primary key, n int, batch int) partition by range (day);
create table days_2026 partition of days for values from ('2026-01-01') to ('2027-01-01');
create sequence numbers;
create function double(n int) returns int language sql immutable return n * 2;
create view order_names as select o.id, c.name, o.batch from orders o join customers c on c.id = o.customer_id;
create materialized view order_totals as select customer_id, sum(amount) as amount, max(batch) as batch from orders group by 1;
insert into customers select n, 'customer ' || n, 'ok', 1 from generate_series(1, 3) n;
insert into orders select n, 1 + n % 3, n * 10, 'note ' || n, 1 from generate_series(1, 30) n;
update orders set customer_id = 1 where id = 1;
insert into days select '2026-01-01'::date + n, n, 1 from generate_series(1, 10) n;
select setval('numbers', 41);
refresh materialized view order_totals;
