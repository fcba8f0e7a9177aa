-- What the schema public consists of, without names that a copy may choose anew.
--
-- returns    kind text, place text (a table's or sequence's name), name text (of a column), definition text
with relations as (
    select oid, relname, relkind
    from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'S')
),
columns as (
    select r.relname, a.*
    from relations r
    join pg_attribute a on a.attrelid = r.oid
    where r.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
)
select case relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view' else 'table' end
    as kind,
    relname::text as place,
    '' as name,
    '' as definition
from relations
union all
select 'column', relname, attname, format_type(atttypid, atttypmod)
from columns
union all
select 'not null', relname, attname, ''
from columns
where attnotnull
union all
select
    case when attgenerated <> '' then 'generated column' when attidentity <> '' then 'identity' else 'default' end,
    relname,
    attname,
    coalesce(
        (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d where d.adrelid = attrelid and d.adnum = attnum),
        attidentity::text
    )
from columns
where atthasdef or attidentity <> ''
union all
select
    case contype when 'p' then 'primary key' when 'u' then 'unique constraint' when 'f' then 'foreign key'
        when 'c' then 'check' else 'exclusion constraint' end,
    r.relname,
    '',
    pg_get_constraintdef(c.oid)
from relations r
join pg_constraint c on c.conrelid = r.oid
where contype in ('p', 'u', 'f', 'c', 'x')
union all
select
    'index',
    r.relname,
    '',
    regexp_replace(pg_get_indexdef(i.indexrelid), 'INDEX .*? ON ', 'INDEX ON ')
from relations r
join pg_index i on i.indrelid = r.oid
where i.indisvalid
    and not exists (
        select from pg_constraint c
        where c.conindid = i.indexrelid and c.contype in ('p', 'u', 'x')
    )
