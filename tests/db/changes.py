"""Every change of a database that was ever thought of, for the comparer to find."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a database, on objects of its own, named after it."""

    name: str
    given: str  # SQL that both sides get
    changed: str  # SQL that the destination gets
    found: str  # a pattern that one line of the differences must match

    def __str__(self) -> str:
        return self.name


def value(name: str, kind: str, before: str, after: str) -> Change:
    """Return the change of one row's only value: before and after are SQL."""
    return Change(
        name,
        f"create table {name} (v {kind}); insert into {name} values ({before})",
        f"update {name} set v = {after}",
        rf"rows of public\.{name}: 1 only at the destination",
    )


VALUES = [
    value("number", "int", "1", "2"),
    value("negative_zero", "float8", "'0'", "'-0'"),
    value("negative_zero_in_array", "float4[]", "'{0}'", "'{-0}'"),
    value("scale", "numeric", "1.0", "1.00"),
    value("null_or_empty", "text", "null", "''"),
    value("trailing_space", "text", "'a'", "'a '"),
    value("unicode_form", "text", "U&'\\00e9'", "U&'e\\0301'"),
    value("day_or_hours", "interval", "'1 day'", "'24 hours'"),
    value("json_blanks", "json", """'{"a":1}'""", """'{"a": 1}'"""),
    value("jsonb_scale", "jsonb", "'1.0'", "'1.00'"),
    value("lower_bound", "int[]", "'{1}'", "'[0:0]={1}'"),
    value("null_or_nulls", "pair", "null", "row(null, null)"),
    value("nested_scale", "pair", "row(1.0, 'a')", "row(1.00, 'a')"),
    value("label", "size", "'small'", "'large'"),
    value("label_in_array", "size[]", "'{small}'", "'{large}'"),
    value("bounds", "numrange", "'[1,2)'", "'[1,2]'"),
    value("nul_byte", "bytea", "'\\x00'", "'\\x0000'"),
    value("bits", "bit varying", "'1'", "'10'"),
]
ROWS = [
    Change(
        "swapped",
        "create table swapped (n int, v text); insert into swapped values (1, 'a'), (2, 'b')",
        "update swapped set v = case v when 'a' then 'b' else 'a' end",
        r"rows of public\.swapped: 2 only at the destination: \(1,b\); \(2,a\)",
    ),
    Change(
        "missing",
        "create table missing (n int); insert into missing values (1), (2)",
        "delete from missing where n = 2",
        r"rows of public\.missing: 1 only at the source: \(2\)",
    ),
    Change(
        "twice",
        "create table twice (n int); insert into twice values (1), (2)",
        "insert into twice values (2)",
        r"rows of public\.twice: 1 only at the destination: \(2\)",
    ),
    Change(
        "empty_row",
        "create table empty_row (); insert into empty_row default values",
        "insert into empty_row default values",
        r"rows of public\.empty_row: 1 only at the destination",
    ),
    Change(
        "heir",
        "create table parent (n int); create table heir () inherits (parent); insert into parent values (1)",
        "delete from parent; insert into heir values (1)",
        r"rows of public\.heir: 1 only at the destination",
    ),
    Change(
        "stale",
        "create table fresh (n int); create materialized view stale as table fresh",
        "insert into fresh values (1); refresh materialized view stale; delete from fresh",
        r"rows of public\.stale: 1 only at the destination",
    ),
]
FACTS = [
    Change(
        "positioned",
        "create sequence positioned",
        "select setval('positioned', 7)",
        r"relation public\.positioned: last_value is 1 → 7",
    ),
    Change(
        "called",
        "create sequence called",
        "select nextval('called')",
        r"relation public\.called: is_called is False → True",
    ),
    Change(
        "unpopulated",
        "create materialized view unpopulated as select 1 as n",
        "refresh materialized view unpopulated with no data",
        r"relation public\.unpopulated: relispopulated is True → False",
    ),
    Change(
        "invalid",
        "create table indexed (n int); create index invalid on indexed (n)",
        "update pg_index set indisvalid = false where indexrelid = 'invalid'::regclass",
        r"index public\.invalid: indisvalid is True → False",
    ),
    Change(
        "unenforced_reference",
        "create table referred (n int primary key); create table referring (n int references referred)",
        "alter table referring disable trigger all",
        r'trigger public\.referring: "RI_FKey_check_ins" .*: enabled is \'O\' → \'D\'',
    ),
    Change(
        "name_of_a_partitions_key",
        "create table keyed_to (n int primary key); create table keyed (n int references keyed_to) partition by list (n);"
        " create table keyed_1 partition of keyed for values in (1)",
        "alter table keyed_1 rename constraint keyed_n_fkey to key_of_one",
        r"constraint public\.keyed_1\.\"keyed.keyed_n_fkey > keyed_to\": conname is 'keyed_n_fkey' → 'key_of_one'",
    ),
    Change(
        "comment_on_an_heirs_check",
        "create table noted_top (n int constraint noted check (n > 0)); create table noted_heir () inherits (noted_top)",
        "comment on constraint noted on noted_heir is 'by the heir'",
        r"comment public\.table constraint +\{noted_heir,noted\}: only at the destination",
    ),
    Change(
        "valid_for_a_part",
        "create table valid_top (n int); create table valid_heir () inherits (valid_top);"
        " alter table valid_top add constraint half_valid check (n > 0) not valid",
        "alter table valid_heir validate constraint half_valid",
        r"constraint public\.valid_heir\.half_valid: convalidated is False → True",
    ),
    Change(
        "half_detached",
        "create table detached_from (n int) partition by list (n);"
        " create table half_detached partition of detached_from for values in (1)",
        "update pg_inherits set inhdetachpending = true where inhrelid = 'half_detached'::regclass",
        r"relation public\.half_detached: detach pending is False → True",
    ),
    Change(
        "index_of_a_replica",
        "create table replicated_by (n int not null unique)",
        "alter table replicated_by replica identity using index replicated_by_n_key",
        r"index public\.replicated_by_n_key: indisreplident is False → True",
    ),
    Change(
        "replica_trigger",
        "create table on_replicas (n int); create trigger on_replica before update on on_replicas"
        " for each row execute function suppress_redundant_updates_trigger()",
        "alter table on_replicas enable replica trigger on_replica",
        r"trigger public\.on_replicas\.on_replica: enabled is 'O' → 'R'",
    ),
    Change(
        "options_of_toast",
        "create table toasted (n text)",
        "alter table toasted set (toast.autovacuum_enabled = false)",
        r"relation public\.toasted: toast options is None → \['autovacuum_enabled=false'\]",
    ),
    Change(
        "options_of_a_column",
        "create table distinct_values (n int)",
        "alter table distinct_values alter n set (n_distinct = 7)",
        r"column public\.distinct_values\.n: options is None → \['n_distinct=7'\]",
    ),
    Change(
        "statistics_of_an_expression",
        "create table expressed (n int); create index expressed_twice on expressed ((n * 2))",
        "alter index expressed_twice alter column 1 set statistics 3",
        r"column public\.expressed_twice\.1: statistics target is -1 → 3",
    ),
    Change(
        "local_column",
        "create table local_top (n int); create table local_heir (n int) inherits (local_top)",
        "update pg_attribute set attislocal = false where attrelid = 'local_heir'::regclass and attname = 'n'",
        r"column public\.local_heir\.n: attislocal is True → False",
    ),
    Change(
        "partitions_trigger",
        "create table fired (n int) partition by list (n); create table fired_1 partition of fired for values in (1);"
        " create trigger fires after insert on fired for each row execute function suppress_redundant_updates_trigger()",
        "alter table fired_1 disable trigger fires",
        r"trigger public\.fired_1\.fires: enabled is 'O' → 'D'",
    ),
    Change(
        "method_of_storage",
        "create materialized view stored_by as select 1 as n",
        "alter materialized view stored_by set (fillfactor = 50)",
        r"relation public\.stored_by: reloptions is None → \['fillfactor=50'\]",
    ),
]
TEXTS = [
    Change(
        "dropped_index",
        "create table t_dropped (n int); create index dropped_index on t_dropped (n)",
        "drop index dropped_index",
        "-CREATE INDEX dropped_index",
    ),
    Change(
        "disabled_trigger",
        "create table triggered (n int); create trigger disabled_trigger before update on triggered"
        " for each row execute function suppress_redundant_updates_trigger()",
        "alter table triggered disable trigger disabled_trigger",
        r"\+ALTER TABLE public.triggered DISABLE TRIGGER disabled_trigger",
    ),
    Change(
        "not_valid",
        "create table checked (n int, constraint is_positive check (n > 0))",
        "alter table checked drop constraint is_positive;"
        " alter table checked add constraint is_positive check (n > 0) not valid",
        "constraint public.checked.is_positive: convalidated is True → False",
    ),
    Change(
        "deferrable",
        "create table deferred (n int, constraint deferred_key unique (n) deferrable)",
        "alter table deferred drop constraint deferred_key, add constraint deferred_key unique (n)",
        "-.*deferred_key UNIQUE .* DEFERRABLE",
    ),
    Change(
        "commented",
        "create table commented (n int); comment on column commented.n is 'before'",
        "comment on column commented.n is 'after'",
        r"\+COMMENT ON COLUMN public.commented.n IS 'after'",
    ),
    Change(
        "defaulted",
        "create table defaulted (n text default 'default before')",
        "alter table defaulted alter n set default 'default after'",
        r"\+.*DEFAULT 'default after'",
    ),
    Change(
        "column_order",
        "create table ordered (first_column int, second_column int)",
        "alter table ordered drop first_column; alter table ordered add first_column int",
        r"column public.ordered.first_column: position is 1 → 2",
    ),
    Change(
        "typed",
        "create table typed (n varchar(10))",
        "alter table typed alter n type varchar(11)",
        r"\+ +n character varying\(11\)",
    ),
    Change(
        "statistics_target",
        "create table targeted (n int)",
        "alter table targeted alter n set statistics 7",
        r"\+.*public.targeted ALTER COLUMN n SET STATISTICS 7",
    ),
    Change(
        "storage",
        "create table stored (n text)",
        "alter table stored alter n set storage plain",
        r"\+.*public.stored ALTER COLUMN n SET STORAGE PLAIN",
    ),
    Change(
        "compression",
        "create table compressed (n text)",
        "alter table compressed alter n set compression pglz",
        r"\+.*public.compressed ALTER COLUMN n SET COMPRESSION pglz",
    ),
    Change(
        "viewed",
        "create view viewed as select 'view before' as n",
        "create or replace view viewed as select 'view after' as n",
        r"\+.*'view after'",
    ),
    Change(
        "policy",
        "create table guarded (n int); create policy guard on guarded using (n > 10)",
        "alter policy guard on guarded using (n > 11)",
        r"\+CREATE POLICY guard ON public.guarded USING \(\(n > 11\)\)",
    ),
    Change(
        "row_security",
        "create table secured (n int)",
        "alter table secured enable row level security, force row level security",
        r"relation public.secured: relforcerowsecurity is False → True",
    ),
    Change(
        "rule",
        "create table ruled (n int); create rule ruling as on delete to ruled do instead nothing",
        "alter table ruled disable rule ruling",
        r"rule public.ruled.ruling: enabled is 'O' → 'D'",
    ),
    Change(
        "bound",
        "create table parted (n int) partition by list (n);"
        " create table part partition of parted for values in (1)",
        "alter table parted detach partition part;"
        " alter table parted attach partition part for values in (2)",
        r"\+ALTER TABLE ONLY public.parted ATTACH PARTITION public.part FOR VALUES IN \(2\)",
    ),
    Change(
        "label_order",
        "create type step as enum ('label one', 'label two')",
        "alter type step add value 'label zero' before 'label one'; drop type step;"
        " create type step as enum ('label two', 'label one')",
        r"[+-] +'label one',?",
    ),
    Change(
        "function_body",
        "create function bodied() returns int language sql as $$select 1 -- as it was$$",
        "create or replace function bodied() returns int language sql as $$select 1 \n\n-- as it was$$",
        r"\+-- as it was\$\$;",
    ),
    Change(
        "collation",
        "create table collated (v text)",
        'alter table collated alter v type text collate "C"',
        r"column public.collated.v: collation is 'default' → 'C'",
    ),
    Change(
        "generated",
        "create table computed (n int, g int generated always as (n + 100) stored)",
        "alter table computed drop g; alter table computed add g int generated always as (n + 101) stored",
        r"\+ +g integer GENERATED ALWAYS AS \(\(n \+ 101\)\)",
    ),
    Change(
        "identity",
        "create table numbered (n int generated always as identity)",
        "alter table numbered alter n set generated by default",
        r"column public.numbered.n: attidentity is 'a' → 'd'",
    ),
    Change(
        "unlogged",
        "create table logged (n int)",
        "alter table logged set unlogged",
        r"relation public.logged: relpersistence is 'p' → 'u'",
    ),
    Change(
        "replica_identity",
        "create table replicated (n int)",
        "alter table replicated replica identity full",
        r"\+ALTER TABLE ONLY public.replicated REPLICA IDENTITY FULL",
    ),
    Change(
        "clustered",
        "create table ordered_on_disk (n int, constraint clustered primary key (n))",
        "alter table ordered_on_disk cluster on clustered",
        r"index public.clustered: indisclustered is False → True",
    ),
    Change(
        "options",
        "create table optioned (n int)",
        "alter table optioned set (fillfactor = 77)",
        r"relation public.optioned: reloptions is None → \['fillfactor=77'\]",
    ),
    Change(
        "domain_check",
        "create domain percent as int constraint at_most check (value <= 100)",
        "alter domain percent drop constraint at_most;"
        " alter domain percent add constraint at_most check (value <= 101)",
        r"\+.*at_most CHECK \(\(VALUE <= 101\)\)",
    ),
    Change(
        "extended_statistics",
        "create table correlated (a int, b int); create statistics correlation on a, b from correlated",
        "alter statistics correlation set statistics 9",
        r"statistics public.correlation: target is -1 → 9",
    ),
    Change(
        "owned_sequence",
        "create table owning (n int); create sequence owned owned by owning.n",
        "alter sequence owned owned by none",
        r"-ALTER SEQUENCE public.owned OWNED BY public.owning.n",
    ),
    Change(
        "another_schema",
        "create schema here",
        "create schema there",
        r"\+CREATE SCHEMA there;",
    ),
]
CHANGES = [*VALUES, *ROWS, *FACTS, *TEXTS]
BASIS = "create type pair as (n numeric, v text); create type size as enum ('small', 'large')"
