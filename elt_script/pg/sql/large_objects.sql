-- Every large object of this database, without its content.
--
-- {length}   bigint, the length of object m.oid
-- {owner}    text, of object m
-- {grants}   jsonb, those on object m: [[privilege, role or null for public, grantable], …]
-- returns    oid, length bigint, owner text, grants jsonb, comment text
select
    m.oid,
    {length} as length,
    {owner}::text as owner,
    {grants}::jsonb as grants,
    obj_description(m.oid, 'pg_largeobject') as comment
from pg_largeobject_metadata m
offset 0
