-- What removes the keys and indexes of tables.
--
-- %(tables)s  text[], quoted
-- returns     statement text
select
    case
        when c.conname is null then format('drop index %%s', i.indexrelid::regclass)
        else format('alter table %%s drop constraint %%I', i.indrelid::regclass, c.conname)
    end
from pg_index i
left join pg_constraint c on c.conindid = i.indexrelid and c.conrelid = i.indrelid and c.contype in ('p', 'u', 'x')
where i.indrelid = any (%(tables)s::regclass[]::oid[])
order by i.indexrelid
