-- The generations of a pipeline that stand, the live one first.
--
-- %(pipeline)s  text
-- returns       number bigint, run_id text, place int, schemas text[]
select number, run_id, place, schemas
from elt.generation
where pipeline = %(pipeline)s and place is not null
order by place
