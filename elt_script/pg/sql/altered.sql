-- The relations of this database that somebody keeps all others from.
--
-- returns    relation bigint, OID
select distinct l.relation::bigint as relation
from pg_locks l
where l.granted
    and l.mode = 'AccessExclusiveLock'
    and l.relation >= 16384
    and l.database = (select oid from pg_database where datname = current_database())
