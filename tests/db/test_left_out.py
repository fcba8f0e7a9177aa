"""What is left out: by the config, because it cannot be copied, and what falls with either."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from elt_script.errors import PreflightError
from elt_script.pg.endpoint import Endpoint
from elt_script.report import RunReport
from elt_script.run import plan
from tests.copying import assert_same, config_of, copied, execute, rows_of

PUBLIC = {"public": "public"}
WITHOUT_SECRET = {"*": {}, "public.secret": {"skip": True}}
SECRET = """
    create table a (id int primary key, v text);
    create table secret (id serial primary key, a int references a, t text);
    create sequence counted; alter sequence counted owned by secret.t;
    create table counts (n int default nextval('counted'));
    create table "b
    b" (id int primary key, s int constraint "to
    secret" references secret, a int references a, self int references "b
    b");
    create view v_secret as select * from secret;
    create view v_above as select count(*) as n from v_secret;
    create view v_a as select * from a;
    create materialized view m_secret as select * from v_secret;
    create index on m_secret (id);
    create function of_secret(s secret) returns int language sql as 'select 1';
    create function reads_secret() returns bigint language sql begin atomic select count(*) from secret; end;
    create function calls_it() returns bigint language sql return reads_secret() + 1;
    create function as_text() returns bigint language sql as 'select count(*) from public.a';
    create view v_calls as select calls_it();
    create function int4_sum_of_secret(int, secret) returns int language sql immutable return $1 + ($2).id;
    create function secret_text(secret) returns text language sql return ($1).t;
    create function same_secret(secret, secret) returns bool language sql return ($1).id = ($2).id;
    create function calls_imm(int) returns int language sql immutable return int4_sum_of_secret($1, null);
    create aggregate sum_of(secret) (sfunc = int4_sum_of_secret, stype = int);
    create type holds as (s secret, n int);
    create domain holder as holds;
    create cast (secret as text) with function secret_text(secret);
    create operator === (leftarg = secret, rightarg = secret, function = same_secret);
    create table heir (extra int) inherits (secret);
    create trigger on_secret before update on secret for each row execute function suppress_redundant_updates_trigger();
    create policy p on secret using (true);
    create policy "needs it" on a using (exists (select from secret));
    create policy stays on a using (true);
    create rule writes as on insert to a do also insert into secret values (new.id);
    create rule stays as on insert to a do also select 1;
    create index uses_it on a ((calls_imm(id)));
    create statistics st on id, t from secret;
"""
COMMENTS = """
    comment on column secret.t is 'hush';
    comment on constraint "to
    secret" on "b
    b" is 'goes there';
    comment on view v_above is 'v'; comment on column v_above.n is 'n'; comment on materialized view m_secret is 'm';
    comment on function of_secret(secret) is 'f'; comment on function calls_it() is 'c'; comment on aggregate sum_of(secret) is 's';
    comment on type holds is 't'; comment on domain holder is 'd'; comment on cast (secret as text) is 'k';
    comment on operator === (secret, secret) is 'o'; comment on table heir is 'h'; comment on trigger on_secret on secret is 'g';
    comment on policy "needs it" on a is 'p'; comment on policy stays on a is 'stays'; comment on rule writes on a is 'r';
    comment on index uses_it is 'i'; comment on statistics st is 'st'; comment on sequence counted is 'kept';
    insert into a values (1, 'x'); insert into counts default values;
"""
PARTS = """
    create table whole (at date, n int, primary key (at, n)) partition by range (at);
    create table part_1 partition of whole for values from ('2020-01-01') to ('2021-01-01');
    create table part_2 partition of whole for values from ('2021-01-01') to ('2022-01-01') partition by list (n);
    create table part_2_1 partition of part_2 for values in (1);
    create table part_2_x partition of part_2 default;
    create index on whole (n);
    create table other (at date, n int, foreign key (at, n) references whole);
    comment on table part_2_1 is 'one';
    insert into whole values ('2020-05-05', 1), ('2021-05-05', 1), ('2021-05-05', 2);
