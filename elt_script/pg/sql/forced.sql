-- The tables whose row security is forced on their owner, of a generation and of some others: no foreign key of theirs, or to
-- them, can be checked.
--
-- %(generation)s  bigint
-- %(relations)s   bigint[]
-- returns         name text
select c.oid::regclass::text
from pg_class c
where c.relrowsecurity and c.relforcerowsecurity and (
    c.oid = any(%(relations)s::bigint[]::oid[])
    or exists (select from elt.object o where (o.generation, o.classid, o.objid) = (%(generation)s, 'pg_class'::regclass, c.oid))
)
