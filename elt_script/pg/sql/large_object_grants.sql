-- What others were given on large object m, in one order.
--
-- returns    jsonb
(
    select coalesce(
        jsonb_agg(jsonb_build_array(a.privilege_type, r.rolname, a.is_grantable) order by a.privilege_type, r.rolname, a.is_grantable),
        '[]'
    )
    from aclexplode(m.lomacl) a
    left join pg_roles r on r.oid = a.grantee
    where a.grantee <> m.lomowner and (a.grantee = 0 or r.oid is not null)
)
