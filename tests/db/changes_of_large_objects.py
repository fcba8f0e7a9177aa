"""Every change of a large object, for the comparer to find: they are in no schema."""

from __future__ import annotations

from tests.db.changes import Change

LARGE_OBJECTS = [
    Change(
        "large_object_byte",
        "select lo_from_bytea(7001, '\\x0102')",
        "select lo_put(7001, 1, '\\x03')",
        "large object 7001: content is ",
    ),
    Change(
        "large_object_length",
        "select lo_from_bytea(7002, '\\x0100')",
        "select lo_put(7002, 2, '\\x00')",
        "large object 7002: length is 2 → 3",
    ),
    Change(
        "large_object_page",
        "select lo_create(7003), lo_put(7003, 2048, '1'), lo_put(7003, 8192, '1')",
        "select lo_unlink(7003), lo_create(7003), lo_put(7003, 4096, '1'), lo_put(7003, 8192, '1')",
        "large object 7003: content is ",
    ),
    Change(
        "large_object_comment",
        "select lo_create(7004); comment on large object 7004 is 'before'",
        "comment on large object 7004 is 'after'",
        "large object 7004: comment is 'before' → 'after'",
    ),
    Change(
        "large_object_gone",
        "select lo_create(7005)",
        "select lo_unlink(7005)",
        "large object 7005: only at the source",
    ),
    Change(
        "large_object_new",
        "select 1",
        "select lo_create(7006)",
        "large object 7006: only at the destination",
    ),
]
