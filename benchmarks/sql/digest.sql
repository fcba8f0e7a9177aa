-- How many rows a table has, and a digest of them in any order, over their text.
--
-- {columns}  the columns, each in the type that the source gives it
-- {table}    what to read
-- returns    rows bigint, digest numeric
select count(*) as rows, coalesce(sum(hashtextextended(row({columns})::text, 4711)), 0) as digest
from {table}
