"""Indexes: those that people added to published tables are built on the staged ones, before anybody waits."""

from __future__ import annotations

from collections.abc import Collection

import psycopg

from elt_script.errors import DestinationError
from elt_script.pg import dependants
from elt_script.pg.passing import is_passing
from elt_script.pg.session import Connection, exists
from elt_script.swap import Carried, Swap
from elt_script.tables import TableName


def build_extra(conn: Connection, swap: Swap, given_up: Collection[str] = (), *, drop: bool) -> Carried:
    """Build on the tables of the generation that is to be live what people added to those that are.

    given_up  those that cannot come along, by name
    drop      give up those that cannot be built, too, such as a unique one over rows that are not

    Raises DestinationError where one cannot be built.
    """
    over: list[str] = []
    dropped: list[str] = []
    for index in dependants.read_extra_indexes(conn, swap.live) if swap.live is not None else []:
        place = TableName(swap.places.get(index.schema, ""), index.table)
        if str(index) in given_up or index.useless or not exists(conn, place):
            continue
        if index.is_on(conn, place):
            over.append(str(index))
            continue
        if (statement := index.on(swap.places)) is None:
            raise DestinationError(
                f"{index} cannot be carried over",
                detail=index.definition,
                hint="Nothing was published. Drop it at the destination, or create it at the source.",
            )
        try:
            with conn.transaction():
                conn.execute(statement)
        except psycopg.Error as error:
            if is_passing(error):
                raise
            if not drop:
                raise dependants.cannot_come(str(index), error) from error
            dropped.append(str(index))
        else:
            over.append(str(index))
    return Carried(tuple(over), tuple(dropped))
