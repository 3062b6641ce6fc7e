"""A vault whose every command may be killed, and what must hold after each.

The model is a dictionary: what each finished snapshot holds, as bytes. After each kill the vault
verifies, every snapshot of the model is there and reads back byte for byte, at most one snapshot
is new and it is whole, and the next command of the same kind succeeds without any repair.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from blake3 import blake3

from tests.torture.zygote import Ended
from webapp.items import EntryKind
from webapp.vault import Passphrase, Vault
from webapp.vault.keys import Cost
from webapp.vault.storage.base import Storage

PASSPHRASE = "torture"
CHEAP = Passphrase(PASSPHRASE, cost=Cost(rounds=1, memory_kib=64, lanes=1))
KEPT = 3
NOW = ("--undo-for", "0d", "--grace", "0d", "--more-than-half")
Files = dict[str, bytes]


class Runner(Protocol):
    """Runs one command: in peace, or with a disturbance within the seconds *kill_after*."""

    def run(
        self, *words: object, kill_after: float | None = None, kill_at: int | None = None
    ) -> Ended: ...


@dataclass(kw_only=True)
class Campaign:
    """One vault, a second one for copies, and a tree that changes.

    Attributes:
        second: the address that ``copy`` copies to.
        work: a folder of our own.
        storage_at: for our own looking; undisturbed.
        leaves_halves: the place breaks its promise that a put is whole or absent. What it leaves
            is named by ``verify``, and must not be anything that a snapshot needs.
        comes_late: what a disturbed command sent may take effect during a later one, even a
            snapshot.
    """

    runner: Runner
    address: str
    second: str
    work: Path
    storage_at: Callable[[str], Storage]
    draw: random.Random
    leaves_halves: bool = False
    comes_late: bool = False
    model: dict[str, Files] = field(default_factory=dict)
    copied: dict[str, Files] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    _typical: dict[str, float] = field(default_factory=lambda: defaultdict(lambda: 0.2))
    _syncs: Counter[str] = field(default_factory=Counter)
    _ever: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tree = self.work / "tree"
        self.tree.mkdir()
        for number in range(30):
            self._write(number)
        for address in (self.address, self.second):
            # One that opens quickly: the cost of a guess is part of its key slot.
            Vault.create(self.storage_at(address), wrap=CHEAP)
        for act in self.acts.values():
            act(False)  # once in peace: how long does it take?

    @property
    def acts(self) -> dict[str, Callable[[bool], Ended]]:
        return {
            "backup": self.backup,
            "restore": self.restore,
            "copy": self.copy,
            "forget": self.forget,
            "prune": self.prune,
        }

    def step(self) -> None:
        """Change something, kill something, look at everything, and do it again in peace."""
        self.change()
        weights = (5, 2, 2, 1, 3)
        name = self.draw.choices(list(self.acts), weights)[0]
        ended = self.acts[name](True)
        self.check()
        if ended.killed:
            self.kills[name] += 1
            self.acts[name](False)
            if name != "backup":
                self.backup(False)
            self.check()
        if len(self.model) > 2 * KEPT:
            self.forget(False)
        if len(self.copied) > 4 * KEPT:
            self._forget_copies()

    def run(self, name: str, *words: object, kill: bool) -> Ended:
        """One command; *kill* draws a moment within the time that it usually takes, or one of the
        moments at which it makes something durable: most of the time it only reads."""
        after = self.draw.uniform(0, 1.1 * self._typical[name]) if kill else None
        at = None
        if kill and self._syncs[name] and self.draw.random() < 0.6:
            after, at = None, self.draw.randint(1, self._syncs[name])
        ended = self.runner.run("vault", name, self.address, *words, kill_after=after, kill_at=at)
        if not ended.killed:
            self._syncs[name] = ended.syncs
            assert ended.code == 0, f"{name}: {ended.said}"
            self._typical[name] = 0.7 * self._typical[name] + 0.3 * ended.seconds
        if self.comes_late:
            self._take_in()
        return ended

    def _take_in(self) -> None:
        """Snapshots of which nobody knew whether they would appear: whole, like every other."""
        vault = self._open(self.address)
        for one in {one.id for one in vault.snapshots()} - self.model.keys():
            files = self._files_of(vault, one)
            assert seal_of(files) in self._ever
            self.model[one] = files

    def backup(self, kill: bool) -> Ended:
        known, live = set(self.model), self.live()
        self._ever.add(seal_of(live))
        ended = self.run("backup", self.tree, "--source", "tree", "--json", kill=kill)
        new = self.ids(self.address) - known
        assert len(new) <= 1 or self.comes_late
        for one in new:
            self.model.setdefault(one, live)
        assert ended.killed or live in [self.model[one] for one in new]
        return ended

    def restore(self, kill: bool) -> Ended:
        """Killed in the middle, done again into the same folder: then all is there, exactly."""
        chosen = self.draw.choice(sorted(self.model))
        target = self.work / "restored"
        if not kill and self._began is not None:
            chosen = self._began
        elif target.exists():
            shutil.rmtree(target)
        self._began = chosen
        ended = self.run("restore", chosen, "--target", target, kill=kill)
        if not ended.killed:
            found = files_in(target / str(self.tree).lstrip("/"))
            assert found == self.model[chosen]
            self._began = None
        return ended

    _began: str | None = None

    def copy(self, kill: bool) -> Ended:
        """What had been copied is there still; what is new is a snapshot of ours, and whole."""
        before = [*self.model.values()]
        ended = self.run("copy", self.second, kill=kill)
        found = self.contents(self.second)
        assert {one: found.get(one) for one in self.copied} == self.copied
        new = {one: files for one, files in found.items() if one not in self.copied}
        for files in new.values():
            assert seal_of(files) in self._ever if self.comes_late else files in before
        self.copied |= new
        if not ended.killed:
            assert all(files in found.values() for files in before)
        return ended

    def forget(self, kill: bool) -> Ended:
        """The newest are kept, whatever happens; of the others a killed one may drop any."""
        order = self.newest_first()
        ended = self.run("forget", "--keep-last", KEPT, kill=kill)
        left = self.ids(self.address)
        came = left - set(order)  # and may have been counted among the newest
        assert self.comes_late or not came
        assert set(order[: max(KEPT - len(came), 0)]) <= left
        if not ended.killed:
            assert left <= set(order[:KEPT]) | came
        self.model = {one: files for one, files in self.model.items() if one in left}
        return ended

    def prune(self, kill: bool) -> Ended:
        """Nothing is held back for undoing or for readers: all that can be deleted is."""
        return self.run("prune", *NOW, kill=kill)

    def _forget_copies(self) -> None:
        for words in (("forget", self.second, "--keep-last", KEPT), ("prune", self.second, *NOW)):
            ended = self.runner.run("vault", *words)
            assert ended.code == 0, ended.said
        left = self.ids(self.second)
        self.copied = {one: files for one, files in self.copied.items() if one in left}

    def check(self) -> None:
        """The vault is sound, and every finished snapshot holds what it held."""
        for address in (self.address, self.second):
            errors = self._open(address).verify(read_data=1.0).errors
            assert [one for one in errors if one["snapshots"] or not self.leaves_halves] == []
        assert self.contents(self.address) == self.model

    def contents(self, address: str) -> dict[str, Files]:
        """What each finished snapshot holds, read back whole."""
        vault = self._open(address)
        return {one.id: self._files_of(vault, one.id) for one in vault.snapshots()}

    def _files_of(self, vault: Vault, snapshot: str) -> Files:
        top = b"tree" + str(self.tree).encode()
        found: Files = {}
        for entry in vault.entries(snapshot, under=top):
            if entry.kind is EntryKind.FILE:
                with vault.open_content(entry) as file:
                    found[entry.path[len(top) + 1 :].decode()] = file.read()
        return found

    def ids(self, address: str) -> set[str]:
        return {one.id for one in self._open(address).snapshots()}

    def newest_first(self) -> list[str]:
        return [one.id for one in self._open(self.address).snapshots()]

    def live(self) -> Files:
        return files_in(self.tree)

    def change(self) -> None:
        """A few files are written, one goes, one large one grows."""
        for _ in range(self.draw.randint(1, 4)):
            self._write(self.draw.randrange(40))
        names = sorted(self.tree.iterdir())
        if len(names) > 20:
            self.draw.choice(names).unlink()

    def _write(self, number: int) -> None:
        size = 600_000 if number == 7 else self.draw.randint(0, 20_000)
        (self.tree / f"{number:02}").write_bytes(self.draw.randbytes(size))

    def _open(self, address: str) -> Vault:
        return Vault.open(self.storage_at(address), wrap=CHEAP)


def seal_of(files: Files) -> bytes:
    """A digest of all of it: so that a campaign of hours may remember every state."""
    return blake3(repr(sorted(files.items())).encode()).digest()


def files_in(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def environ_for(work: Path, more: dict[str, Any]) -> dict[str, str]:
    """For the commands: the passphrases, a cache of their own, and what the storage needs."""
    return {
        "LASTGOOD_VAULT_PASSPHRASE": PASSPHRASE,
        "LASTGOOD_VAULT_TO_PASSPHRASE": PASSPHRASE,
        "XDG_CACHE_HOME": str(work / "cache"),
        **more,
    }
