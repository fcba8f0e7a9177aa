-- What people did to a generation's tables, as dependants (see dependants.sql): columns that they added or said are not
-- null, and tables and views that they renamed, moved or gave to somebody.
--
-- Must run with an empty search_path, while the generation stands under its final names.
--
-- %(generation)s  bigint
with columns as (
    select
        a.attrelid, a.attnum, a.attname, n.nspname, c.relname, a.attrelid::regclass::text as name,
        a.attnum > (o.facts ->> 'width')::int as is_new,
        coalesce((
            select format( -- it may be there, in a generation that was live before
                'alter table %%1$s drop constraint if exists %%2$I; alter table %%1$s add constraint %%2$I %%3$s; '
                'comment on constraint %%2$I on %%1$s is %%4$L',
                k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid), obj_description(k.oid, 'pg_constraint')
            )
            from pg_constraint k -- since 18
            where k.conrelid = a.attrelid and k.contype = 'n' and k.conkey = array[a.attnum] and (
                not k.convalidated or k.connoinherit or obj_description(k.oid, 'pg_constraint') is not null
                or k.conname <> format('%%s_%%s_not_null', c.relname, a.attname)
            )
        ), format('alter table %%s alter column %%I set not null', a.attrelid::regclass, a.attname)) as again
    from elt.object o
    join pg_class c on o.classid = 'pg_class'::regclass and c.oid = o.objid and c.relkind in ('r', 'p')
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where o.generation = %(generation)s
        and case when a.attnum > (o.facts ->> 'width')::int then a.attislocal
            else a.attnotnull and not o.facts -> 'not null' @> to_jsonb(a.attnum) and not exists (
                select -- what a parent gave comes from there again
                from pg_inherits h
                join pg_attribute p on p.attrelid = h.inhparent and p.attname = a.attname and p.attnotnull
                where h.inhrelid = a.attrelid
            )
        end
)
select
    format('columns.%%s.%%s', attrelid, is_new) as id, '[]'::jsonb as rests,
    case when is_new then 'column' else 'not null' end as kind,
    string_agg(format('%%s.%%I', name, attname), ', ' order by attnum) as object,
    null::bigint as relation, null::text as lock, '[]'::jsonb as reads, null::text as before,
    case when not is_new then
        string_agg(again, '; ' order by attnum)
    end as after,
    null::text as clear, 203 as turn, true as owned, true as part,
    case when is_new then '[]' else jsonb_agg(jsonb_build_array(nspname || '.' || relname, attname)) end as uses,
    case when is_new then 'it was added to a published table' end as fault,
    false as temporary
from columns
group by attrelid, name, is_new
union all
select
    format('relation.%%s', c.oid), '[]', 'relation', c.oid::regclass::text, null, null, '[]', null, null, null, 203,
    pg_has_role(c.relowner, 'usage'), true, '[]',
    case when n.nspname <> all (g.schemas) or c.relname <> o.facts ->> 'name' then format(
        'it was %%I when it was published: name it so again, or copy what is to stay', coalesce(o.facts ->> 'name', c.relname)
    ) end,
    false
from elt.generation g
join elt.object o on o.generation = g.number and o.classid = 'pg_class'::regclass
join pg_class c on c.oid = o.objid and c.relkind in ('r', 'p', 'v', 'm', 'S')
join pg_namespace n on n.oid = c.relnamespace
where g.number = %(generation)s
    and (n.nspname <> all (g.schemas) or c.relname <> o.facts ->> 'name' or not pg_has_role(c.relowner, 'usage'))
