"""What pg_dump does not write: it arrives all the same, or is named, or is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from elt_script.errors import PreflightError
from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint
from elt_script.run import plan
from tests.compare import differences
from tests.copying import assert_same, config_of, copied, execute, rows_of
from tests.databases import MakeDatabase

RAW = {"public": "raw", "other": "other"}
SWITCHED_OFF = """
    create schema other; create table a (id int primary key); create table other.b (n int constraint "k 1" references a);
    create table parts (n int references a) partition by list (n); create table part partition of parts for values in (1);
    create table part_2 partition of parts for values in (2);
    alter table a disable trigger all; alter table other.b disable trigger all; alter table part disable trigger all;
    insert into a values (1), (2); insert into other.b values (1); insert into parts values (1), (2);
"""
LOOSE = (
    "function of access method function 1 (integer, pg_catalog.text) of pg_catalog.integer_ops USING btree"
)
HOLDS_FOR_A_PART = """
    create table whole (n int) partition by list (n); create table part partition of whole for values in (1);
    create table rest partition of whole default; create table r (id int primary key);
    alter table whole add constraint k foreign key (n) references r not valid; alter table part validate constraint k;
    create table top (n int); create table heir () inherits (top); create table heir_too () inherits (top);
    alter table top add constraint "n > 0" check (n > 0) not valid; alter table heir validate constraint "n > 0";
    insert into r values (1); insert into whole values (1);
"""
KEYS_OF_PARTS = """
    create schema other; create table r (id int primary key) partition by range (id);
    create table r1 partition of r for values from (1) to (9); create table other.r2 partition of r default;
    create table whole (n int, m int) partition by list (n);
    create table part (m int, n int, constraint "m'ine" foreign key (n) references r, constraint mine_too foreign key (m) references r);
    create table other.part_2 (n int, m int, constraint k foreign key (n) references r on delete cascade) partition by list (m);
    create table part_22 partition of other.part_2 for values in (2);
    alter table whole add constraint k foreign key (n) references r, add constraint mine_too foreign key (m) references r deferrable;
    alter table whole attach partition part for values in (1); alter table whole attach partition other.part_2 for values in (2);
    alter table whole add constraint "k 3" foreign key (m) references r;
    insert into r values (1), (22), (2); insert into whole values (1, 22), (2, 2);
"""


def test_names_of_partitions_foreign_keys_are_the_sources(
    source: Endpoint, source_admin: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, KEYS_OF_PARTS)
    execute(source_admin, "alter table r disable trigger all; alter table part disable trigger all")

    for _ in range(2):
        copied(source_admin, destination_admin, schemas=RAW)

        assert_same(source_admin, destination_admin, RAW)


def test_a_partitions_foreign_key_that_its_parents_takes_over_is_named(
    source: Endpoint, source_admin: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, KEYS_OF_PARTS)
    execute(source, "alter table part add constraint again foreign key (n) references r")

    report = copied(source_admin, destination_admin, schemas=RAW)

    reason = "the same one, which the table has from the one it is a partition of, takes it over"
    assert report.left_out == (f"foreign key again of public.part: {reason}",)
    found = differences(source_admin, destination_admin, RAW)
    assert {line for line in found if line.startswith("constraint") and ">" not in line} == {
        "constraint raw.part.again: only at the source"
    }


def test_a_sequence_of_another_type_than_its_identity_column_is_named(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(
        source, "create table a (id int generated always as identity); create table b (like a including all)"
    )

    report = copied(source, destination)

    wide = rows_of(source, "select seqtypid::regtype::text from pg_sequence order by seqrelid")
    assert wide == [("integer",), ("bigint",)]
    reason = "it is of id, which is of another type: the copy's is that of the column"
    assert report.left_out == (f"type of sequence public.b_id_seq: {reason}",)


COMMENTED = """
    create table r (id int primary key); create table whole (n int references r, m int check (m > 0)) partition by list (n);
    create table part (n int constraint own references r, m int constraint whole_m_check check (m > 0));
    alter table whole attach partition part for values in (1); create table top (n int constraint k check (n > 0));
    create table heir () inherits (top); create view v as select 1 as n; create type span as range (subtype = float8);
    create trigger "t 1" before update on whole for each row execute function suppress_redundant_updates_trigger();
    comment on constraint own on part is 'it''s 100 %'; comment on constraint whole_m_check on part is 'of a part';
    comment on constraint k on heir is 'of an heir'; comment on trigger "t 1" on part is 'of a part';
    comment on rule "_RETURN" on v is 'of a view'; comment on type part is 'of a row'; comment on type part[] is 'of rows';
    comment on type span_multirange is 'of many'; comment on function span(float8, float8) is 'of a type';
"""
NOT_NULLS = """
    create table w (a int, b int) partition by list (a); create table part partition of w for values in (1);
    alter table part add constraint own not null b; alter table w add constraint whole not null b;
    create table part_2 (b int constraint named not null, a int); alter table w attach partition part_2 for values in (2);
    create table top (n int constraint "top's" not null); create table heir () inherits (top); create table second (n int);
    create table joint () inherits (second, top); create table deep () inherits (joint); insert into w values (1, 1), (2, 2);
