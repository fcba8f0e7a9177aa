-- The query that digests what pg_dump reads of a schema: every row of every catalog of the database, as text.
--
-- A catalog that a later version of Postgres adds is among them. Left out is what ships with Postgres, what no archive of
-- ours holds (privileges, statistics, large objects, replication, user mappings), and what changes though the schema does
-- not: a table's file, size and age, its toast table, others' temporary tables. What is digested without need costs a
-- drawing board; what is missed makes a wrong copy.
--
-- returns  the query as text; its rows are (catalog, rows, two digests of them)
with
catalog as (
    select
        c.relname as name,
        array_agg(a.attname::text) as has,
        string_agg(
            format(case a.atttypid when 'regproc'::regtype then 't.%I::oid' else 't.%I' end, a.attname),
            ', ' order by a.attnum
        ) filter (where a.atttypid <> 'aclitem[]'::regtype and a.attname <> all (array[
            'relfilenode', 'relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfrozenxid', 'relminmxid',
            'reltoastrelid'
        ])) as columns
    from pg_class as c
    join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'pg_catalog'::regnamespace
    and c.relkind = 'r'
    and not c.relisshared
    and has_table_privilege(c.oid, 'select')
    and c.relname <> all (array[
        'pg_statistic', 'pg_statistic_ext_data', 'pg_largeobject', 'pg_largeobject_metadata', 'pg_user_mapping',
        'pg_init_privs', 'pg_default_acl', 'pg_subscription_rel', 'pg_publication', 'pg_publication_rel',
        'pg_publication_namespace'
    ])
    group by c.oid, c.relname
),
branch as (
    select
        name,
        format('select %L, row(%s)::text from pg_catalog.%I as t where true', name, columns, name)
        || case
            when name = 'pg_namespace' then ' and t.oid not in (select oid from space)'
            when name = 'pg_extension' then ''
            when name = 'pg_depend' then ' and t.objid >= 16384 and (t.classid, t.objid) not in (select * from passing)'
            when 'oid' = any (has) then ' and t.oid >= 16384'
            when 'attrelid' = any (has) then ' and t.attrelid >= 16384'
            else ''
        end
        || (
            select coalesce(string_agg(
                case
                    when attribute like '%namespace' then
                        format(' and t.%I not in (select oid from space)', attribute)
                    when attribute = any (array[
                        'attrelid', 'adrelid', 'indexrelid', 'conrelid', 'ev_class', 'tgrelid', 'polrelid', 'inhrelid',
                        'partrelid', 'seqrelid', 'stxrelid'
                    ]) then format(' and t.%I not in (select oid from relation)', attribute)
                end, ''
            ), '')
            from unnest(has) as attribute
        ) as rows
    from catalog
)
select format(
    $query$
with
space as materialized (
    select oid from pg_catalog.pg_namespace where nspname ~ '^pg_(toast|temp_|toast_temp_)'
),
relation as materialized (
    select oid from pg_catalog.pg_class where relnamespace in (select oid from space)
),
passing as materialized (
    select 'pg_class'::regclass::oid, oid from relation
    union all select 'pg_type'::regclass::oid, oid from pg_catalog.pg_type where typnamespace in (select oid from space)
    union all select 'pg_proc'::regclass::oid, oid from pg_catalog.pg_proc where pronamespace in (select oid from space)
    union all
    select 'pg_constraint'::regclass::oid, oid from pg_catalog.pg_constraint where conrelid in (select oid from relation)
    union all select 'pg_attrdef'::regclass::oid, oid from pg_catalog.pg_attrdef where adrelid in (select oid from relation)
    union all select 'pg_rewrite'::regclass::oid, oid from pg_catalog.pg_rewrite where ev_class in (select oid from relation)
    union all select 'pg_trigger'::regclass::oid, oid from pg_catalog.pg_trigger where tgrelid in (select oid from relation)
)
select catalog, count(*), sum(hashtextextended(row, 0))::text, sum(hashtextextended(row, 1))::text
from (
    select 'options of toast tables', row(c.oid, t.reloptions)::text
    from pg_catalog.pg_class as c
    join pg_catalog.pg_class as t on t.oid = c.reltoastrelid
    where t.reloptions is not null
    union all
    select 'roles of policies', row(p.oid, r.oid, r.rolname)::text
    from pg_catalog.pg_policy as p
    join pg_catalog.pg_roles as r on r.oid = any (p.polroles)
    union all
    %s
) as every (catalog, row)
group by catalog
order by catalog
    $query$,
    string_agg(rows, E'\n    union all ' order by name)
)
from branch
