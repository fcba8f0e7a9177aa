-- Of statements about objects, those whose object exists.
--
-- %(statements)s  jsonb [[kind, object, statement], …]
-- returns         statement text, what is revoked first
with said as materialized (
    select * from jsonb_array_elements(%(statements)s::jsonb) with ordinality s (value, place)
),
columns as materialized (
    select s.place, c.relkind, a.*
    from said s
    cross join lateral parse_ident(s.value ->> 1) parts
    join pg_class c on c.oid = to_regclass(format('%%I.%%I', parts[1], parts[2]))
    join pg_attribute a on a.attrelid = c.oid and a.attname = parts[3] and a.attnum > 0 and not a.attisdropped
    where s.value ->> 0 like '%%column'
)
select s.value ->> 2 as statement
from said s
where case s.value ->> 0
    when 'table' then (select relkind in ('r', 'p') from pg_class where oid = to_regclass(s.value ->> 1))
    when 'view' then (select relkind = 'v' from pg_class where oid = to_regclass(s.value ->> 1))
    when 'materialized view' then (select relkind = 'm' from pg_class where oid = to_regclass(s.value ->> 1))
    when 'sequence' then (select relkind = 'S' from pg_class where oid = to_regclass(s.value ->> 1))
    when 'stored column' then exists (select from columns a where a.place = s.place and a.relkind <> 'v')
    when 'long column' then exists ( -- only such a one may be stored in other ways
        select from columns a join pg_type t on t.oid = a.atttypid and t.typstorage <> 'p' where a.place = s.place and a.relkind <> 'v'
    )
    when 'constraint' then exists (
        select
        from pg_constraint k
        cross join parse_ident(s.value ->> 1) parts
        where k.conrelid = to_regclass(format('%%I.%%I', parts[1], parts[2])) and k.conname = parts[3]
    )
    when 'routine' then to_regprocedure(s.value ->> 1) is not null
    when 'type' then to_regtype(s.value ->> 1) is not null
    when 'column' then exists (select from columns a where a.place = s.place)
    else to_regclass(s.value ->> 1) is not null
end
order by s.value ->> 2 not like 'revoke %%', s.place
