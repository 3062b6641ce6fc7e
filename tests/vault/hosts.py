"""Several hosts that use one vault, and a plain model of what it must hold.

Whatever is backed up carries a number in its metadata, by which the model knows its exact content:
so a snapshot that appears late, after a lost answer or a crash, can be judged as well.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.faults import Crashed, FaultyStorage
from tests.vault.conftest import KEY
from tests.vault.sources import LONG_AGO, MemorySource, Notes, file, folder
from tests.vault.trees import contents
from webapp.vault import SnapshotMissing, Vault, VaultError
from webapp.vault.hooks import Hooks
from webapp.vault.retention.rules import Policy
from webapp.vault.snapshots import FINISHED
from webapp.vault.storage.base import Steady
from webapp.vault.storage.memory import MemoryStorage

DAY_NS = 86_400 * 10**9
WEEK_NS = 7 * DAY_NS
Files = dict[bytes, int]


def data_of(number: int) -> bytes:
    """One of a few contents, between 1 byte and 70 kB; the same for the same number."""
    draw = random.Random(number)
    return draw.randbytes(draw.choice((1, 3_000, 40_000, 70_000)))


def source_of(files: Files) -> MemorySource:
    pieces = [
        (file(path, mtime_ns=LONG_AGO + number, inode=number), data_of(number))
        for path, number in files.items()
    ]
    return MemorySource(folder(b"tree"), *pieces)


class Between(Steady):
    """Lets something else happen just before a call that the arming thread makes: of those of one
    kind, on names with a prefix, the one after *skip* others."""

    def __init__(self, inner: MemoryStorage) -> None:
        self._inner = inner
        self._skip = 0
        self._moment = ("", "")
        self._act: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None

    def arm(
        self, act: Callable[[], None], moment: tuple[str, str] = ("", ""), *, skip: int = 0
    ) -> None:
        self._act, self._moment, self._skip = act, moment, skip
        self._thread = threading.current_thread()

    def disarm(self) -> None:
        self._act = None

    def _step(self, call: str, name: str) -> None:
        if self._act is None or threading.current_thread() is not self._thread:
            return
        if call.startswith(self._moment[0]) and name.startswith(self._moment[1]):
            self._skip -= 1
            if self._skip < 0:
                act, self._act = self._act, None
                act()

    def put(self, name, data):
        self._step("put", name)
        self._inner.put(name, data)

    def get(self, name, *, offset=0, length=None):
        self._step("get", name)
        return self._inner.get(name, offset=offset, length=length)

    def list(self, prefix):
        self._step("list", prefix)
        return self._inner.list(prefix)

    def delete(self, name):
        self._step("delete", name)
        self._inner.delete(name)

    def now_ns(self):
        return self._inner.now_ns()


class Host:
    """One machine, with its own cache and a clock of its own."""

    def __init__(self, shared: MemoryStorage, cache: Path, *, clock_ns: Callable[[], int]) -> None:
        self.between = Between(shared)
        self.faulty = FaultyStorage(self.between)
        self.cache = cache
        self._clock_ns = clock_ns
        self._vault: Vault | None = None

    @property
    def vault(self) -> Vault:
        if self._vault is None:
            hooks = Hooks(time_ns=self._clock_ns, sleep=lambda seconds: None)
            self._vault = Vault.open(self.faulty, wrap=KEY, cache_dir=self.cache, hooks=hooks)
        return self._vault

    def restart(self) -> None:
        """The process is gone, with all that it knew; what the network held back stays there."""
        self._vault = None
        self.faulty.arrive()
        self.faulty = FaultyStorage(self.between)

    def crash_at(self, call: int | None, *, late: bool) -> None:
        self.faulty.stop_at = None if call is None else len(self.faulty.calls) + call
        self.faulty.stop_late = late


class World:
    """The shared vault, its hosts, and what must be true of it.

    Attributes:
        contents: by number, what was backed up under it.
        finished: ids of snapshots whose backup said that it was done.
        forgotten: since when, by the storage's clock.
        mortal: ids that a prune may have removed for good.
    """

    def __init__(self, folder: Path, hosts: int = 3) -> None:
        self.now = 1_700_000_000 * 10**9
        self.storage = MemoryStorage(now_ns=lambda: self.now)
        Vault.create(self.storage, wrap=KEY)
        skews = (0, 400 * DAY_NS, -400 * DAY_NS)
        self.hosts = [
            Host(
                self.storage,
                folder / f"cache-{n}",
                clock_ns=lambda skew=skews[n % 3]: self.now + skew,
            )
            for n in range(hosts)
        ]
        self.contents: dict[int, Files] = {}
        self.finished: dict[str, int] = {}
        self.forgotten: dict[str, int] = {}
        self.mortal: set[str] = set()

    def back_up(self, host: Host, name: str, files: Files) -> None:
        number = len(self.contents)
        self.contents[number] = dict(files)
        done = host.vault.backup(
            source_of(files), name=name, report=Notes(), metadata={"number": number}
        )
        self.finished[done.snapshot.id] = number

    def forget(self, host: Host, keep: int) -> None:
        before = set(self._log_objects())
        now = self.now
        try:
            host.vault.forget(Policy(last=keep), trust_clock=True)
        finally:
            if set(self._log_objects()) != before:  # also where the answer was lost
                self._note_forgotten(now)

    def unforget(self, host: Host, snapshot_id: str) -> None:
        try:
            host.vault.unforget(snapshot_id)
        except SnapshotMissing:
            assert snapshot_id in self.mortal
        else:
            self.mortal.discard(snapshot_id)
        finally:
            self._note_forgotten(self.now)

    def prune(self, host: Host, **details) -> None:
        self.mortal |= {one for one, at in self.forgotten.items() if at + WEEK_NS <= self.now}
        with suppress(VaultError):
            host.vault.prune(trust_clock=True, may_condemn_most=True, **details)

    def check(self) -> None:
        """Every snapshot that is there is whole and exact, none is missing, and verify agrees."""
        stranger = Vault.open(self.storage, wrap=KEY)
        there = {item.name.removeprefix(FINISHED) for item in self.storage.list(FINISHED)}
        assert self.finished.keys() - there <= self.mortal
        for identity in there:
            found = contents(stranger, identity)
            files = self.contents[stranger.snapshot(identity).metadata["number"]]
            assert found == {path: data_of(number) for path, number in files.items()}
        report = stranger.verify(read_data=1.0, remember=False)
        assert report.ok, report.errors

    def guarded(self, host: Host, act: Callable[[], None]) -> None:
        """Do something that may fail or crash; a host that crashed starts anew."""
        try:
            act()
        except Crashed:
            host.restart()
        except VaultError:
            pass
        finally:
            host.between.disarm()
            host.crash_at(None, late=False)

    def _log_objects(self) -> list[str]:
        return [item.name for item in self.storage.list("forgotten/")]

    def _note_forgotten(self, now: int) -> None:
        hidden = Vault.open(self.storage, wrap=KEY)._engine.roots.forgotten()
        self.forgotten = {one: self.forgotten.get(one, now) for one in hidden}
