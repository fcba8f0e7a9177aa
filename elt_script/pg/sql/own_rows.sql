-- Which rows belong to a partition, as a condition for `copy … where`.
--
-- Postgres, which turns `not (a = b)` into `a <> b`, forgets there to look for the function of that: it is written as a call.
-- What is within quotes stays.
--
-- {place}    the partition's quoted name, as a literal
-- returns    own text
select string_agg(case parts[1] when 'NOT (' then 'pg_catalog.booleq(false, ' else parts[1] end, '' order by place) as own
from regexp_matches(
    pg_get_partition_constraintdef({place}::regclass), $$('(?:[^']|'')*'|"(?:[^"]|"")*"|NOT \(|.)$$, 'g'
) with ordinality m (parts, place)
