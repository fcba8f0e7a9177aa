-- Indexes of every method and option, statistics, storage.

create table shop.indexed (
    id int, n int, big bigint, f float8, t text, v varchar(20), tags text[], numbers int[], doc jsonb, words tsvector,
    address inet, area box, spot point, span int4range, spans int4multirange, at timestamptz, size shop.size,
    price shop.price, whole shop.point3, "Größe ""x""" text
);
insert into shop.indexed
    select i, i % 7, i * 1000000000::bigint, i / 3.0, 'text ' || i, 'v' || i % 5, array['a', 'b' || i], array[i, -i],
        jsonb_build_object('k', i, 'l', array[i]), to_tsvector('pg_catalog.simple', 'word' || i || ' again'),
        ('10.0.0.' || i % 256)::inet, box(point(i, i), point(i + 1, i + 1)), point(i, -i), int4range(i, i + 5),
        int4multirange(int4range(i, i + 1), int4range(i + 5, null)), timestamptz '2020-01-01 00:00+00' + i * interval '1 day',
        (enum_range(null::shop.size))[1 + i % 5], i + 0.50, row(i, i, i)::shop.point3, case when i % 2 = 0 then 'g' || i end
    from generate_series(1, 300) as i;

create unique index on shop.indexed (id);
create index several on shop.indexed (n desc, f nulls first, t collate "C" desc nulls last);
create index including on shop.indexed (n) include (t, doc) with (fillfactor = 60, deduplicate_items = off);
create unique index partial on shop.indexed (n, id) where n > 3 and t is not null;
create index expressions on shop.indexed (lower(t), (n + id), (doc ->> 'k') desc, shop.shouted(t));
alter index shop.expressions alter column 2 set statistics 77;
create index patterns on shop.indexed (t text_pattern_ops, v varchar_pattern_ops);
create index of_user_types on shop.indexed (size, price, whole);
create index collated on shop.indexed (t collate shop.plain);
create index hashed on shop.indexed using hash (t) with (fillfactor = 50);
create index gin_tags on shop.indexed using gin (tags) with (fastupdate = off);
create index gin_doc on shop.indexed using gin (doc jsonb_path_ops, numbers) with (gin_pending_list_limit = 128);
create index gin_words on shop.indexed using gin (words);
create index gist_words on shop.indexed using gist (words tsvector_ops (siglen = 100));
create index gist_places on shop.indexed using gist (area, spot, span) with (buffering = on, fillfactor = 80);
create index gist_spans on shop.indexed using gist (spans) include (id);
create index spgist_text on shop.indexed using spgist (t) with (fillfactor = 75);
create index spgist_point on shop.indexed using spgist (spot kd_point_ops);
create index spgist_rest on shop.indexed using spgist (address) include (id) where id > 10;
create index spgist_span on shop.indexed using spgist (span);
create index brin_at on shop.indexed using brin (at, f) with (pages_per_range = 4, autosummarize = on);
create index brin_more on shop.indexed using brin
    (n int4_minmax_multi_ops (values_per_range = 16), t text_bloom_ops (n_distinct_per_range = 100), address inet_inclusion_ops);
create index "Index ""with"" 'quotes'" on shop.indexed ("Größe ""x""");
alter table shop.indexed cluster on several;

create unique index identity_key on shop.unproven (id) include (amount);
create table shop.identified_by_index (id int not null, t text);
create unique index identified on shop.identified_by_index (id);
alter table shop.identified_by_index replica identity using index identified;
alter table shop.indexed replica identity full;
alter table public.dropped replica identity nothing;

-- Statistics.
create statistics shop.dependent (dependencies, ndistinct) on n, v from shop.indexed;
create statistics "Odd Schème"."Statistik" (mcv) on lower(t), (n % 2), size from shop.indexed;
create statistics shop.of_expression on (n + id) from shop.indexed;
alter statistics shop.dependent set statistics 33;
alter table shop.indexed alter n set statistics 1000, alter t set statistics 0;
alter table shop.indexed alter v set (n_distinct = -0.5, n_distinct_inherited = 10);

-- Storage.
alter table shop.indexed alter t set storage external, alter doc set storage main, alter tags set storage plain;
alter table shop.indexed alter t set compression pglz;
alter table shop.indexed set (
    fillfactor = 90, parallel_workers = 3, autovacuum_vacuum_scale_factor = 0.05, toast_tuple_target = 256,
    toast.autovacuum_enabled = false, vacuum_truncate = false, user_catalog_table = false
);
