-- The indexes that others added to the tables of a generation, under its final names.
--
-- %(generation)s  bigint
-- returns         schema text, table text, name text, beginning text (of the definition), definition text, comment text
with ours as (
    select classid, objid from elt.object where generation = %(generation)s
)
select
    n.nspname::text as schema,
    c.relname::text as table,
    i.relname::text as name,
    format(
        'CREATE %%sINDEX %%I ON %%s%%I.%%I ', case when x.indisunique then 'UNIQUE ' else '' end, i.relname,
        case when c.relkind = 'p' and not exists (select from pg_inherits where inhparent = x.indexrelid) then 'ONLY ' else '' end,
        n.nspname, c.relname
    ) as beginning,
    pg_get_indexdef(x.indexrelid) as definition,
    obj_description(x.indexrelid, 'pg_class') as comment
from ours
join pg_index x on ours.classid = 'pg_class'::regclass and x.indrelid = ours.objid
join pg_class i on i.oid = x.indexrelid
join pg_class c on c.oid = x.indrelid and c.relkind in ('r', 'p', 'm')
join pg_namespace n on n.oid = c.relnamespace
where not exists (select from ours own where own.classid = 'pg_class'::regclass and own.objid = x.indexrelid)
    and not exists (select from pg_constraint k where k.conindid = x.indexrelid and k.contype in ('p', 'u', 'x'))
    and not exists (select from pg_inherits where inhrelid = x.indexrelid)
    and x.indisvalid
order by 1, 2, 3
