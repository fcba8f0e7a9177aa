"""The installed command `elt`, with a config file of a test's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from elt_script.pg.endpoint import Endpoint
from tests.copying import server_of

ELT = str(Path(sys.executable).with_name("elt"))
PATIENCE_S = 60
INHERITED = ("PATH", "HOME", "LANG", "PYTHONPATH")  # and nothing by which libpq would find a server

Ran = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True)
class Elt:
    """The command with its config file and environment."""

    config: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    def __call__(self, *arguments: str) -> Ran:
        """Run the command to its end."""
        return self.start(*arguments).end()

    def start(self, *arguments: str) -> Running:
        """Start the command in a session of its own, as a terminal would."""
        kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
        return Running(
            subprocess.Popen(
                [ELT, "--config", str(self.config), "--log-format", "console", *arguments],
                env={**kept, "PYTHONFAULTHANDLER": "1", **self.environment},
                cwd=self.config.parent,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                start_new_session=True,
            )
        )


class Running:
    """A command at work; what it says is read as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []
        self._stdout: list[str] = []
        self._threads = [
            threading.Thread(target=self._read, args=(process.stderr, self.said)),
            threading.Thread(target=self._read, args=(process.stdout, self._stdout)),
        ]
        for thread in self._threads:
            thread.start()

    def wait_until(self, ready: Callable[[], object]) -> None:
        """Wait until ready, and fail if the command ends before, or nothing happens."""
        deadline = time.monotonic() + PATIENCE_S
        while not ready():
            late = time.monotonic() > deadline
            if late or self.process.poll() is not None:
                self.process.kill()
                ended = self.end()
                pytest.fail(f"it {'does not come so far' if late else 'ended too early'}:\n{ended.stderr}")
            time.sleep(0.02)

    def wait_for_line(self, words: str) -> None:
        """Wait until the command has said something."""
        self.wait_until(lambda: any(words in line for line in self.said))

    def end(self, sign: signal.Signals | None = None) -> Ran:
        """Return how the command ended, after a signal if one is given."""
        if sign is not None:
            self.process.send_signal(sign)
        late = threading.Event()
        timer = threading.Timer(PATIENCE_S, self._give_up, [late])
        timer.start()
        status = self.process.wait()
        timer.cancel()
        for thread in self._threads:
            thread.join(PATIENCE_S)
        if late.is_set():
            pytest.fail(f"it did not end:\n{''.join(self.said)}")
        return Ran(self.process.args, status, "".join(self._stdout), "".join(self.said))

    def _give_up(self, late: threading.Event) -> None:
        late.set()
        self.process.send_signal(signal.SIGABRT)  # it then tells where its threads stand

    @staticmethod
    def _read(stream: Any, into: list[str]) -> None:
        with stream:
            into.extend(stream)


def messages(ran: Ran) -> str:
    """Return what a command said at its end, without the events before."""
    lines = ran.stderr.splitlines()
    start = next((at for at, line in enumerate(lines) if line.startswith("elt: ")), len(lines))
    return "\n".join(lines[start:])


def elt_for(folder: Path, source: Endpoint, destination: Endpoint, **keys: object) -> Elt:
    """Return the command for two endpoints; keys as in config.yaml."""
    path = folder / "config.yaml"
    content = {"source": server_of(source), "destination": server_of(destination), **keys}
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return Elt(path)
