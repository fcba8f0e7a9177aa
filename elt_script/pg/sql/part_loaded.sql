-- How many rows of a part an earlier attempt has committed: all of them, or as many as came before its source broke off.
--
-- {staged}  the table that holds all parts
-- {key}     bigint, the part's own
-- returns   rows bigint; no row where no attempt has committed
select (select count(*) from only {staged} t where t.xmin = part.xmin) as rows
from elt.part
where key = {key}
