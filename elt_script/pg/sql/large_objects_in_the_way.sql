-- The wanted large objects whose numbers others of this database have, which are not of the live generation.
--
-- {objects}       the wanted ones, behind `from`
-- %(generation)s  bigint, the live one, or null
-- returns         oid bigint, owned bool (by this role)
select w.oid::bigint as oid, pg_has_role(m.lomowner, 'usage') as owned
from {objects} w
join pg_largeobject_metadata m on m.oid = w.oid
where not exists (select from elt.large_object o where o.generation = %(generation)s and o.oid = w.oid)
order by 1
