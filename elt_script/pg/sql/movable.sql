-- The statement that moves each object of some schemas to another schema, in an order that works.
--
-- Functions and operators go before tables and types, because their own names spell out the types they take.
-- What moves along with another object (indexes, row types, sequences of columns) is not listed, and neither are
-- members of extensions.
--
-- %(moves)s    jsonb {from schema: to schema}
-- {only}       condition on o.classid and o.objid: which of the schemas' objects
-- returns      classid oid, objid oid, statement text
with moves as (
    select n.oid as namespace, m.value as target
    from jsonb_each_text(%(moves)s::jsonb) m
    join pg_namespace n on n.nspname = m.key
),
objects as (
    select 1 as turn, 'pg_operator'::regclass as classid, oid as objid, oprnamespace as namespace from pg_operator
    union all
    select 2, 'pg_opclass', oid, opcnamespace from pg_opclass
    union all
    select 3, 'pg_opfamily', oid, opfnamespace from pg_opfamily
    union all
    select 4, 'pg_proc', oid, pronamespace from pg_proc
    union all
    select 5, 'pg_ts_config', oid, cfgnamespace from pg_ts_config
    union all
    select 5, 'pg_ts_dict', oid, dictnamespace from pg_ts_dict
    union all
    select 5, 'pg_ts_parser', oid, prsnamespace from pg_ts_parser
    union all
    select 5, 'pg_ts_template', oid, tmplnamespace from pg_ts_template
    union all
    select 5, 'pg_statistic_ext', oid, stxnamespace from pg_statistic_ext
    union all
    select 5, 'pg_collation', oid, collnamespace from pg_collation
    union all
    select 5, 'pg_conversion', oid, connamespace from pg_conversion
    union all
    select 6, 'pg_class', c.oid, c.relnamespace
    from pg_class c
    where c.relkind in ('r', 'p', 'v', 'm', 'f')
        or c.relkind = 'S' and not exists (
            select from pg_depend d
            where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass
                and d.deptype in ('a', 'i')
        )
    union all
    select 7, 'pg_type', t.oid, t.typnamespace
    from pg_type t
    where t.typtype in ('d', 'e', 'r', 'm')
        or t.typtype = 'c' and (select c.relkind from pg_class c where c.oid = t.typrelid) = 'c'
        or t.typtype = 'b' and t.oid is distinct from (select e.typarray from pg_type e where e.oid = t.typelem)
),
chosen as materialized (
    select o.turn, o.classid, o.objid, m.target
    from objects o
    join moves m on m.namespace = o.namespace
    where o.namespace = any (array(select namespace from moves)) -- looked at first, in each catalog
        and {only}
),
own as materialized (
    select c.*
    from chosen c
    where not exists (
        select from pg_depend d where d.classid = c.classid::oid and d.objid = c.objid and d.deptype = 'e'
    )
)
select
    c.classid::oid::bigint as classid,
    c.objid::bigint as objid,
    format(
        'alter %%s %%s set schema %%I',
        case
            when c.classid = 'pg_proc'::regclass then 'routine'
            when c.classid = 'pg_statistic_ext'::regclass then 'statistics'
            when i.type in ('composite type', 'domain') then 'type'
            else i.type
        end,
        i.identity,
        c.target
    ) as statement
from own c
cross join pg_identify_object(c.classid, c.objid, 0) i
order by c.turn, i.identity
