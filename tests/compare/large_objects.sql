-- Every large object: its length, a digest of its bytes (of no zeros, which may be holes), owner, grants, comment.
select
    m.oid::bigint,
    coalesce((
        select p.pageno * 2048::bigint + length(p.data) from pg_largeobject p where p.loid = m.oid order by p.pageno desc limit 1
    ), 0),
    coalesce((
        select encode(sha256(string_agg(int4send(p.pageno) || sha256(rtrim(p.data, '\x00')), ''::bytea order by p.pageno)), 'hex')
        from pg_largeobject p
        where p.loid = m.oid and rtrim(p.data, '\x00') <> ''
    ), ''),
    m.lomowner::regrole::text,
    array(
        select format('%s to %s%s', privilege_type, grantee::regrole, case when is_grantable then '*' end)
        from aclexplode(m.lomacl)
        where grantee <> m.lomowner
        order by 1
    ),
    obj_description(m.oid, 'pg_largeobject')
from pg_largeobject_metadata m
