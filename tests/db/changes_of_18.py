"""Changes that only a server of version 18 knows, for the comparer to find."""

from __future__ import annotations

from tests.db.changes import Change

SINCE_18 = [
    Change(
        "not_enforced",
        "create table unenforced (n int, constraint is_checked check (n > 0))",
        "alter table unenforced drop constraint is_checked; alter table unenforced add constraint is_checked check (n > 0) not enforced",
        r"constraint public\.unenforced\.is_checked: conenforced is True → False",
    ),
    Change(
        "not_null_name",
        "create table not_null_named (n int constraint before not null)",
        "alter table not_null_named rename constraint before to after",
        r"not null public\.not_null_named\.before: only at the source",
    ),
    Change(
        "not_null_without_heirs",
        "create table no_heirs (n int constraint here not null)",
        "alter table no_heirs alter constraint here no inherit",
        r"\+.*here NOT NULL n NO INHERIT|\+.*here NOT NULL NO INHERIT",
    ),
    Change(
        "not_null_not_valid",
        "create table null_once (n int constraint there not null)",
        "alter table null_once alter n drop not null; alter table null_once add constraint there not null n not valid",
        r"not null public\.null_once\.there: convalidated is True → False",
    ),
    Change(
        "computed_when_read",
        "create table computed_late (n int, g int generated always as (n + 200) stored)",
        "alter table computed_late drop g; alter table computed_late add g int generated always as (n + 200) virtual",
        r"column public\.computed_late\.g: attgenerated is 's' → 'v'",
    ),
    Change(
        "without_overlaps",
        "create table at_times (id int4range, at daterange, constraint once unique (id, at without overlaps))",
        "alter table at_times drop constraint once; alter table at_times add constraint once unique (id, at)",
        r"-.*once UNIQUE \(id, at WITHOUT OVERLAPS\)",
    ),
]
