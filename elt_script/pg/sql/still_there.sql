-- Of statements about objects, those whose object exists.
--
-- %(statements)s  jsonb [[kind, object, statement], …]
-- returns         statement text, what is revoked first
select s.value ->> 2 as statement
from jsonb_array_elements(%(statements)s::jsonb) with ordinality s (value, place)
where case s.value ->> 0
    when 'routine' then to_regprocedure(s.value ->> 1) is not null
    when 'type' then to_regtype(s.value ->> 1) is not null
    when 'column' then exists (
        select
        from pg_attribute a
        cross join parse_ident(s.value ->> 1) parts
        where a.attrelid = to_regclass(format('%%I.%%I', parts[1], parts[2]))
            and a.attname = parts[3] and a.attnum > 0 and not a.attisdropped
    )
    else to_regclass(s.value ->> 1) is not null
end
order by s.value ->> 2 not like 'revoke %%', s.place
