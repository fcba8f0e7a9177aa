-- What pg_dump does not write about the tables and domains of some schemas, though it makes a difference.
--
-- %(schemas)s  text[]
-- returns      kind text (see below), schema, name text (of the table or domain), object text (its part), facts jsonb
--              index       an invalid one: it is not written at all
--              validated   a constraint that holds for a partition or heir, though not for the whole
--              part        a foreign key that another one made, for a partition: its name, which need not be what pg_restore
--                          will choose; facts: [schema and name of the table it refers to, and of the other one's, its name]
--              own         a not-null constraint that a partition had before its parent; facts: [column]
--              inherited   one that only the parents gave, though not by the name of the first, or it is valid and theirs is not
--              trigger     one of a foreign key's own that does not fire as usual; facts: [schema and name of the table that refers, function, type, state,
--                          its OID]
--              detaching   a partition of the table whose detaching began and never ended
--              role        a policy's; facts: [policy]
--              domain      one without a default, of a domain that has one: pg_dump writes nothing, which takes it over
--              order       an heir whose columns will be in its parents' order; facts: [is its type that of columns elsewhere]
--              exclusion   one of a partitioned table that has partitions, or its key without overlaps
--              identity    a partition's column: since 17 it is what that of the whole is; facts: ['none' (only the whole's is one, as
--                          before 17), 'its own' (with a sequence of its own, as before 17) or 'the whole''s' (as since 17)]
with recursive tables as (
    select c.oid, n.nspname, c.relname, c.relispartition, c.reltype
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = any(%(schemas)s) and c.relkind in ('r', 'p', 'm')
),
made as (
    select oid, oid as root from pg_constraint where contype = 'f' and conparentid = 0
    union all
    select k.oid, made.root from made join pg_constraint k on k.conparentid = made.oid
),
given as (
    select k.conrelid, k.conname, a.attname
    from tables t
    join pg_constraint k on k.conrelid = t.oid and k.contype = 'n' and not k.conislocal
    join pg_attribute a on a.attrelid = t.oid and a.attnum = k.conkey[1]
    cross join lateral (
        select bool_and(p.convalidated) as valid, (array_agg(p.conname order by h.inhseqno))[1] as name
        from pg_inherits h
        join pg_attribute b on b.attrelid = h.inhparent and b.attname = a.attname
        join pg_constraint p on p.conrelid = h.inhparent and p.contype = 'n' and p.conkey[1] = b.attnum and not p.connoinherit
        where h.inhrelid = t.oid
    ) above
    where case
            when k.convalidated then not above.valid or not t.relispartition and above.name <> k.conname
            else above.name <> k.conname
        end
    union
    select k.conrelid, k.conname, a.attname
    from given
    join pg_inherits h on h.inhparent = given.conrelid
    join pg_class c on c.oid = h.inhrelid and not c.relispartition
    join pg_attribute a on a.attrelid = c.oid and a.attname = given.attname
    join pg_constraint k on k.conrelid = c.oid and k.contype = 'n' and k.conkey[1] = a.attnum and not k.conislocal
)
select
    'index' as kind, t.nspname::text as schema, t.relname::text as name, c.relname::text as object, '[]'::jsonb as facts
from tables t
join pg_index i on i.indrelid = t.oid and not (i.indisvalid and i.indisready)
join pg_class c on c.oid = i.indexrelid and c.relkind = 'i'
union all
select 'validated', t.nspname, t.relname, k.conname, '[]'
from tables t
join pg_constraint k on k.conrelid = t.oid and k.contype in ('c', 'f') and k.convalidated
where exists (
    select
    from pg_inherits h
    join pg_constraint p on p.conrelid = h.inhparent and p.contype = k.contype and not p.convalidated
        and (p.oid = k.conparentid or k.contype = 'c' and p.conname = k.conname)
        and coalesce(to_jsonb(p) ->> 'conenforced', 'true') = 'true'
    where h.inhrelid = t.oid
)
union all
select
    'part', t.nspname, t.relname, k.conname, jsonb_build_array(fn.nspname, f.relname, tn.nspname, rt.relname, r.conname)
