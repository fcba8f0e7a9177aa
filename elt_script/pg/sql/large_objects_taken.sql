-- The large objects that are not of the live generation, nor about to go.
--
-- %(generation)s  bigint, the live one, or null
-- returns         oid bigint, owned bool (by this role)
select m.oid::bigint as oid, pg_has_role(m.lomowner, 'usage') as owned
from pg_largeobject_metadata m
where not exists (select from elt.large_object o where o.generation = %(generation)s and o.oid = m.oid)
    and not exists (select from elt.large_object_gone g where g.oid = m.oid)
