"""Keeps a call that sends to an address somebody typed out of private networks.

Every connection that the calling thread opens within ``only()`` is looked at the moment it is
made, by the address that it really goes to: a name that is resolved once more, or a redirect,
gains nothing. Redirects of HTTP are not followed at all.
"""

from __future__ import annotations

import ipaddress
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

_EVENTS = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class NotPublic(OSError):
    """A connection into a private network was refused."""


@dataclass
class Guard:
    """``refused``: the addresses that were not connected to."""

    refused: list[str] = field(default_factory=list)


class _Present(threading.local):
    guard: Guard | None = None


_present = _Present()


def is_public(address: str) -> bool:
    """Whether *address*, in digits, is one that everybody on the internet can reach."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast for one in _meant(found))


def _meant(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The address, and those that are wrapped in it."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    wrapped = [address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        wrapped.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [address, *(one for one in wrapped if one is not None)]


@contextmanager
def only() -> Iterator[Guard]:
    """Let this thread connect to public addresses only, within the block."""
    _watch()
    guard = Guard()
    _present.guard = guard
    try:
        yield guard
    finally:
        _present.guard = None


@cache
def _watch() -> None:
    """Once a process, when it first sends something: a hook cannot be taken out again."""
    from requests import Session

    follow = Session.get_redirect_target

    def get_redirect_target(session: Session, answer: Any) -> str | None:
        return None if _present.guard is not None else follow(session, answer)

    setattr(Session, follow.__name__, get_redirect_target)
    sys.addaudithook(_look)


def _look(event: str, arguments: tuple[object, ...]) -> None:
    if event not in _EVENTS or _present.guard is None:
        return
    address = arguments[1]
    if address is None:  # along a connection that was looked at when it was made
        return
    place = str(address[0]) if isinstance(address, tuple) else str(address)
    if not is_public(place):
        _present.guard.refused.append(place)
        raise NotPublic(f"{place} is not a public address")