"""
NOT_NULLS_BY_OTHERS = """
    alter table second add constraint "second's" not null n; create table once (n int); create table twice () inherits (once);
    alter table once add constraint one_day not null n not valid; alter table twice validate constraint one_day;
    create table w_2 (a int) partition by list (a); alter table w_2 add constraint theirs not null a not valid;
    create table part_3 (a int); alter table part_3 add constraint mine not null a not valid;
    alter table w_2 attach partition part_3 for values in (3);
"""


def test_not_null_constraints_of_18_are_each_ones_own_or_its_parents_or_named(
    destination_server: Server, make_database: MakeDatabase
) -> None:
    source, destination = (make_database(destination_server, role) for role in ("source", "destination"))
    execute(source.owner, NOT_NULLS)

    report = copied(source.owner, destination.owner)

    assert report.left_out == ()
    assert_same(source.admin, destination.admin, {"public": "public"})

    execute(source.owner, NOT_NULLS_BY_OTHERS)

    report = copied(source.owner, destination.owner)

    assert [line.partition(": ")[0] for line in report.left_out] == [
        "origin of not-null constraint top's of public.deep",
        "origin of not-null constraint top's of public.joint",
        "origin of not-null constraint mine of public.part_3",
        "origin of not-null constraint one_day of public.twice",
    ]
    found = differences(source.admin, destination.admin)
    assert {line.partition(": ")[0] for line in found if line.startswith("not null")} == {
        """not null public.deep."second's\"""",
        """not null public.deep."top's\"""",
        """not null public.joint."second's\"""",
        """not null public.joint."top's\"""",
        "not null public.part_3.mine",
        "not null public.part_3.theirs",
        "not null public.twice.one_day",
    }


def test_comments_on_what_comes_with_something_else_arrive_or_are_named(
    source_admin: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source_admin, COMMENTED)

    for _ in range(2):
        report = copied(source_admin, destination_admin, schemas={"public": "raw"})

        assert_same(source_admin, destination_admin, {"public": "raw"})
        assert [line.partition(": ")[0] for line in report.left_out] == [
            "comment on function public.span(double precision,double precision)"
        ]