from tables t
join pg_constraint k on k.conrelid = t.oid and k.contype = 'f' and k.conparentid <> 0
join pg_class f on f.oid = k.confrelid
join pg_namespace fn on fn.oid = f.relnamespace
join made m on m.oid = k.oid
join pg_constraint r on r.oid = m.root
join pg_class rt on rt.oid = r.conrelid
join pg_namespace tn on tn.oid = rt.relnamespace
union all
select 'own', t.nspname, t.relname, k.conname, jsonb_build_array(a.attname)
from tables t
join pg_constraint k on k.conrelid = t.oid and k.contype = 'n' and k.conislocal and k.convalidated
join pg_attribute a on a.attrelid = t.oid and a.attnum = k.conkey[1]
where t.relispartition and k.coninhcount > 0
union all
select 'inherited', t.nspname, t.relname, g.conname, '[]'
from tables t
join given g on g.conrelid = t.oid
union all
select
    'trigger', t.nspname, t.relname, k.conname,
    jsonb_build_array(rn.nspname, r.relname, g.tgfoid::regproc::text, g.tgtype, g.tgenabled, g.oid::bigint)
from tables t
join pg_trigger g on g.tgrelid = t.oid and g.tgisinternal and g.tgenabled <> 'O' and g.tgconstraint <> 0
join pg_constraint k on k.oid = g.tgconstraint and k.contype = 'f'
join pg_class r on r.oid = k.conrelid
join pg_namespace rn on rn.oid = r.relnamespace
union all
select 'detaching', t.nspname, t.relname, h.inhrelid::regclass::text, '[]'
from tables t
join pg_inherits h on h.inhparent = t.oid and h.inhdetachpending
union all
select 'role', t.nspname, t.relname, r.rolname, jsonb_build_array(p.polname)
from tables t
join pg_policy p on p.polrelid = t.oid
cross join unnest(p.polroles) role
join pg_roles r on r.oid = role
union all
select 'domain', n.nspname, d.typname, '', '[]'
from pg_type d
join pg_namespace n on n.oid = d.typnamespace and n.nspname = any(%(schemas)s)
join pg_type b on b.oid = d.typbasetype and b.typtype = 'd' and b.typdefault is not null
where d.typdefault is null
union all
select 'order', t.nspname, t.relname, '', jsonb_build_array(exists (
    select
    from pg_depend d
    join pg_type y on d.refclassid = 'pg_type'::regclass and y.oid = d.refobjid
    where d.classid = 'pg_class'::regclass and (y.oid = t.reltype or y.typelem = t.reltype)
        and not (d.objid = t.oid and d.deptype = 'i')
))
from tables t
where not t.relispartition
    and exists (select from pg_inherits h where h.inhrelid = t.oid)
    and (
        select array_agg(a.attnum order by a.attnum) <> array_agg(a.attnum order by p.inhseqno, p.attnum, a.attnum)
        from pg_attribute a
        left join lateral (
            select h.inhseqno, b.attnum
            from pg_inherits h
            join pg_attribute b on b.attrelid = h.inhparent and b.attname = a.attname and b.attnum > 0
            where h.inhrelid = t.oid
            order by 1
            limit 1
        ) p on true
        where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
    )
union all
select 'exclusion', t.nspname, t.relname, k.conname, '[]'
from tables t
join pg_constraint k on k.conrelid = t.oid and k.conparentid = 0
join pg_index i on i.indexrelid = k.conindid and i.indrelid = t.oid and i.indisexclusion
where exists (select from pg_inherits h where h.inhparent = i.indexrelid)
union all
select
    'identity', t.nspname, t.relname, a.attname,
    jsonb_build_array(case when a.attidentity = '' then 'none' when s.objid is null then 'the whole''s' else 'its own' end)
from tables t
join pg_inherits h on h.inhrelid = t.oid and t.relispartition
join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
join pg_attribute b on b.attrelid = h.inhparent and b.attname = a.attname and (a.attidentity <> '' or b.attidentity <> '')
left join pg_depend s on s.refclassid = 'pg_class'::regclass and s.refobjid = t.oid and s.refobjsubid = a.attnum
    and s.classid = 'pg_class'::regclass and s.deptype = 'i'
order by 1, 2, 3, 4
