-- What people did to a generation's tables, as dependants (see dependants.sql): columns that they added or said are not
-- null, and tables, views, routines and types that they renamed, moved, gave to somebody or made a part of something.
--
-- Must run with an empty search_path, while the generation stands under its final names.
--
-- %(generation)s  bigint
with me as (
    select oid from pg_roles where rolname = current_user
),
columns as (
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
    format('%%s.%%s', one.kind, one.oid), '[]', one.kind, o.name, null, null, '[]', null,
    case when one.given then format('alter %%s %%s owner to %%I', one.word, o.name, pg_get_userbyid(one.owner)) end,
    null, 203, pg_has_role(one.owner, 'usage'), true, '[]',
    case
        when one.name <> one.named or n.nspname <> all (g.schemas)
            then format('it was %%I when it was published: name it so again, or copy what is to stay', one.named)
        when one.whole is not null
            then format('it was made a part of %%s, which would keep the old data: let a view show both', one.whole)
        when one.given and pg_has_role(one.owner, 'usage') and not has_schema_privilege(one.owner, n.oid, 'create')
            then format('it was given to %%I, who may not create in schema %%I', pg_get_userbyid(one.owner), n.nspname)
    end,
    false
from elt.generation g
cross join lateral (
    select
        'relation' as kind, c.oid, c.relname as name, c.relnamespace as namespace, c.relowner as owner,
        coalesce(o.facts ->> 'name', c.relname) as named, c.relowner <> (o.facts ->> 'owner')::oid and c.relowner <> me.oid as given,
        case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' else 'table' end as word,
        coalesce((
            select h.inhparent
            from pg_inherits h
            where h.inhrelid = c.oid and not exists (
                select from elt.object w where (w.generation, w.classid, w.objid) = (g.number, 'pg_class'::regclass, h.inhparent)
            )
            limit 1
        ), case c.relkind when 'S' then (
            select d.refobjid
            from pg_depend d
            where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'a' and d.refclassid = 'pg_class'::regclass
                and not exists (
                    select from elt.object w where (w.generation, w.classid, w.objid) = (g.number, d.refclassid, d.refobjid)
                )
        ) end)::regclass as whole
    from elt.object o
    join pg_class c on o.classid = 'pg_class'::regclass and c.oid = o.objid and c.relkind in ('r', 'p', 'v', 'm', 'S')
    cross join me
    where o.generation = g.number
    union all
    select
        'routine', p.oid, p.proname, p.pronamespace, p.proowner,
        o.facts ->> 'name', p.proowner <> (o.facts ->> 'owner')::oid and p.proowner <> me.oid, 'routine', null
    from elt.object o
    join pg_proc p on o.classid = 'pg_proc'::regclass and p.oid = o.objid
    cross join me
    where o.generation = g.number
    union all
    select
        'type', t.oid, t.typname, t.typnamespace, t.typowner,
        o.facts ->> 'name', t.typowner <> (o.facts ->> 'owner')::oid and t.typowner <> me.oid, 'type', null
    from elt.object o
    join pg_type t on o.classid = 'pg_type'::regclass and t.oid = o.objid
    cross join me
    where o.generation = g.number and o.facts ? 'name'
) one
join pg_namespace n on n.oid = one.namespace
cross join lateral (
    select case one.kind when 'routine' then one.oid::regprocedure::text when 'type' then one.oid::regtype::text else one.oid::regclass::text end as name
) o
where g.number = %(generation)s
    and (
        n.nspname <> all (g.schemas) or one.name <> one.named or one.whole is not null or one.given or not pg_has_role(one.owner, 'usage')
    )
union all
select 'given.' || i.identity, '[]', i.type, i.identity, null, null, '[]', null, null, null, 203, false, true, '[]', null, false
from (
    select 'pg_operator'::regclass as classid, oid, oprowner as owner from pg_operator
    union all
    select 'pg_opclass', oid, opcowner from pg_opclass
    union all
    select 'pg_opfamily', oid, opfowner from pg_opfamily
    union all
    select 'pg_collation', oid, collowner from pg_collation
    union all
    select 'pg_conversion', oid, conowner from pg_conversion
    union all
    select 'pg_ts_config', oid, cfgowner from pg_ts_config
    union all
    select 'pg_ts_dict', oid, dictowner from pg_ts_dict
    union all
    select 'pg_statistic_ext', oid, stxowner from pg_statistic_ext
) given
join elt.object o on (o.generation, o.classid, o.objid) = (%(generation)s, given.classid::oid, given.oid)
cross join pg_identify_object(given.classid, given.oid, 0) i
where given.oid >= 16384 and not pg_has_role(given.owner, 'usage')