def test_a_domain_without_the_default_of_what_it_is_made_of_has_none(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(
        source,
        """
        create domain word as text default 'x'; create domain "bare Word" as word; alter domain "bare Word" drop default;
        create table left_out (id int); create domain other_word as word; create table t (w "bare Word", n int);
        create function lost(left_out) returns text language sql return 'x';
        create domain fallen as word check (lost(null) = 'x'); alter domain fallen drop default;
        """,
    )

    copied(source, destination, tables={"*": {}, "left_out": {"skip": True}}, schemas={"public": "raw"})

    execute(source, "drop table left_out cascade")
    execute(source, "drop domain if exists fallen")
    assert_same(source_admin, destination_admin, {"public": "raw"})


def test_states_of_foreign_keys_own_triggers_arrive_where_we_may_set_them(
    source: Endpoint, source_admin: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source_admin, SWITCHED_OFF)
    execute(source_admin, f"grant pg_read_all_data to {source.parameters['user']}")

    for _ in range(2):
        copied(source, destination_admin, schemas=RAW)

        assert_same(source_admin, destination_admin, RAW)


def test_states_of_foreign_keys_own_triggers_are_named_where_we_may_not(
    source_admin: Endpoint, destination: Endpoint
) -> None:
    execute(source_admin, SWITCHED_OFF)

    report = copied(source_admin, destination)

    assert [line.partition(": ")[0] for line in report.left_out] == [
        "trigger states of foreign key k 1, as enforced on other.b",
        "trigger states of foreign key k 1, as enforced on public.a",
        "trigger states of foreign key parts_n_fkey, as enforced on public.a",
        "trigger states of foreign key parts_n_fkey, as enforced on public.part",
    ]


def test_a_constraint_that_holds_for_a_part_alone_does_so_in_the_copy(
    destination_server: Server, make_database: MakeDatabase
) -> None:
    source, destination = (make_database(destination_server, role) for role in ("source", "destination"))
    execute(source.owner, HOLDS_FOR_A_PART)

    copied(source.owner, destination.owner)

    assert_same(source.admin, destination.admin, {"public": "public"})


def test_invalid_indexes_and_what_is_where_nothing_is_copied_from_are_named(
    source: Endpoint, source_admin: Endpoint, destination_admin: Endpoint
) -> None:
    execute(
        source,
        'create table t (n int); create index "i 1" on t (n); create schema elt_next_x; create schema elt',
    )
    execute(source_admin, "update pg_index set indisvalid = false where indrelid = 't'::regclass")
    execute(source_admin, "create function pg_catalog.ours() returns int language sql return 1")
    execute(
        source_admin,
        """
        create function cmp(int, text) returns int language sql immutable return $1 - $2::int;
        alter operator family pg_catalog.integer_ops using btree add function 1 (int, text) cmp(int, text);
        create operator class own for type oid using btree family pg_catalog.integer_ops as function 1 btoidcmp(oid, oid);
        """,
    )

    planned, _ = plan(config_of(source, destination_admin))
    report = copied(source, destination_admin)

    assert report.left_out == (
        "schema elt: elt keeps such names for itself: give it another one by `schemas`",
        "schema elt_next_x: elt keeps such names for itself: give it another one by `schemas`",
        "function pg_catalog.ours(): it is in a schema of the system's",
        LOOSE + ": it belongs to a family of the system's",
        "index i 1 on public.t: it is invalid at the source: reindex it, or drop it",
    )
    assert tuple(f"{what}: {why}" for what, why in planned.left_out) == report.left_out


def test_a_policy_for_a_role_that_is_not_there_and_a_half_detached_partition_are_refused(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint
) -> None:
    us = source.parameters["user"]
    execute(source, f"create table t (n int); create policy p on t to {us}, pg_monitor using (n > 1)")
    execute(source, "create table whole (n int) partition by list (n)")
    execute(source, 'create table "Part" partition of whole for values in (1)')
    execute(source_admin, "update pg_inherits set inhdetachpending = true")

    with pytest.raises(PreflightError) as caught:
        copied(source, destination)

    assert caught.value.detail.splitlines() == [
        '- partition public."Part" of public.whole is half detached: end that at the source, by `alter table public.whole detach partition public."Part" finalize`',
        f"- policy p on public.t is for role {us}, which the destination does not have: create it there, or leave out the table",
    ]


def test_heirs_of_another_columns_order_are_named_and_refused_where_values_would_be_misread(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(
        source,
        """
        create table parent (id int, name text); create table alike (id int, name text, own int); alter table alike inherit parent;
        create table heir (own int, name text, id int); alter table heir inherit parent; insert into heir values (1, 'x', 2);
        """,
    )

    report = copied(source, destination)
    execute(source, "create table holds (h heir[])")
    _, faults = plan(config_of(source, destination))

    assert [line.partition(": ")[0] for line in report.left_out] == ["order of columns public.heir"]
    assert rows_of(destination, "select own, name, id from public.heir") == [(1, "x", 2)]
    assert [fault.partition(", which")[0] for fault in faults] == [
        "table public.heir was attached to its parent with another order of columns"
    ]


def test_partitions_of_identity_columns_are_named_or_refused_where_versions_differ_about_them(
    source: Endpoint, destination: Endpoint, source_server: Server, make_database: MakeDatabase
) -> None:
    execute(
        source,
        """
        create table whole (id int generated always as identity, n int) partition by list (n);
        create table part partition of whole for values in (1); insert into whole (n) values (1);
        """,
    )

    report = copied(source, destination)

    differs = "where the whole's is: it differs for who inserts into the partition itself"
    assert report.left_out == (
        f"identity of public.part.id: in Postgres 18 a partition's column is an identity {differs}",
    )
    back = make_database(source_server, "destination").owner
    assert copied(replace(destination, role="source"), back, schemas={"public": "public"}).left_out == (
        f"identity of public.part.id: in Postgres 16 a partition's column is none {differs}",
    )

    execute(source, "alter table part alter id add generated always as identity")

    with pytest.raises(
        PreflightError,
        match=r"column id of public\.part, a partition, is an identity by a sequence of its own, which Postgres 18 does not",
    ):
        copied(source, destination)


def test_an_exclusion_of_a_partitioned_table_is_refused_by_name(
    destination_server: Server, make_database: MakeDatabase
) -> None:
    source, destination = (make_database(destination_server, role) for role in ("source", "destination"))
    execute(
        source.owner,
        """
        create table rooms (id int4range, at daterange, constraint "r 1" primary key (id, at without overlaps)) partition by list (id);
        create table slots (id int4range, constraint apart exclude using gist (id with =)) partition by list (id);
        create table slot partition of slots for values in ('[1,2)');
        """,
    )

    _, faults = plan(config_of(source.owner, destination.owner))

    why = "excludes rows, and Postgres cannot attach the partitions' indexes to it"
    assert faults == [
        f"constraint apart of public.slots, a partitioned table, {why}: drop it at the source, or leave out the table"
    ]


def test_an_operator_that_is_a_mere_shell_is_named_or_comes_with_the_one_that_names_it(
    source: Endpoint, source_admin: Endpoint, destination_admin: Endpoint
) -> None:
    execute(
        source,
        """
        create table t (n int); create function same(int, text) returns bool language sql immutable return $1 = $2::int;
        create operator =# (function = same, leftarg = int, rightarg = text, negator = <>#);
        create operator ==# (function = same, leftarg = int, rightarg = text, negator = !=#);
        drop operator ==# (int, text);
        """,
    )

    report = copied(source, destination_admin)

    assert report.left_out == (
        "operator public.!=#(integer,text): it is a mere shell, which no other one names",
    )
    assert_same(source_admin, destination_admin)
