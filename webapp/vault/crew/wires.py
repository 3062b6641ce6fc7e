"""Messages between a process and its forks, over a pair of sockets. They are what ``marshal`` can
write, and never come from anywhere but our own process.
"""

from __future__ import annotations

import marshal
import socket
import struct
from collections.abc import Iterator
from typing import Any

Message = tuple[Any, ...]
_LENGTH = struct.Struct("<I")
_PIECE_BYTES = 1 << 16


class HungUp(Exception):
    """The other end is gone."""


def _packed(message: Message) -> bytes:
    body = marshal.dumps(message)
    return _LENGTH.pack(len(body)) + body


class Wire:
    """The fork's end, which waits."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, *message: Any) -> None:
        self._end.sendall(_packed(message))

    def receive(self) -> Message:
        """The next message. Raises ``HungUp``."""
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        message: Message = marshal.loads(self._exactly(length))  # noqa: S302 - from our parent
        return message

    def _exactly(self, length: int) -> bytearray:
        data = bytearray(length)
        rest = memoryview(data)
        while rest:
            got = self._end.recv_into(rest)
            if not got:
                raise HungUp
            rest = rest[got:]
        return data


class Post:
    """The parent's end, which never waits: what cannot be sent yet is sent by ``flush``."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._out = bytearray()
        self._in = bytearray()

    def fileno(self) -> int:
        return self._end.fileno()

    @property
    def has_more(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._out)

    def send(self, *message: Any) -> None:
        self._out += _packed(message)
        self.flush()

    def flush(self) -> None:
        try:
            while self._out:
                del self._out[: self._end.send(self._out)]
        except BlockingIOError:
            return
        except OSError:
            self._out.clear()  # the other end is gone; what it said last is still to be read

    def receive(self) -> Iterator[Message]:
        """The messages that have come. Raises ``HungUp`` after the last one."""
        is_open = self._take()
        at = 0
        while len(self._in) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._in, at)
            end = at + _LENGTH.size + length
            if end > len(self._in):
                break
            body = bytes(memoryview(self._in)[at + _LENGTH.size : end])
            at = end
            yield marshal.loads(body)  # noqa: S302 - from our own fork
        del self._in[:at]
        if not is_open:
            raise HungUp

    def close(self) -> None:
        self._end.close()

    def _take(self) -> bool:
        """Take in what has come; False at the end."""
        try:
            while data := self._end.recv(_PIECE_BYTES):
                self._in += data
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False
