-- What others build on a published copy, of every kind.
--
-- {analyst}  a role that the publishing one is a member of; all else is the publishing one's own
-- {reader}   any other role

create schema theirs;
grant usage, create on schema theirs to {analyst};
grant usage on schema theirs, public to {reader};
grant select on public.orders to {analyst};

-- views
create view theirs.names as select id, name from public.customers;
comment on view theirs.names is 'their names';
comment on column theirs.names.name is 'one of their names';
grant select on theirs.names to {reader} with grant option;
grant select (id) on theirs.names to public;
create view theirs.names_above as select upper(name) as name from theirs.names;
create view theirs.large with (security_barrier, check_option = local) as
    select id, amount, batch from public.orders where amount > 10;
create view theirs.by_analyst as select count(*) as n from public.orders;
alter view theirs.by_analyst owner to {analyst};
create view theirs.of_our_view as select * from public.order_names;
create view theirs.counting as select count(*) as n from public.orders;

-- views whose columns are of published types: they can only be built anew
create view theirs.moods as select id, mood, mood::text as word from public.customers;
comment on view theirs.moods is 'their moods';
grant select on theirs.moods to {reader};
grant select (mood) on theirs.moods to public;
alter view theirs.moods alter column word set default 'none';
create function theirs.instead() returns trigger language plpgsql as 'begin return null; end';
create trigger instead instead of insert on theirs.moods for each row execute function theirs.instead();
create rule never as on delete to theirs.moods do instead nothing;
create view theirs.moods_above as select count(*) as n, min(mood) as least from theirs.moods;
alter view theirs.moods_above owner to {analyst};
create view theirs.open_once as select mood from public.customers; -- default privileges of the schema gave it away
alter default privileges in schema theirs grant select on tables to {reader};
create view theirs.literal as select 'ok'::public.mood as mood;

revoke insert, update, delete on theirs.moods_above from {analyst};

-- materialized views
create table theirs.factors (id int primary key, factor int);
insert into theirs.factors values (1, 100);
grant select on theirs.factors to {analyst};
create materialized view theirs.totals with (fillfactor = 70) as
    select o.customer_id, sum(o.amount * f.factor) as amount, max(o.batch) as batch
    from public.orders o cross join theirs.factors f group by o.customer_id;
create unique index totals_customer on theirs.totals (customer_id);
create index totals_amount on theirs.totals (amount) where amount > 0;
comment on materialized view theirs.totals is 'their totals';
comment on index theirs.totals_amount is 'their index on it';
alter index theirs.totals_amount set (fillfactor = 60);
create index totals_expression on theirs.totals ((amount * 2));
alter index theirs.totals_expression alter column 1 set statistics 300;
alter materialized view theirs.totals cluster on totals_customer;
alter materialized view theirs.totals alter amount set statistics 400;
alter materialized view theirs.totals alter batch set (n_distinct = 2);
create statistics theirs.of_totals on amount, batch from theirs.totals;
create materialized view theirs.by_analyst_too as select n from theirs.by_analyst;
comment on column theirs.totals.amount is 'in factors';
grant select on theirs.totals to {reader};
alter materialized view theirs.totals owner to {analyst};
alter materialized view theirs.totals depends on extension plpgsql;
revoke delete on theirs.totals from {analyst};
create materialized view theirs.total as select sum(amount) as amount, max(batch) as batch from theirs.totals;
create view theirs.total_rows as select t from theirs.total t;
create view theirs.on_total as select amount, batch from theirs.total;
create materialized view theirs.on_view as select name from theirs.names_above;
alter materialized view theirs.on_view alter name set storage external, alter name set compression pglz;
alter materialized view theirs.on_view set (toast.autovacuum_enabled = off);
create materialized view theirs.unpopulated as select * from public.orders with no data;
create function theirs.total() returns numeric language sql stable return (select amount from theirs.total);
create materialized view theirs.on_function as select theirs.total() as amount;

-- functions whose bodies are parsed
create function theirs.orders_of(customer int) returns bigint language sql stable
    return (select count(*) from public.orders o where o.customer_id = customer);
