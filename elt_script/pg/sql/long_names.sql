-- Names that have more than 63 bytes in UTF8: a destination with that encoding would cut them.
--
-- %(schemas)s  text[]
-- returns      kind text ('name'), schema, name text (of what has it, or has a part with it), object text (the name), facts '[]'
with named as (
    select relnamespace as namespace, relname as owner, relname::text as name from pg_class
    union all
    select c.relnamespace, c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid where a.attnum > 0
    union all
    select k.connamespace, coalesce(c.relname, t.typname), k.conname
    from pg_constraint k
    left join pg_class c on c.oid = k.conrelid
    left join pg_type t on t.oid = k.contypid
    union all
    select c.relnamespace, c.relname, t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid
    union all
    select c.relnamespace, c.relname, p.polname from pg_policy p join pg_class c on c.oid = p.polrelid
    union all
    select c.relnamespace, c.relname, r.rulename from pg_rewrite r join pg_class c on c.oid = r.ev_class
    union all
    select typnamespace, typname, typname from pg_type where typcategory <> 'A'
    union all
    select t.typnamespace, t.typname, e.enumlabel from pg_enum e join pg_type t on t.oid = e.enumtypid
    union all
    select pronamespace, proname, unnest(array_append(proargnames, proname::text)) from pg_proc
    union all
    select oid, nspname, nspname from pg_namespace
    union all
    select stxnamespace, stxname, stxname from pg_statistic_ext
    union all
    select collnamespace, collname, collname from pg_collation
    union all
    select connamespace, conname, conname from pg_conversion
    union all
    select opcnamespace, opcname, opcname from pg_opclass
    union all
    select opfnamespace, opfname, opfname from pg_opfamily
    union all
    select cfgnamespace, cfgname, cfgname from pg_ts_config
    union all
    select dictnamespace, dictname, dictname from pg_ts_dict
    union all
    select tmplnamespace, tmplname, tmplname from pg_ts_template
    union all
    select prsnamespace, prsname, prsname from pg_ts_parser
)
select distinct 'name' as kind, n.nspname::text as schema, named.owner::text as name, named.name as object, '[]'::jsonb as facts
from named
join pg_namespace n on n.oid = named.namespace and n.nspname = any(%(schemas)s)
where case getdatabaseencoding()
    when 'UTF8' then false
    when 'SQL_ASCII' then false
    else octet_length(convert_to(named.name, 'UTF8')) > 63
end
order by 2, 3, 4
