-- Grants and comments that people gave to the objects of a generation, and what they switched on its tables, as
-- statements for the next one.
--
-- Must run with an empty search_path, while the generation stands under its final names.
--
-- %(generation)s  bigint
-- returns         kind (relation, routine, type), object text (its name in full), statement text
with ours as materialized (
    select classid, objid, comments, facts from elt.object where generation = %(generation)s
),
relations as materialized (
    select
        c.oid, c.relacl, c.relowner, c.oid::regclass::text as name, ours.comments, ours.facts, c.relkind,
        c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
        case c.relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view' else 'table' end as word
    from ours
    join pg_class c on ours.classid = 'pg_class'::regclass and c.oid = ours.objid
    where c.relkind in ('r', 'p', 'v', 'm', 'S')
)
select
    'relation' as kind, r.name as object,
    format(
        'grant %%s on %%s %%s to %%s%%s', a.privilege_type, case r.word when 'sequence' then 'sequence' else 'table' end, r.name,
        case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
        case when a.is_grantable then ' with grant option' else '' end
    ) as statement
from relations r
cross join aclexplode(r.relacl) a
where a.grantee <> r.relowner and (a.grantee = 0 or exists (select from pg_roles where oid = a.grantee))
union all
select
    'column', r.name || '.' || quote_ident(t.attname),
    format(
        'grant %%s (%%I) on table %%s to %%s%%s', a.privilege_type, t.attname, r.name,
        case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
        case when a.is_grantable then ' with grant option' else '' end
    )
from relations r
join pg_attribute t on t.attrelid = r.oid and t.attnum > 0 and not t.attisdropped
cross join aclexplode(t.attacl) a
where a.grantee <> r.relowner and (a.grantee = 0 or exists (select from pg_roles where oid = a.grantee))
union all
select
    'routine', p.oid::regprocedure::text,
    format('revoke all on routine %%s from public', p.oid::regprocedure)
from ours
join pg_proc p on ours.classid = 'pg_proc'::regclass and p.oid = ours.objid and p.proacl is not null
union all
select
    'routine', p.oid::regprocedure::text,
    format(
        'grant execute on routine %%s to %%s%%s', p.oid::regprocedure,
        case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
        case when a.is_grantable then ' with grant option' else '' end
    )
from ours
join pg_proc p on ours.classid = 'pg_proc'::regclass and p.oid = ours.objid
cross join aclexplode(p.proacl) a
where a.grantee <> p.proowner and (a.grantee = 0 or exists (select from pg_roles where oid = a.grantee))
union all
select
    'type', t.oid::regtype::text,
    format('revoke all on type %%s from public', t.oid::regtype)
from ours
join pg_type t on ours.classid = 'pg_type'::regclass and t.oid = ours.objid and t.typacl is not null
union all
select
    'type', t.oid::regtype::text,
    format(
        'grant usage on type %%s to %%s%%s', t.oid::regtype,
        case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
        case when a.is_grantable then ' with grant option' else '' end
    )
from ours
join pg_type t on ours.classid = 'pg_type'::regclass and t.oid = ours.objid
cross join aclexplode(t.typacl) a
where a.grantee <> t.typowner and (a.grantee = 0 or exists (select from pg_roles where oid = a.grantee))
union all
select
    case d.objsubid when 0 then 'relation' else 'column' end,
    r.name || coalesce('.' || quote_ident(t.attname), ''),
    format(
        'comment on %%s %%s is %%L', case d.objsubid when 0 then r.word else 'column' end,
        r.name || coalesce('.' || quote_ident(t.attname), ''), d.description
    )
from relations r
join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = r.oid
left join pg_attribute t on t.attrelid = r.oid and t.attnum = d.objsubid and d.objsubid > 0
where d.description is distinct from r.comments ->> d.objsubid::text
union all
select
    'relation', r.name,
    format('alter table %%s %%s row level security', r.name, case when r.relrowsecurity then 'enable' else 'disable' end)
from relations r
where r.relkind in ('r', 'p') and r.relrowsecurity <> coalesce((r.facts ->> 'row security')::bool, false)
union all
select
    'relation', r.name,
    format('alter table %%s %%s row level security', r.name, case when r.relforcerowsecurity then 'force' else 'no force' end)
from relations r
where r.relkind in ('r', 'p') and r.relforcerowsecurity <> coalesce((r.facts ->> 'forced row security')::bool, false)
union all
select
    'relation', r.name,
    format(
        'alter table %%s replica identity %%s', r.name,
        case r.relreplident when 'f' then 'full' when 'n' then 'nothing' else 'default' end
    )
from relations r
where r.relkind in ('r', 'p') and r.relreplident <> 'i' and r.relreplident::text <> coalesce(r.facts ->> 'identity', 'd')
