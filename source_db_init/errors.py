"""What can be wrong with the CSV itself."""

from __future__ import annotations

from elt_script.errors import EltError


class CsvError(EltError):
    """The CSV cannot be had, or cannot be read without losing something: the table is as it was."""

    exit_status = 11
