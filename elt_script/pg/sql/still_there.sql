-- Of statements about objects, those whose object exists and is what it must be.
--
-- %(statements)s  jsonb [[kind, object, statement], …]: kind is
--                    table, view, materialized view, sequence, column, constraint, trigger, rule, policy, index, statistics, routine,
--                    type; also as `extension of …`
--                    other          what Postgres itself names so: operator, collation, cast, domain constraint, …
--                    rows           a table or view of any kind
--                    stored         one that has a file of its own
--                    stored column  of a table or materialized view
--                    long column    such a one that may be stored in other ways
--                    replica identity, clustering  an index of the table (object: its name, the index's), which can be that
--                    described      any of the first three; the statement lacks `comment on` and what it is
-- returns         statement text, what is revoked first
with said as materialized (
    select
        s.*,
        case when kind in ('table', 'view', 'materialized view', 'sequence', 'index', 'rows', 'stored', 'described') then to_regclass(object) end as relation
    from jsonb_array_elements(%(statements)s::jsonb) with ordinality a (value, place)
    cross join lateral (values (place, regexp_replace(value ->> 0, '^extension of ', ''), value ->> 1, value ->> 2)) s (place, kind, object, statement)
),
parted as materialized (
    select s.place, s.kind, parts[3] as part, c.oid as relation, c.relkind
    from said s
    cross join lateral parse_ident(s.object) parts -- called for those alone
    join pg_class c on c.oid = to_regclass(format('%%I.%%I', parts[1], parts[2]))
    where s.kind like '%%column' or s.kind in ('constraint', 'trigger', 'rule', 'policy', 'replica identity', 'clustering')
),
columns as materialized (
    select s.place, s.relkind, a.*
    from parted s
    join pg_attribute a on a.attrelid = s.relation and a.attname = s.part and a.attnum > 0 and not a.attisdropped
    where s.kind like '%%column'
),
others as materialized (
    select i.type || ' ' || i.identity as object
    from (
        select 'pg_operator'::regclass as classid, oid from pg_operator
        union all
        select 'pg_opclass', oid from pg_opclass
        union all
        select 'pg_opfamily', oid from pg_opfamily
        union all
        select 'pg_collation', oid from pg_collation
        union all
        select 'pg_conversion', oid from pg_conversion
        union all
        select 'pg_cast', oid from pg_cast
        union all
        select 'pg_ts_config', oid from pg_ts_config
        union all
        select 'pg_ts_dict', oid from pg_ts_dict
        union all
        select 'pg_ts_parser', oid from pg_ts_parser
        union all
        select 'pg_ts_template', oid from pg_ts_template
        union all
        select 'pg_constraint', oid from pg_constraint where contypid <> 0
    ) o
    cross join pg_identify_object(o.classid, o.oid, 0) i
    where o.oid >= 16384 and exists (select from said where kind = 'other')
)
select
    case s.kind when 'described' then format(
        'comment on %%s %%s %%s', case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' else 'table' end,
        s.object, s.statement
    ) else s.statement end as statement
from said s
left join pg_class c on c.oid = s.relation
where case s.kind
    when 'table' then c.relkind in ('r', 'p')
    when 'view' then c.relkind = 'v'
    when 'materialized view' then c.relkind = 'm'
    when 'sequence' then c.relkind = 'S'
    when 'index' then c.relkind in ('i', 'I')
    when 'rows' then c.relkind in ('r', 'p', 'v', 'm')
    when 'stored' then c.relkind in ('r', 'm')
    when 'described' then c.relkind in ('r', 'p', 'v', 'm', 'S')
    when 'stored column' then exists (select from columns a where a.place = s.place and a.relkind <> 'v')
    when 'long column' then exists (
        select from columns a join pg_type t on t.oid = a.atttypid and t.typstorage <> 'p' where a.place = s.place and a.relkind <> 'v'
    )
    when 'constraint' then exists (
        select from parted p join pg_constraint k on k.conrelid = p.relation and k.conname = p.part where p.place = s.place
    )
    when 'trigger' then exists (
        select from parted p join pg_trigger t on t.tgrelid = p.relation and t.tgname = p.part where p.place = s.place
    )
    when 'rule' then exists (
        select from parted p join pg_rewrite r on r.ev_class = p.relation and r.rulename = p.part where p.place = s.place
    )
    when 'policy' then exists (
        select from parted p join pg_policy l on l.polrelid = p.relation and l.polname = p.part where p.place = s.place
    )
    when 'statistics' then exists (
        select from pg_statistic_ext t join pg_namespace n on n.oid = t.stxnamespace where format('%%I.%%I', n.nspname, t.stxname) = s.object
    )
    when 'routine' then to_regprocedure(s.object) is not null
    when 'type' then to_regtype(s.object) is not null
    when 'column' then exists (select from columns a where a.place = s.place)
    when 'other' then s.object in (select object from others)
    else exists (
        select
        from parted p
        join pg_index i on i.indrelid = p.relation
        join pg_class x on x.oid = i.indexrelid and x.relname = p.part
        where p.place = s.place and (s.kind = 'replica identity' or x.relkind = 'i')
    )
end
order by s.statement not like 'revoke %%', s.place
