"""The installed commands as somebody types them: in a folder, with an environment, on a terminal or not."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from elt_script.pg.endpoint import Endpoint
from tests.commands import ELT, INHERITED, PATIENCE_S, Ran

ROWS, COLUMNS = 40, 110


def bare(**environment: str) -> dict[str, str]:
    """Return an environment by which nothing is found that a test did not name."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**kept, **environment}


def typed(folder: Path, *argv: str, **environment: str) -> Ran:
    """Run a program in a folder to its end."""
    return subprocess.run(
        argv,
        cwd=folder,
        env=bare(**environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
        check=False,
    )


def elt(folder: Path, *arguments: str, **environment: str) -> Ran:
    """Run `elt` in a folder to its end."""
    return typed(folder, ELT, *arguments, **environment)


def url(endpoint: Endpoint, *, password: bool = False) -> str:
    """Return an endpoint as users write it."""
    known = endpoint.parameters
    secret = f":{_quoted(str(endpoint.password))}" if password else ""
    return f"postgresql://{known['user']}{secret}@{known['host']}:{known['port']}/{known['dbname']}"


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


@dataclass(slots=True)
class Terminal:
    """A program that runs on a terminal of its own, and what it has written there."""

    process: subprocess.Popen[bytes]
    master: int
    slave: int
    written: bytearray = field(default_factory=bytearray)

    @property
    def text(self) -> str:
        """All that was written, with what a terminal obeys."""
        return self.written.decode("utf-8", "replace")

    def wait_until(self, ready: Callable[[str], object]) -> None:
        """Read until ready."""
        deadline = time.monotonic() + PATIENCE_S
        while not ready(self.text):
            assert time.monotonic() < deadline, self.text
            self._read(0.1)

    def press(self, keys: bytes) -> None:
        """Type something."""
        os.write(self.master, keys)

    def end(self) -> int:
        """Read to the end, and return the exit status."""
        self.wait_until(lambda _: self.process.poll() is not None)
        while self._read(0.0):
            pass
        return self.process.wait()

    def settings(self) -> list[Any]:
        """Return how the terminal is set up: echo, line by line or not, what keys mean."""
        return termios.tcgetattr(self.slave)

    def _read(self, patience_s: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], patience_s)
        if ready:
            self.written += os.read(self.master, 1 << 16)
        return bool(ready)


@contextmanager
def on_a_terminal(folder: Path, *argv: str, **environment: str) -> Generator[Terminal]:
    """Run a program on a terminal while this block lasts. Keys reach it as signals do: by the terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        ("setsid", "--ctty", "--wait", *argv),
        cwd=folder,
        env=bare(**{"TERM": "xterm-256color", **environment}),
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    try:
        yield Terminal(process, master, slave)
    finally:
        process.kill()
        process.wait()
        os.close(slave)
        os.close(master)
