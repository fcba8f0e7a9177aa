-- Scratch databases that nobody is in.
--
-- %(beginning)s  text, of their names
-- returns        name text
select d.datname::text
from pg_database d
where starts_with(d.datname, %(beginning)s)
    and pg_has_role(d.datdba, 'usage')
    and not exists (select from pg_stat_activity a where a.datid = d.oid)
