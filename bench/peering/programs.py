"""Lastgood, restic and borg: how each is asked for the same thing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.peering.timing import Command, Ran, count_syncs, run

ROOT = Path(__file__).parents[2]
PASSPHRASE = "bench"


@dataclass(frozen=True, kw_only=True)
class S3:
    """A server on the loopback.

    Attributes:
        folder: where it keeps the bucket's objects, to weigh them.
    """

    url: str
    bucket: str
    folder: Path
    environ: dict[str, str]


class Program(Protocol):
    """One program with one fresh vault of its own, below *place* or in a bucket."""

    name: str

    def __init__(self, place: Path, s3: S3 | None = None) -> None: ...

    def init(self) -> list[Command]: ...

    def backup(self, tree: Path) -> list[Command]: ...

    def restore(self, target: Path) -> list[Command]: ...

    def verify(self) -> list[Command]: ...

    def prune(self) -> list[Command]: ...

    def restored(self, tree: Path, target: Path) -> Path:
        """Where *tree* lies below *target* after a restore."""

    def stored_bytes(self) -> int: ...


class _Base:
    """What all three have: a place for the vault and one for the cache."""

    name = ""

    def __init__(self, place: Path, s3: S3 | None = None) -> None:
        self.vault = s3.folder / place.name if s3 else place / "vault"
        self.cache = place / "cache"
        self.s3 = s3
        place.mkdir(parents=True)
        self.prefix = place.name
        self.count = 0

    def stored_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.vault.rglob("*") if path.is_file())

    def restored(self, tree: Path, target: Path) -> Path:
        return target / str(tree).lstrip("/")


class Lastgood(_Base):
    name = "lastgood"

    @property
    def address(self) -> str:
        s3 = self.s3
        if s3 is None:
            return str(self.vault)
        return f"s3://{s3.bucket}/{self.prefix}?endpoint={s3.url}&region=us-east-1"

    def init(self) -> list[Command]:
        return [self._verb("init")]

    def backup(self, tree: Path) -> list[Command]:
        return [self._verb("backup", str(tree), "--source", "bench")]

    def restore(self, target: Path) -> list[Command]:
        return [self._verb("restore", "latest", "--target", str(target))]

    def verify(self) -> list[Command]:
        return [self._verb("verify", "--read-data")]

    def prune(self) -> list[Command]:
        """With nothing held back for undoing or for readers, as the others do it."""
        now = ("--undo-for", "0d", "--grace", "0d", "--more-than-half")
        return [self._verb("forget", "--keep-last", "1"), self._verb("prune", *now)]

    def list(self) -> list[Command]:
        return [self._verb("snapshots")]

    def _verb(self, verb: str, *more: str) -> Command:
        words = [*_lastgood(), "vault", verb, self.address, *more, "--cache-dir", str(self.cache)]
        environ = {"LASTGOOD_VAULT_PASSPHRASE": PASSPHRASE, "PYTHONPATH": str(ROOT)}
        return Command(words, {**environ, **(self.s3.environ if self.s3 else {})})


class Restic(_Base):
    name = "restic"

    def init(self) -> list[Command]:
        return [self._verb("init")]

    def backup(self, tree: Path) -> list[Command]:
        return [self._verb("backup", str(tree))]

    def restore(self, target: Path) -> list[Command]:
        return [self._verb("restore", "latest", "--target", str(target))]

    def verify(self) -> list[Command]:
        return [self._verb("check", "--read-data")]

    def prune(self) -> list[Command]:
        return [self._verb("forget", "--keep-last", "1", "--prune")]

    def list(self) -> list[Command]:
        return [self._verb("snapshots")]

    def _verb(self, *words: str) -> Command:
        s3 = self.s3
        address = f"s3:{s3.url}/{s3.bucket}/{self.prefix}" if s3 else str(self.vault)
        environ = {
            "RESTIC_PASSWORD": PASSPHRASE,
            "RESTIC_REPOSITORY": address,
            "RESTIC_CACHE_DIR": str(self.cache),
        }
        return Command(["restic", "--quiet", *words], {**environ, **(s3.environ if s3 else {})})


class Borg(_Base):
    name = "borg"

    def init(self) -> list[Command]:
        return [self._verb("init", "--encryption", "repokey-blake2", str(self.vault))]

    def backup(self, tree: Path) -> list[Command]:
        self.count += 1
        archive = f"{self.vault}::bench-{self.count}"
        return [self._verb("create", "--compression", "zstd,3", archive, str(tree))]

    def restore(self, target: Path) -> list[Command]:
        target.mkdir(parents=True)
        return [self._verb("extract", f"{self.vault}::bench-{self.count}", folder=target)]

    def verify(self) -> list[Command]:
        return [self._verb("check", "--verify-data", str(self.vault))]

    def prune(self) -> list[Command]:
        return [
            self._verb("prune", "--keep-last", "1", str(self.vault)),
            self._verb("compact", str(self.vault)),
        ]

    def list(self) -> list[Command]:
        return [self._verb("list", str(self.vault))]

    def _verb(self, *words: str, folder: Path | None = None) -> Command:
        environ = {"BORG_PASSPHRASE": PASSPHRASE, "BORG_BASE_DIR": str(self.cache)}
        return Command(["borg", *words], environ, folder)


PROGRAMS: dict[str, type[Lastgood] | type[Restic] | type[Borg]] = {
    one.name: one for one in (Lastgood, Restic, Borg)
}
PACKAGES = {"restic": "restic", "borg": "borgbackup", "strace": "strace"}


def run_all(commands: Sequence[Command]) -> Ran:
    return sum((run(command) for command in commands), start=Ran())


def syncs_of(commands: Sequence[Command]) -> int:
    return sum(count_syncs(command) for command in commands)


def missing(names: Sequence[str]) -> list[str]:
    """Debian packages that *names* and the counting of fsyncs need, and that are not installed."""
    wanted = [*names, "strace"]
    return [PACKAGES[name] for name in wanted if name in PACKAGES and not shutil.which(name)]


def versions(names: Sequence[str]) -> dict[str, str]:
    """What each program calls itself."""
    found = {}
    for name in names:
        if name == "lastgood":
            found[name] = commit()
        else:
            found[name] = _said([name, "version" if name == "restic" else "--version"])
    return found


def commit() -> str:
    """What of Lastgood is measured."""
    return _said(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]) or "unknown"


def _said(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.strip().split(" compiled")[0]


def _lastgood() -> list[str]:
    """The command as it is installed; from this very tree, whatever else is on the machine."""
    script = Path(sys.executable).with_name("lastgood")
    if script.exists() and os.environ.get("BENCH_INSTALLED"):
        return [str(script)]
    return [sys.executable, "-m", "webapp.cli"]
