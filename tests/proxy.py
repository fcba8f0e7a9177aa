"""A network that fails as it is told: a relay in front of a server."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from elt_script.pg.endpoint import Endpoint

MUCH = 5_000_000  # bytes
CHUNK = 1 << 16
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: close() resets


@dataclass(slots=True)
class Session:
    """A client's socket and the server's, and whether anything passes between them."""

    ends: tuple[socket.socket, socket.socket]
    flowing: threading.Event = field(default_factory=threading.Event)
    moved: int = 0
    ended: int = 0  # of its two directions
    lost: bool = False
    spoken: bool = False
    deaf: bool = False


class Proxy:
    """Accept sessions, and pass on what both sides say, unless told otherwise."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.broken = threading.Event()  # what was to happen has happened
        self._answering = threading.Event()
        self._answering.set()
        self._delay_s, self._bytes_per_s = 0.0, 0
        self._due: tuple[int, Callable[[Session], None]] | None = None
        self._flips: Session | bool = False
        self._loses: tuple[bytes, bytes, bool] | None = None
        self._stalls = False
        self._refuses = self._refusing = False
        self._words = (b"", b"")
        self._sessions: list[Session] = []
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def after(self, size: int, fault: Callable[[Session], None]) -> None:
        """Let a fault happen once, to the first session that passes so many bytes."""
        self._due = size, fault

    def reset(self, only: Session | None = None) -> None:
        """Break sessions off, as a machine does that was switched off and on."""
        for session in self._these(only):
            for end in session.ends:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        self.close(only)

    def close(self, only: Session | None = None) -> None:
        """End sessions in order."""
        for session in self._these(only):
            for end in session.ends:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            session.flowing.set()

    def lose(self, only: Session) -> None:
        """End a session for its client alone: the server waits for more."""
        only.lost = True
        with contextlib.suppress(OSError):
            only.ends[0].shutdown(socket.SHUT_RDWR)

    def stall(self, only: Session | None = None) -> None:
        """Pass nothing on any more in sessions that are there; new ones fare better."""
        for session in self._these(only):
            session.flowing.clear()

    def blackhole(self) -> None:
        """Pass nothing on any more, and answer nobody."""
        self._answering.clear()
        self.stall()

    def delay(self, seconds: float) -> None:
        """Keep everything back for a while."""
        self._delay_s = seconds

    def throttle(self, bytes_per_s: int) -> None:
        """Pass on no more than this, in each session and direction."""
        self._bytes_per_s = bytes_per_s

    def flip(self, only: Session | None = None) -> None:
        """Change one bit in the middle of the next large chunk."""
        self._flips = only or True

    def lose_words(
        self, first: bytes, word: bytes, *, answer: bool, stalls: bool = False, refuses: bool = False
    ) -> None:
        """Break the session off whose client says first, and then word: by its answer, or before it arrives.

        stalls   let it stand still instead
        refuses  then let nobody in until it is healed, as a server that restarts
        """
        self._refuses = refuses
        self._loses = first, word, answer
        self._stalls = stalls

    def say(self, instead: bytes, word: bytes) -> None:
        """Pass a word on in place of another one of the same length."""
        self._words = instead, word

    def heal(self) -> None:
        """Be a good network again."""
        self._delay_s, self._bytes_per_s, self._flips, self._due = 0.0, 0, False, None
        self._answering.set()
        self._refusing = False
        for session in self._sessions:
            session.deaf = False  # or what comes now would stall it once more
            session.flowing.set()

    def stop(self) -> None:
        """End every session, and answer nobody any more."""
        self.heal()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.close()
        for thread in list(self._threads):
            thread.join()

    def busiest(self) -> Session:
        """Return the session that has passed most."""
        return max(self._sessions, key=lambda session: session.moved)

    def _these(self, only: Session | None) -> list[Session]:
        return [only] if only is not None else list(self._sessions)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._answering.wait()
            if self._refusing:
                client.close()
                continue
            try:
                server = socket.create_connection(self._server)
            except OSError:  # it does not run
                client.close()
                continue
            session = Session((client, server))
            session.flowing.set()
            self._sessions.append(session)
            for one, other in (session.ends, session.ends[::-1]):
                thread = threading.Thread(target=self._pass_on, args=(session, one, other), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, session: Session, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := one.recv(CHUNK):
                if self._is_lost(session, chunk):
                    self._refusing = self._refuses
                    self.broken.set()
                    if not self._stalls:
                        self.reset(session)
                        break
                    self.stall(session)
                other.sendall(self._treated(session, chunk))
        with self._lock:
            session.ended += 1
            over = session.ended == len(session.ends)
            if over:
                self._sessions.remove(session)
        for end in session.ends:
            if over:
                end.close()
            elif not session.lost:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _is_lost(self, session: Session, chunk: bytes) -> bool:
        if session.deaf or self._loses is None:
            return session.deaf
        first, word, answer = self._loses
        session.spoken = session.spoken or first in chunk
        if session.spoken and word in chunk:
            self._loses = None
            session.deaf = True
            return not answer
        return False

    def _treated(self, session: Session, chunk: bytes) -> bytes:
        session.moved += len(chunk)
        due = self._due
        if due is not None and session.moved > due[0]:
            self._due = None
            due[1](session)
            self.broken.set()
        if self._flips in (True, session) and len(chunk) > CHUNK // 4:
            self._flips = False
            chunk = _flipped(chunk)
            self.broken.set()
        time.sleep(self._delay_s + (len(chunk) / self._bytes_per_s if self._bytes_per_s else 0))
        session.flowing.wait()
        return chunk.replace(*self._words) if self._words[0] else chunk


def _flipped(chunk: bytes) -> bytes:
    at = len(chunk) // 2
    return chunk[:at] + bytes((chunk[at] ^ 1,)) + chunk[at + 1 :]


@contextmanager
def proxied(endpoint: Endpoint) -> Generator[tuple[Endpoint, Proxy]]:
    """Give a way to a database that fails when it is told to."""
    proxy = Proxy((endpoint.parameters["host"], int(endpoint.parameters["port"])))
    try:
        yield replace(endpoint, parameters={**endpoint.parameters, "port": str(proxy.port)}), proxy
    finally:
        proxy.stop()
