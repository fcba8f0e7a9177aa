-- What a swap locks of a generation, and the statements that do so: one for all tables, and one for each relation that
-- `lock table` does not know, or whose own tables it would lock too: it is moved to where it is.
--
-- %(generation)s  bigint
-- returns         relations bigint[], statement text
with relations as (
    select c.oid, c.relkind, n.nspname
    from elt.object o
    join pg_class c on o.classid = 'pg_class'::regclass and c.oid = o.objid
    join pg_namespace n on n.oid = c.relnamespace
    where o.generation = %(generation)s
)
select
    array_agg(oid::bigint) as relations,
    format('lock table %%s in access exclusive mode', string_agg(oid::regclass::text, ', ' order by oid)) as statement
from relations
where relkind in ('r', 'p')
having count(*) > 0
union all
select array[oid::bigint], format(
    'alter %%s %%s set schema %%I',
    case relkind when 'v' then 'view' when 'm' then 'materialized view' else 'sequence' end, oid::regclass, nspname
)
from relations
where relkind in ('v', 'm')
    or relkind = 'S' and not exists (
        select from pg_depend d
        where d.classid = 'pg_class'::regclass and d.objid = relations.oid
            and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
    )
