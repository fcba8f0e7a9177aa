-- What `alter default privileges` has set in some schemas, and in all.
--
-- %(schemas)s  text[]
-- returns      kind text, name text, reason text, catalog oid, oid (as in outside.sql)
select
    'default privileges' as kind, i.identity as name,
    'they are about objects that are yet to come, which is for the destination to say' as reason,
    null::bigint as catalog, null::bigint as oid
from pg_default_acl d
left join pg_namespace n on n.oid = d.defaclnamespace
cross join pg_identify_object('pg_default_acl'::regclass, d.oid, 0) i
where n.nspname is null or n.nspname = any(%(schemas)s)
order by 2
