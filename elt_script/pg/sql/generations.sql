-- The generations of a pipeline that stand, as status shows them.
--
-- %(pipeline)s  text
-- returns       number, run_id, as_of, published_at, state (live, previous), tables, rows, bytes
select
    number, run_id, coalesce(as_of, published_at) as as_of, published_at, case place when 0 then 'live' else 'previous' end as state, tables, rows, bytes
from elt.generation
where pipeline = %(pipeline)s and place is not null
order by place
