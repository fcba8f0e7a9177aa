"""A network that breaks once: a relay in front of a server, which drops the first session that moves much."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from elt_script.pg.endpoint import Endpoint

MUCH = 5_000_000  # bytes
CHUNK = 1 << 16


class _Relay:
    """Accept sessions, and pass on what both sides say."""

    def __init__(self, server: tuple[str, int], *, noticed: bool) -> None:
        self._server = server
        self._noticed = noticed
        self._silent: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.broken = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._silent:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            pair = client, socket.create_connection(self._server)
            for one, other in (pair, pair[::-1]):
                self._threads.append(threading.Thread(target=self._pass_on, args=(one, other)))
                self._threads[-1].start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        moved = 0
        with contextlib.suppress(OSError):
            while chunk := one.recv(CHUNK):
                moved += len(chunk)
                if moved > MUCH and not self.broken.is_set():
                    self.broken.set()
                    if not self._noticed:
                        self._silent.append(other)
                    break
                other.sendall(chunk)
        for end in (one, *(() if other in self._silent else (other,))):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def breaking(endpoint: Endpoint, *, noticed: bool = True) -> Generator[tuple[Endpoint, threading.Event]]:
    """Give a way to a database that breaks once, and the event that it has done so.

    noticed  by whom the broken session's data was for: else he waits for more of it
    """
    relay = _Relay((endpoint.parameters["host"], int(endpoint.parameters["port"])), noticed=noticed)
    try:
        yield replace(endpoint, parameters={**endpoint.parameters, "port": str(relay.port)}), relay.broken
    finally:
        relay.close()