comment on function theirs.orders_of is 'how many';
alter function theirs.orders_of depends on extension plpgsql;
create function theirs.twice(n int) returns int language sql immutable return public.double(n);

-- functions whose arguments or results are of published types, or of views that are built anew
create function theirs.all_orders() returns setof public.orders language sql stable as 'select * from public.orders';
create function public.unqualified() returns table (id int, mood public.mood) language sql stable as 'select id, mood from customers';
comment on function theirs.all_orders is 'all of them';
create function theirs.label(o public.orders) returns text language plpgsql stable set work_mem = '8MB' as
    'begin return o.batch || $$: $$ || o.note; end';
revoke execute on function theirs.label from public;
grant execute on function theirs.label to {reader} with grant option;
create function theirs.is_ok(m public.mood, variadic others public.mood[] default array['ok'::public.mood]) returns boolean
    language sql immutable as 'select m = any(others)';
alter function theirs.is_ok owner to {analyst};
alter function theirs.is_ok depends on extension plpgsql;
create procedure theirs.note(inout o public.orders, m public.mood default 'sad') language plpgsql security definer as 'begin o.note := m; end';
create function theirs.double_mood(n int default public.double(1), out m public.mood, out n2 int) language sql as
    'select $$ok$$::public.mood, n';
create function theirs.top() returns theirs.totals language sql stable begin atomic select * from theirs.totals order by amount desc limit 1; end;
create function theirs.of_names(n theirs.names) returns text language sql immutable as 'select n.name';
create view theirs.labels as select theirs.label(o) as label from public.orders o;
create view theirs.labels_above as select min(label) as label from theirs.labels;
create materialized view theirs.first_label as select min(theirs.label(o)) as label from theirs.all_orders() o;
create view theirs.top_batch as select batch from theirs.top();
create index of_a_typed_function on public.customers (theirs.is_ok(mood));
create policy of_a_row on public.orders using (theirs.label(orders) is not null);

-- keys
create table theirs.plain_key (id int primary key, order_id int references public.orders);
insert into theirs.plain_key values (1, 1);
create table theirs.keys (
    id int primary key,
    order_id int constraint cascading references public.orders on delete cascade on update set null,
    customer_id int,
    constraint composite foreign key (order_id, customer_id) references public.orders (id, customer_id) match full,
    constraint late foreign key (customer_id) references public.customers deferrable initially deferred
);
comment on constraint composite on theirs.keys is 'both';
alter table theirs.keys add constraint unproved foreign key (id) references public.customers not valid;
create table theirs.parted (id int, customer_id int references public.customers) partition by range (id);
create table theirs.parted_1 partition of theirs.parted for values from (0) to (100);
insert into theirs.parted values (1, 1);
create table theirs.to_parted (day date references public.days);
create table theirs.whole (id int, n int default public.double(1) check (public.double(n) < 1000)) partition by range (id);
create table theirs.another partition of theirs.whole (n default 7) for values from (0) to (10);
create table theirs.without partition of theirs.whole (n default null) for values from (10) to (20);
create table theirs.parent (n int default public.double(1) constraint low check (public.double(n) < 1000));
create table theirs.heir (n int default 8, constraint low check (public.double(n) < 1000)) inherits (theirs.parent);
create table theirs.with_default (id bigint default nextval('public.numbers'), n int check (public.double(n) < 1000));

-- rules, triggers and policies, on their tables and on published ones
create table theirs.log (id int, at text default 'now');
create rule logging as on insert to theirs.log do also update public.customers set name = name where false;
create rule literal as on delete to theirs.log do also update public.customers set name = 'CREATE RULE ' where false;
create rule quiet as on delete to public.customers do instead nothing;
alter table public.customers disable rule quiet;
create function theirs.noted() returns trigger language plpgsql as 'begin return new; end';
create trigger on_theirs before insert on theirs.log for each row when (public.double(new.id) > 0)
    execute function theirs.noted();
create trigger origin before update on public.orders for each row execute function theirs.noted();
create trigger disabled before update on public.orders for each row execute function theirs.noted();
create trigger always before update of amount on public.orders for each row execute function theirs.noted();
create trigger replica after insert on public.orders for each statement execute function theirs.noted();
create constraint trigger constrained after insert on public.orders deferrable initially deferred
    for each row execute function theirs.noted();
