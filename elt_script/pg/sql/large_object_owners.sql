-- Who owns large objects, and what others were given on them: one row for all those that are alike, as in objects.sql.
select
    2613::bigint as catalog,
    '' as schema,
    row_number() over ()::text as name,
    array[]::text[] as takes,
    'large object' as kind,
    'large object' as word,
    '' as identity,
    pg_get_userbyid(m.lomowner)::text as owner,
    coalesce(
        jsonb_agg(jsonb_build_array(null, a.privilege_type, r.rolname, a.is_grantable)) filter (
            where a.grantee <> m.lomowner and (a.grantee = 0 or r.oid is not null)
        ),
        '[]'
    ) as grants,
    '[]'::jsonb as usual
from (select distinct lomowner, lomacl from pg_largeobject_metadata) m
left join aclexplode(m.lomacl) a on true
left join pg_roles r on r.oid = a.grantee
group by m.lomowner, m.lomacl
