-- How many large objects this database has, and which of them this role could not read.
--
-- returns    count bigint, bytes bigint (on disk, of all), whole bool (may this role read the table that holds them),
--            unreadable bigint[] (the first of them), more bigint (how many others), reader text (this role)
select
    count(*) as count,
    pg_table_size('pg_largeobject') as bytes,
    has_table_privilege('pg_largeobject', 'select') as whole,
    coalesce((array_agg(m.oid::bigint order by m.oid) filter (where not m.readable))[:5], '{{}}') as unreadable,
    quote_ident(current_user) as reader,
    greatest(count(*) filter (where not m.readable) - 5, 0) as more
from (
    select
        oid,
        has_table_privilege('pg_largeobject', 'select')
        or pg_has_role(lomowner, 'usage')
        or exists (
            select
            from aclexplode(lomacl) a
            where a.privilege_type = 'SELECT' and (a.grantee = 0 or pg_has_role(a.grantee, 'usage'))
        ) as readable
    from pg_largeobject_metadata
) m
