-- Extensions that come with Postgres, for servers that have them: needs the other parts.

create extension hstore schema shop;
create extension citext schema public;
create extension ltree schema "Odd Schème";
create extension btree_gist schema shop;
create extension pg_trgm schema shop;
create extension "uuid-ossp" schema public;
create extension cube schema public;
create table shop.extended (
    id uuid primary key default public.uuid_generate_v4(), h shop.hstore, c public.citext unique, l "Odd Schème".ltree,
    q public.cube, hs shop.hstore[], n int, during tstzrange, exclude using gist (n with =, during with &&)
);
create index on shop.extended using gin (h shop.gin_hstore_ops, (c::text) shop.gin_trgm_ops);
create index on shop.extended using gist (l "Odd Schème".gist_ltree_ops (siglen = 100));
insert into shop.extended values
    ('00000000-0000-0000-0000-000000000001', '"a b"=>"c\"", d=>null', 'CaSe', 'top.Science', '(1,2),(3,-0)',
     array['a=>1', null, '']::shop.hstore[], 1, '[2020-01-01 00:00+00,)'),
    ('00000000-0000-0000-0000-000000000002', '', '', '', '(0)', '{}', null, 'empty');
create view shop.extended_view as select h operator(shop.->) 'a b' as a, c = 'case' as is_case from shop.extended;
