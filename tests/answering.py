"""A port at which every client is told the same, and then nothing more."""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager


def refusal(state: str, words: str) -> bytes:
    """Return what a server says to whom it does not let in."""
    said = f"SFATAL\0C{state}\0M{words}\0\0".encode()
    return b"E" + (4 + len(said)).to_bytes(4, "big") + said


@contextmanager
def answering(answer: bytes = b"") -> Generator[int]:
    """Accept connections on a port, send answer to each, and hang up."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with closing(client):
                client.recv(1024)
                client.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