create trigger on_parted before insert on public.days for each row execute function theirs.noted();
alter table public.days_2026 disable trigger on_parted;
alter table public.orders disable trigger disabled, enable always trigger always, enable replica trigger replica;
comment on trigger origin on public.orders is 'their trigger';
alter table public.customers enable row level security;
create policy only_first on public.customers for select to {reader} using (id = 1);
comment on policy only_first on public.customers is 'their policy';
alter table theirs.log enable row level security;
create policy of_customers on theirs.log as restrictive using (exists (select from public.customers c where c.id = log.id))
    with check (id > 0);

-- indexes, constraints and statistics on published tables
create index plain_index on public.orders (amount);
create unique index unique_index on public.orders (id, amount);
create index partial_index on public.orders (amount desc nulls last) include (note) where amount > 10;
create index expression_index on public.orders ((amount + 1), lower(note));
create index own_function_index on public.orders (public.double(amount));
create index own_type_index on public.customers ((id + 1)) where mood = 'ok'::public.mood;
comment on index public.own_type_index is 'their index on a type';
alter index public.own_type_index alter column 1 set statistics 600;
create index parted_index on public.days (n);
create unique index "Odd ON ONLY index" on public.days (public.double(n), day);
create index on public.order_totals (amount);
comment on index public.plain_index is 'their index';
alter table public.orders add constraint unique_pair unique (id, note);
alter table public.orders add constraint positive check (amount > 0);
alter table public.days add constraint positive check (n > 0), add constraint small check (public.double(n) < 1000);
alter table public.orders add constraint to_theirs foreign key (batch) references theirs.factors not valid;
comment on constraint unique_pair on public.orders is 'their constraint';
create statistics theirs.together (dependencies) on customer_id, amount from public.orders;
comment on statistics theirs.together is 'their statistics';
alter statistics theirs.together set statistics 70;
create statistics theirs.of_analyst on amount, batch from public.orders;
alter statistics theirs.of_analyst owner to {analyst};
alter index public.expression_index alter column 2 set statistics 80;

-- what they set on published tables, columns and views
alter table public.orders alter note set statistics 500, alter note set storage external, alter note set compression pglz;
alter table public.orders alter amount set (n_distinct = 7, n_distinct_inherited = -0.5), alter note set not null;
alter table public.orders set (fillfactor = 70, autovacuum_enabled = off, toast.autovacuum_vacuum_threshold = 9);
alter table public.orders cluster on orders_id_customer_id_key;
alter table public.days alter n set not null;
alter table public.days_2026 set (parallel_workers = 2);
alter view public.order_names set (security_invoker = true);
alter materialized view public.order_totals alter amount set statistics 90;
alter materialized view public.order_totals set (fillfactor = 80);
create unique index their_identity on public.customers (id);
alter table public.customers replica identity using index their_identity;

-- publications
create publication chosen for table public.orders (id, amount) where (amount > 10), public.customers;
alter table public.orders replica identity full;

-- comments and grants on what is published
comment on table public.orders is 'their comment on orders';
comment on constraint orders_pkey on public.orders is 'their comment on a key';
comment on index public.orders_id_customer_id_key is 'their comment on an index';
comment on function public.double is 'their comment on a function';
comment on type public.mood is 'their comment on a type';
comment on column public.orders.amount is 'their comment on amount';
grant select on public.orders to {reader} with grant option;
grant select (id, name), update (name) on public.customers to {reader};
grant usage on sequence public.numbers to {reader};
grant select on public.days to public;
revoke execute on function public.double(int) from public;
grant execute on function public.double(int) to {reader};
revoke usage on type public.mood from public;
grant usage on type public.mood to {reader};
grant select on public.order_totals, public.order_names to {reader};
revoke insert, truncate on public.orders from current_user;
revoke update on sequence public.numbers from current_user;
alter default privileges revoke execute on functions from public;
alter default privileges revoke usage on types from public;
alter default privileges in schema public grant select on tables to {reader};
alter default privileges in schema public grant usage on sequences to {reader};

-- at the end: a deferred key has something to do then
insert into theirs.keys values (1, 1, 1);
