-- Tables of a generation that are not where it is live.
--
-- %(generation)s  bigint
-- returns         name text
select name
from (select format('%%I.%%I', schema, name) as name from elt.published_table where generation = %(generation)s) t
where to_regclass(name) is null
order by name
