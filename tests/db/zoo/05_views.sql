-- Views and materialized views on everything, in loops where Postgres allows them.

create view shop.cheap as select id, code, price from shop.product where price < 100 with local check option;
create view shop.cheap_and_coded with (security_barrier) as
    select * from shop.cheap where code is not null with cascaded check option;
create view "Odd Schème"."Übersicht ""1""" ("a b", "select", "Größe") as
    select c.name, count(*) filter (where b.product > 1), max(b.size)
    from shop.customer c left join "Odd Schème"."Bestellung" b on b.customer = c.id
    group by c.id;  -- c.name without an aggregate: the view needs the primary key
create recursive view shop.friends (id, path) as
    select id, array[id] from shop.customer where best_friend is null
    union all
    select c.id, f.path || c.id from shop.customer c join friends f on c.best_friend = f.id;
create view shop.everything as
    with recursive numbers as (values (1) union all select column1 + 1 from numbers where column1 < 3),
    written as materialized (select 'it''s "quoted" \ and $$' as t)
    select n.column1 as n, w.t, rank() over (partition by w.t order by n.column1 rows 1 preceding exclude ties) as r,
        grouping(n.column1), x.p, x.q, x.o, array(select 1) as a, row(1, '-0', null)::shop.point3 as point,
        case when n.column1 > 1 then interval '1 day' else '-0'::float8 * interval '1 hour' end as i,
        t.price operator(pg_catalog.*) 1.10 as raised, count(*) as "count"
    from numbers n cross join written w
    cross join lateral rows from (generate_series(1, n.column1), unnest(array['a', 'b'])) with ordinality as x (p, q, o)
    left join shop.product as t (id_of_t, code_of_t) on t.id_of_t = n.column1
    group by rollup (n.column1), w.t, x.p, x.q, x.o, t.price
    order by 1 nulls first, x.p desc limit 1000 offset 0;
create view shop.whole_rows as select c, c.* from shop.customer as c, only shop.animal as a where (c).id <> a.id;
create view public.no_columns_either as select from public.no_columns;
create view public.of_values as values (1, 'one'), (2, E'\n\\.');
create view shop.with_default as select id, name from shop.animal;
alter view shop.with_default alter column name set default 'of the view';

create view shop.made_of_ranges as
    select shop.float_range(0, 1, '[]') as r, shop.float_ranges(shop.float_range(1, 2)) as m,
        "Odd Schème"."Zeiten, Räume"(variadic array["Odd Schème"."Zeit, Raum"('00:00', '01:00')]) as z;

-- A view and a function of its row type, each in need of the other.
create view shop.loop as select 1 as n, 'x' as t;
create function shop.of_loop(l shop.loop) returns text language sql stable return l.t || l.n;
create or replace view shop.loop as select n, t from (select 1 as n, 'x'::text as t) as l where shop.of_loop(null) is null;
create view shop.used_by_function as select id, name from shop.customer;
create function shop.first_customer() returns shop.used_by_function language sql stable
    begin atomic select id, name from shop.used_by_function order by id limit 1; end;
create view shop.uses_function as select (shop.first_customer()).name as first, count(*) as n from shop.used_by_function;
create function shop.needs_the_key() returns setof text language sql stable
    begin atomic select c.name from shop.customer c group by c.id order by c.id; end;

-- Materialized: on tables, on one another, on functions, on views that need keys, without data.
create materialized view shop.sales_by_country as
    select country, sum(amount) as amount, count(*) as n from shop.sale group by country;
create materialized view shop.best_country with (fillfactor = 80, autovacuum_enabled = false) as
    select country, amount from shop.sales_by_country order by amount desc, country limit 1;
create unique index best_country_once on shop.best_country (country) include (amount);
alter materialized view shop.best_country cluster on best_country_once;
create materialized view "Odd Schème"."Kopie" as select * from "Odd Schème"."Übersicht ""1""" with data;
create materialized view shop.by_function as
    select s as size, shop.price_of(s::text, 2, 1, 2) as price from shop.sizes_from('tiny') as s;
