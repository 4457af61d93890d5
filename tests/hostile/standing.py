"""A server on loopback for one way of talking, and a second one beside it that nobody may ever visit."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.servers import Asked, _request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Talk = Callable[["Visit"], None]

RESET = struct.pack("ii", 1, 0)


@dataclass
class Place:
    """Where a hostile server listens, and what it counts."""

    port: int
    elsewhere: int
    visits: int = 0
    visits_elsewhere: int = 0
    at_once: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    listeners: list[socket.socket] = field(default_factory=list)


@dataclass
class Visit:
    """One connection to a hostile server; `number` counts from 1."""

    connection: socket.socket
    place: Place
    number: int

    def asked(self) -> Asked:
        """The request, read as far as it comes."""
        return Asked(self.number, time.monotonic(), _request(self.connection))

    def say(self, data: bytes) -> None:
        self.connection.settimeout(30)
        self.connection.sendall(data)

    def say_for_ever(self, data: bytes) -> None:
        while not self.place.ended.is_set():
            self.say(data)

    def drip(self, data: bytes, pause: float = 1.0) -> None:
        for octet in data:
            self.say(bytes((octet,)))
            if self.place.ended.wait(pause):
                return

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.connection.close()

    def wait(self, seconds: float = 600) -> None:
        """Does nothing until the client leaves or the server ends."""
        self.connection.settimeout(0.2)
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.place.ended.is_set():
            with contextlib.suppress(TimeoutError):
                if not self.connection.recv(65536):
                    return


@contextlib.contextmanager
def standing(talk: Talk) -> Iterator[Place]:  # noqa: C901 - two listeners and their threads, begun and ended
    """A hostile server, and beside it one that nobody has any business with."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    elsewhere = socket.create_server(("127.0.0.1", 0), backlog=8)
    place = Place(listener.getsockname()[1], elsewhere.getsockname()[1], listeners=[listener])
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []

    def visit(connection: socket.socket, number: int) -> None:
        place.at_once += 1
        with contextlib.suppress(OSError), connection:
            talk(Visit(connection, place, number))
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            Visit(connection, place, number).wait(1)
        place.at_once -= 1

    def accept(at: socket.socket, *, wanted: bool) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = at.accept()
                connections.append(connection)
                if not wanted:
                    place.visits_elsewhere += 1
                    continue
                place.visits += 1
                threads.append(threading.Thread(target=visit, args=(connection, place.visits)))
                threads[-1].start()

    doors = [
        threading.Thread(target=accept, args=(listener,), kwargs={"wanted": True}),
        threading.Thread(target=accept, args=(elsewhere,), kwargs={"wanted": False}),
    ]
    for door in doors:
        door.start()
    try:
        yield place
    finally:
        place.ended.set()
        for at in (listener, elsewhere):
            with contextlib.suppress(OSError):
                at.shutdown(socket.SHUT_RDWR)
        for door in doors:
            door.join()
        for one in (listener, elsewhere, *connections):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
        for one in (listener, elsewhere, *connections):
            one.close()