"""


def names_of(report: RunReport) -> set[str]:
    return {line.split(": ")[0] for line in report.left_out}


def test_all_that_needs_a_skipped_table_falls_and_is_named(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, SECRET + COMMENTS)

    report = copied(source, destination, tables=WITHOUT_SECRET)

    # what stands where the table was dropped with all that needs it, Postgres itself says
    execute(
        source, "alter sequence counted owned by none; drop type holds cascade; drop table secret cascade"
    )
    assert_same(source_admin, destination_admin, PUBLIC)
    assert names_of(report) == {
        "table public.secret",
        "table public.heir",
        "view public.v_secret",
        "view public.v_above",
        "view public.v_calls",
        "materialized view public.m_secret",
        'foreign key "to\n    secret" on public."b\n    b"',
        'policy "needs it" on public.a',
        "rule writes on public.a",
        "index public.uses_it",
        "function public.of_secret(public.secret)",
        "function public.reads_secret()",
        "function public.calls_it()",
        "function public.calls_imm(integer)",
        "function public.secret_text(public.secret)",
        "function public.same_secret(public.secret,public.secret)",
        "function public.int4_sum_of_secret(integer,public.secret)",
        "aggregate public.sum_of(public.secret)",
        "type public.holds",
        "type public.holder",
        "cast (public.secret AS pg_catalog.text)",
        "operator public.===(public.secret,public.secret)",
    }
    assert "view public.v_above: it needs view public.v_secret, which is left out" in report.left_out
    assert "table public.secret: the config skips it" in report.left_out


def test_a_table_whose_definition_needs_a_skipped_one_is_refused(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(
        source, "create table secret (id int); create table holds (s secret); create table lists (s secret[])"
    )

    with pytest.raises(PreflightError) as caught:
        copied(source, destination, tables=WITHOUT_SECRET)

    assert "table public.holds needs type public.secret, which is left out" in caught.value.detail
    assert "table public.lists needs type public.secret[], which is left out" in caught.value.detail


def test_partitions_may_be_left_out_and_fall_with_what_they_are_parts_of(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, PARTS)

    first = copied(source, destination, tables={"*": {}, "part_2_1": {"skip": True}})

    assert first.left_out == ("table public.part_2_1: the config skips it",)
    assert [(table.table, table.rows) for table in first.tables] == [
        ("public.other", 0),
        ("public.part_1", 1),
        ("public.part_2_x", 1),
    ]

    second = copied(source, destination, tables={"*": {}, "part_2": {"skip": True}})

    assert second.left_out == (
        "table public.part_2: the config skips it",
        "table public.part_2_1: it needs table public.part_2, which is left out",
        "table public.part_2_x: it needs table public.part_2, which is left out",
    )
    execute(source, "alter table whole detach partition part_2; drop table part_2")
    assert_same(source_admin, destination_admin, PUBLIC)


def test_a_skipped_table_need_not_be_readable(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint
) -> None:
    execute(source, "create table t (id int); insert into t values (1)")
    execute(source_admin, "create table hidden (id serial, n int generated always as identity)")
    execute(
        source_admin,
        "create view of_hidden as select * from hidden; create table hidden_heir () inherits (hidden)",
    )

    with pytest.raises(PreflightError, match=r"table public\.hidden: no select"):
        copied(source, destination)
    report = copied(source, destination, tables={"*": {}, "public.hidden": {"skip": True}})

    assert [table.table for table in report.tables] == ["public.t"]
    assert names_of(report) == {"table public.hidden", "table public.hidden_heir", "view public.of_hidden"}


def test_patterns_choose_tables(source: Endpoint, destination: Endpoint) -> None:
    execute(
        source,
        "create schema s; create table s.a (); create table s.b (); create table a (); create table ab ()",
    )
    execute(
        source,
        'create table "a.b" (); create table "[x]" (); create table "A" (); create view v as select 1 as n',
    )
    execute(
        source, "create materialized view m as select 1 as n; create materialized view am as select 1 as n"
    )

    def tables_by(patterns: dict[str, object]) -> set[str]:
        return {table.table for table in copied(source, destination, tables=patterns).tables}

    assert tables_by({"a": {}}) == {"public.a", "s.a"}
    assert tables_by({"s.*": {}, "public.a?": {}}) == {"s.a", "s.b", "public.ab"}
    assert tables_by({"*": {}, "s.*": {"skip": True}, "s.b": {"skip": False}, "[[]x]": {"skip": True}}) == {
        *("public.a", "public.ab", "public.a.b", "public.A", "s.b")
    }
    assert tables_by({"public.a.b": {}, "*.[[]x]": {}}) == {"public.a.b", "public.[x]"}
    there = (
        "select relname from pg_class where relkind in ('v', 'm') and relnamespace = 'public'::regnamespace"
    )
    assert rows_of(destination, there) == [("v",)]


def test_a_published_table_that_the_source_has_dropped_is_named_once(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(source, "create table a (); create table b ()")
    copied(source, destination)
    execute(source, "drop table b")

    with capture_logs() as logs:
        second = copied(source, destination)

    events = [(log["object"], log["log_level"]) for log in logs if log["event"] == "object.unpublished"]
    assert events == [("public.b", "warning")]
    assert second.warnings == ("public.b is no longer copied: readers do not have it any more",)
    assert copied(source, destination).warnings == ()


@pytest.mark.parametrize("pattern", ["public.b", "b.a", "a.b", "A"])
def test_a_pattern_that_names_no_table_is_a_fault(
    source: Endpoint, destination: Endpoint, pattern: str
) -> None:
    execute(source, 'create table a (); create table "a.b" ()')

    with pytest.raises(PreflightError, match=f"the source has no table {pattern}"):
        copied(source, destination, tables={"*": {}, pattern: {}})


def test_a_pattern_that_no_table_matches_is_named(source: Endpoint, destination: Endpoint) -> None:
    execute(source, "create table secrets (); create table a ()")
    tables = {"*": {}, "secrtes*": {"skip": True}, "sec*": {"skip": True}, "*.[b]": {}}

    planned, _ = plan(config_of(source, destination, tables=tables))

    assert planned.warnings == tuple(
        f"no table matches {pattern}, a pattern of `tables`" for pattern in ("secrtes*", "*.[b]")
    )


def test_what_cannot_be_copied_is_named_by_plan_and_report(
    source: Endpoint, source_admin: Endpoint, destination_admin: Endpoint
) -> None:
    execute(
        source,
        "create domain lo as oid; create table t (id int, doc oid, more lo); create publication news for table t;"
        "create type with_xml as (x xml); create domain xs as with_xml[]; create table x (xs xs, x xml);"
        "select lo_from_bytea(0, 'x'), lo_from_bytea(0, 'y')",
    )
    execute(
        source_admin,
        """
        create foreign data wrapper wrapper; create server "far away" foreign data wrapper wrapper;
        create user mapping for public server "far away" options (password 'hush');
        create foreign table distant (id int) server "far away"; create view v as select * from distant;
        create function on_ddl() returns event_trigger language plpgsql as 'begin end';
        create event trigger watching on ddl_command_end execute function on_ddl();
        create function handler() returns language_handler language c as '$libdir/plpgsql', 'plpgsql_call_handler';
        create trusted language odd handler handler; create function in_odd() returns int language odd as 'begin return 1; end';
        create view v_odd as select in_odd() as n;
        create access method heap_too type table handler heap_tableam_handler;
        alter table t owner to current_user; grant select on t to public;
        """,
    )
    named = (
        "foreign table public.distant: its rows live on another server",
        "function public.in_odd(): it needs language odd, which is left out",
        "view public.v: it needs foreign table public.distant, which is left out",
        "view public.v_odd: it needs function public.in_odd(), which is left out",
        "access method heap_too: it belongs to no schema and to no extension",
        "event trigger watching: it belongs to no schema",
        "foreign server far away: it belongs to no schema, and its user mappings hold passwords",
        "foreign-data wrapper wrapper: it belongs to no schema",
        (
            "large objects 2: the config does not ask for them; "
            "columns that may hold some: public.t.doc, public.t.more"
        ),
        "procedural language odd: it belongs to no schema and to no extension",
        "publication news: it belongs to no schema",
        "encodings of xml public.x.xs: the text of xml within a composite leaves out the encoding that it says it has",
    )

    planned, faults = plan(config_of(source, destination_admin, large_objects="none"))
    report = copied(source, destination_admin, large_objects="none")

    assert faults == []
    assert tuple(f"{what}: {why}" for what, why in planned.left_out) == named
    assert report.left_out == named
    there = "select relname from pg_class where relnamespace = 'public'::regnamespace order by 1"
    assert rows_of(destination_admin, there) == [("t",), ("with_xml",), ("x",)]


def test_a_table_stored_in_a_way_that_is_not_copied_is_refused(
    source_admin: Endpoint, destination: Endpoint
) -> None:
    execute(
        source_admin,
        """
        create access method heap_too type table handler heap_tableam_handler;
        create table t (id int) using heap_too; grant select on t to public;
        """,
    )

    with pytest.raises(
        PreflightError, match=r"table public\.t needs access method heap_too, which is left out"
    ):
        copied(source_admin, destination)


def test_casts_and_transforms_of_the_servers_own_types_are_named_and_what_needs_them_falls(
    source_admin: Endpoint, destination_admin: Endpoint
) -> None:
    execute(
        source_admin,
        """
        create function as_date(int) returns date language sql immutable return date '2000-01-01' + $1;
        create type mood as enum ('a');
        create function as_int(mood) returns int language sql immutable return 1;
        create cast (int as date) with function as_date(int);
        create cast (mood as int) with function as_int(mood);
        create transform for int language sql (from sql with function prsd_lextype(internal));
        create function transformed(int) returns int transform for type int language sql as 'select 1';
        create function unmoved(int) returns int language sql as 'select 1';
        create table t (id int);
        """,
    )

    reports = [copied(source_admin, destination_admin) for _ in range(2)]

    for report in reports:
        assert report.left_out == (
            "function public.transformed(integer): it needs transform for integer language sql, which is left out",
            "cast (integer AS pg_catalog.date): it belongs to no schema, as its types are the server's or an extension's",
            "transform for integer language sql: it belongs to no schema, as its types are the server's or an extension's",
        )
    execute(
        source_admin,
        """
        drop cast (int as date);
        drop transform for int language sql cascade;  -- and with it, in vain, what was copied
        create function unmoved(int) returns int language sql as 'select 1';
        """,
    )
    assert_same(source_admin, destination_admin)


def test_what_no_script_can_make_again_is_named(source_admin: Endpoint, destination: Endpoint) -> None:
    execute(
        source_admin,
        """
        create type shell;
        create table first (a int); create table second (b int);
        create table as_made (c int, b int) inherits (first, second);
        create table later (c int) inherits (first); alter table first add column late int;
        create table heir (d int) inherits (later);
        create table attached (late int, a int); alter table attached inherit first;
        insert into heir (c, late) values (1, 2);
        """,
    )

    reports = [copied(source_admin, destination) for _ in range(2)]

    after = "columns that came to the tables it inherits from after it was made stand before its own"
    for report in reports:
        assert report.left_out == (
            *(
                f"order of columns public.{name}: {after}"
                for name in ("as_made", "attached", "heir", "later")
            ),
            "type public.shell: it is a mere shell, which nobody can move",
        )
    assert rows_of(destination, "select c, late from public.heir") == [(1, 2)]
