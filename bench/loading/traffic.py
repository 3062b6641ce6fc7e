"""Polls at a steady rate, as many open pages make them, from a process of its own.

    python -m bench.loading.traffic PLAN.json

The rate is kept whatever the server does: a poll that is sent late because all connections wait is
measured from the moment at which it was meant to be sent. Ends on SIGTERM, and prints what it saw.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

PATIENCE_SECONDS = 10.0


@dataclass
class Seen:
    """Attributes:
    lost: polls without an answer; *bad* had one that was not 200.
    """

    milliseconds: list[float] = field(default_factory=list)
    lost: int = 0
    bad: int = 0
    reconnected: int = 0


class Connection:
    """One kept-alive connection, as a browser's."""

    def __init__(self, port: int, request: bytes, seen: Seen) -> None:
        self._port, self._request, self._seen = port, request, seen
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def poll(self, meant_at: float) -> None:
        try:
            status = await asyncio.wait_for(self._once(), PATIENCE_SECONDS)
        except (OSError, EOFError, TimeoutError, ValueError):
            self.close()
            self._seen.lost += 1
            return
        self._seen.milliseconds.append((time.monotonic() - meant_at) * 1000)
        self._seen.bad += status != 200

    async def _once(self) -> int:
        """A server may close a connection that was idle: then it is opened again, once."""
        is_used = self._streams is not None
        try:
            return await self._exchange()
        except (OSError, EOFError):
            if not is_used:
                raise
        self.close()
        self._seen.reconnected += 1
        return await self._exchange()

    async def _exchange(self) -> int:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(self._request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        await reader.readexactly(length)
        if b"connection: close" in head:
            self.close()
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


async def run(plan: dict[str, object], stop: asyncio.Event) -> Seen:
    seen, free = Seen(), asyncio.Queue[Connection]()
    requests = cycle(str(one).encode() for one in plan["requests"])  # type: ignore[attr-defined]
    for _ in range(int(str(plan["connections"]))):
        free.put_nowait(Connection(int(str(plan["port"])), next(requests), seen))
    rate, begun, number = float(str(plan["rate"])), time.monotonic(), 0
    under_way: set[asyncio.Task[None]] = set()
    while not stop.is_set():
        meant_at = begun + number / rate
        await asyncio.sleep(max(meant_at - time.monotonic(), 0))
        task = asyncio.create_task(_poll(await free.get(), free, meant_at))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        number += 1
    await asyncio.gather(*under_way)
    return seen


async def _poll(connection: Connection, free: asyncio.Queue[Connection], meant_at: float) -> None:
    try:
        await connection.poll(meant_at)
    finally:
        free.put_nowait(connection)


async def _main(plan: dict[str, object]) -> Seen:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    return await run(plan, stop)


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text())
    if plan.get("cores"):
        os.sched_setaffinity(0, plan["cores"])
    began, busy = time.monotonic(), time.process_time()
    seen = asyncio.run(_main(plan))
    facts = {
        "seconds": time.monotonic() - began,
        "cpu_seconds": time.process_time() - busy,
        "milliseconds": seen.milliseconds,
        "lost": seen.lost,
        "bad": seen.bad,
        "reconnected": seen.reconnected,
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
