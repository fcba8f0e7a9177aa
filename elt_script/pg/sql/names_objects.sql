-- A value of a column of regclass or the like that names an object of this database: what ships with Postgres has
-- the same OID everywhere.
--
-- {values}  the column's values in one row, as a set
-- {table}   what to read, behind `from`
-- returns   value text
select v.value::text as value
from {table} t
cross join lateral {values} v (value)
where v.value::oid >= 16384
limit 1
