"""`python -m source_db_init` is `elt-seed`: also what the installed command begins with."""

from __future__ import annotations

import os
import signal
from typing import NoReturn


def main() -> NoReturn:
    """Be the program `elt-seed`; who stops it while it is still being imported gets no traceback."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(sign) != signal.SIG_IGN:  # nohup
            signal.signal(sign, lambda number, _frame: os._exit(128 + number))
    from source_db_init.cli import main as begin  # noqa: PLC0415  (what takes its time)

    begin()


if __name__ == "__main__":
    main()
