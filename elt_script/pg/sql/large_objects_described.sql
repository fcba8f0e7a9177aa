-- Write down what the large objects of a generation are now, before they change; those with a length are kept whole.
--
-- {here}          those of this database, as in large_objects.sql
-- %(generation)s  bigint
update elt.large_object o
set length = h.length, owner = h.owner, grants = h.grants, comment = h.comment
from ({here}) h
where o.generation = %(generation)s and h.oid = o.oid