create materialized view shop.grouped_by_key as
    select p.code, p.size, p.price, count(c.id) as fans from shop.product p left join shop.customer c on c.favourite = p.id
    group by p.id;
create materialized view shop.above_the_view as select * from shop.uses_function;
create materialized view shop.not_populated as select * from shop.best_country with no data;
create index on shop.not_populated (amount);
create materialized view shop.without_rows as select 1 as n where false;
alter materialized view shop.by_function alter column price set statistics 50;
alter materialized view shop.by_function alter column price set storage main;

-- Rules, in each state.
create table shop.log (at timestamptz default now(), what text);
create view shop.written as select id, name from shop.animal;
create rule written_insert as on insert to shop.written do instead
    insert into shop.animal (id, name) values (new.id, coalesce(new.name, 'it''s \. nobody')) returning id, name;
create rule written_update as on update to shop.written where old.id > 10 do instead nothing;
create rule written_update_too as on update to shop.written do instead (
    update shop.animal set name = new.name where id = old.id;
    insert into shop.log (what) values ('updated')
);
create rule "kept ""quiet""" as on delete to shop.log do instead nothing;
create rule told as on update to shop.log do also notify "Odd channel", 'it''s told';
create rule never as on insert to shop.log where new.what = 'never' do instead nothing;
alter table shop.log disable rule never;
alter table shop.log enable always rule told;
alter table shop.log enable replica rule "kept ""quiet""";
insert into shop.log values ('2020-01-01', 'one'), ('2020-01-02', null);

-- Triggers of each kind and in each state; loading rows must not fire them.
create function shop.forbidden() returns trigger language plpgsql as $$
begin
    raise exception 'trigger % fired: %', tg_name, tg_argv[0];
end $$;
create table shop.guarded (id int primary key, a text, b int);
insert into shop.guarded values (1, 'x', 2), (2, null, null);
create trigger before_row before insert or update of a, b or delete on shop.guarded
    for each row execute function shop.forbidden('it''s', E'\\000 \\', '', '$1');
create trigger "After ""it""" after update on shop.guarded
    for each row when (old.a is distinct from new.a and new.b > 1) execute function shop.forbidden();
create trigger with_tables after update on shop.guarded
    referencing old table as "Old" new table as new_rows for each statement execute function shop.forbidden();
create trigger truncated before truncate on shop.guarded execute function shop.forbidden();
create trigger always_on after insert on shop.guarded execute function shop.forbidden();
create trigger replica_on after insert on shop.guarded execute function shop.forbidden();
create trigger off after insert on shop.guarded execute function shop.forbidden();
alter table shop.guarded enable always trigger always_on;
alter table shop.guarded enable replica trigger replica_on;
alter table shop.guarded disable trigger off;
create constraint trigger at_the_end after insert or update on shop.guarded from shop.product
    deferrable initially deferred for each row when (new.id > 0) execute function shop.forbidden();
create trigger instead instead of insert on shop.cheap_and_coded for each row execute function shop.forbidden();
create trigger of_partitions after insert on shop.by_size for each row execute function shop.forbidden();
alter table shop.by_size_rest disable trigger of_partitions;
create trigger of_one_partition before insert on shop.by_size_small for each row execute function shop.forbidden();

-- Row security: permissive and restrictive, for each command, to whom; forced where it is not enabled.
create table shop.secret (id int primary key, owner name default current_user, level int);
insert into shop.secret values (1, 'somebody', 1), (2, 'nobody', 9);
alter table shop.secret enable row level security;
create policy "see ""own""" on shop.secret for select using (owner = current_user or level < (select min(id) from shop.customer));
create policy write_low on shop.secret as restrictive for insert to pg_read_all_data, pg_monitor with check (level < 5);
create policy change on shop.secret for update to pg_monitor using (level < 5) with check (owner <> E'\\');
create policy remove on shop.secret for delete using (false);
create policy all_of_it on shop.secret using (true);
create policy without_effect on shop.log using (what <> 'secret');
alter table shop.log force row level security;
