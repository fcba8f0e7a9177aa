-- A value of a column that names an object of this database, by itself or within an array or composite: what ships with
-- Postgres has the same OID everywhere.
--
-- {values}  the objects of one row's value, as a set of (OID, name)
-- {table}   what to read, behind `from`
-- returns   name text
select v.name
from {table} t
cross join lateral {values} v (oid, name)
where v.oid >= 16384
limit 1
