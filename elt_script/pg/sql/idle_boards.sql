-- Scratch databases that nobody is in.
--
-- %(pattern)s  text, for like
-- returns      name text
select d.datname::text
from pg_database d
where d.datname like %(pattern)s
    and pg_has_role(d.datdba, 'usage')
    and not exists (select from pg_stat_activity a where a.datid = d.oid)
