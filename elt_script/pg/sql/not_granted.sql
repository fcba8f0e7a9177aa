-- What has been set about privileges in some schemas, and in all, and is not copied with them.
--
-- %(schemas)s  text[]
-- returns      kind text, name text, reason text, catalog oid, oid (as in outside.sql)
with objects as (
    select 'pg_class'::regclass as catalog, c.oid, relnamespace as namespace, relowner as owner, relacl as acl,
        acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner) as born
    from pg_class c
    where relkind in ('r', 'p', 'v', 'm', 'S')
    union all
    select 'pg_proc', oid, pronamespace, proowner, proacl, acldefault('f', proowner) from pg_proc
    union all
    select 'pg_type', oid, typnamespace, typowner, typacl, acldefault('T', typowner) from pg_type
)
select
    'default privileges' as kind, i.identity as name,
    'they are about objects that are yet to come, which is for the destination to say' as reason,
    null::bigint as catalog, null::bigint as oid
from pg_default_acl d
left join pg_namespace n on n.oid = d.defaclnamespace
cross join pg_identify_object('pg_default_acl'::regclass, d.oid, 0) i
where n.nspname is null or n.nspname = any(%(schemas)s)
union all
select 'privileges of the owner of', i.type || ' ' || i.identity, 'it has given up some, and the copy''s owner has all', null, null
from objects o
join pg_namespace n on n.oid = o.namespace and n.nspname = any(%(schemas)s)
cross join pg_identify_object(o.catalog, o.oid, 0) i
where o.acl is not null
    and not exists (select from pg_depend d where d.classid = o.catalog and d.objid = o.oid and d.deptype = 'e')
    and exists (
        select
        from aclexplode(o.born) b
        where b.grantee = o.owner and not exists (
            select from aclexplode(o.acl) a where a.grantee = o.owner and a.privilege_type = b.privilege_type
        )
    )
order by 1, 2
