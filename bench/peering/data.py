"""The data sets: how each is made, and how one in a hundred of it changes."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PACKAGE = "linux-source-6.1"
TARBALL = Path("/usr/src") / f"{PACKAGE}.tar.xz"
MIB = 1 << 20


class DataSet:
    """A folder that programs back up.

    Attributes:
        changes: names of the operations that change it, in order.
    """

    name = ""
    label = ""
    changes: tuple[str, ...] = ("changed",)

    def __init__(self, work: Path, scale: float) -> None:
        self.tree = work / "data" / self.name
        self.scale = scale
        self.notes = ""

    def make(self) -> None:
        """Make the tree, in a process of its own: our own peak must stay small, since a child's
        peak as the kernel counts it begins at that of the process that started it."""
        in_own_process(self._make)

    def reset(self) -> None:
        """Go back to the first state where that is cheap; before each round."""

    def change(self, operation: str, seed: int) -> None:
        """Change 1 % of it; in a process of its own, too."""
        in_own_process(self._change, operation, seed)

    def _change(self, operation: str, seed: int) -> None:
        """A line is put into one in a hundred files."""
        paths = [
            os.path.join(folder, name) for folder, _, names in os.walk(self.tree) for name in names
        ]
        draw = random.Random(seed)
        for path in draw.sample(sorted(paths), max(len(paths) // 100, 1)):
            if os.path.islink(path):
                continue
            with open(path, "r+b") as file:
                data = file.read()
                at = draw.randint(0, len(data))
                file.seek(at)
                file.write(b"changed %d\n" % seed + data[at:])

    def _make(self) -> None:
        raise NotImplementedError


class Linux(DataSet):
    """The Linux source tree. The quick form takes a few folders of it."""

    name = "linux"
    source: Path | None = None

    @property
    def label(self) -> str:  # type: ignore[override]
        return "Linux 6.1 source tree" + (", fs and kernel only" if self.scale < 1 else "")

    def _make(self) -> None:
        self.tree.parent.mkdir(parents=True, exist_ok=True)
        found = self.source
        if found is None:
            subprocess.run(["tar", "-xJf", TARBALL, "-C", self.tree.parent], check=True)
            found = self.tree.parent / PACKAGE
        wanted = [found] if self.scale == 1 else [found / "fs", found / "kernel"]
        self.tree.mkdir()
        for folder in wanted:
            into = self.tree if folder == found else self.tree / folder.name
            subprocess.run(["cp", "-a", f"{folder}/.", into], check=True)


class Large(DataSet):
    """Large files, every second of random bytes; changes are runs of 512 KiB in each."""

    name = "large"
    label = "mixed large files, half incompressible"
    total_bytes = 2 << 30
    count = 16

    def _make(self) -> None:
        self.tree.mkdir(parents=True)
        blocks = int(self.total_bytes * self.scale) // self.count // MIB
        for number in range(self.count):
            fill = random_blocks if number % 2 else text_blocks
            write(self.tree / f"file-{number:02}.bin", fill(blocks, number))

    def _change(self, operation: str, seed: int) -> None:
        draw = random.Random(seed)
        for path in sorted(self.tree.iterdir()):
            blocks = path.stat().st_size // MIB
            with path.open("r+b") as file:
                for _ in range(max(round(blocks / 50), 1)):
                    file.seek(draw.randrange(blocks) * MIB + draw.randrange(4096))
                    file.write(draw.randbytes(MIB // 2))


class Noise(Large):
    """One file that does not compress."""

    name = "random"
    label = "one incompressible file"
    total_bytes = 1 << 30
    count = 1

    def _make(self) -> None:
        self.tree.mkdir(parents=True)
        blocks = int(self.total_bytes * self.scale) // MIB
        write(self.tree / "random.bin", random_blocks(blocks, 99))


class Small(DataSet):
    """Very many small files; a third does not compress."""

    name = "small"
    label = "files of 1–4 KiB"
    count = 200_000

    def _make(self) -> None:
        draw, texts = random.Random(5), phrases(5)
        total = int(self.count * self.scale)
        for folder in range(total // 100):
            place = self.tree / f"{folder // 50:02}" / f"{folder:04}"
            place.mkdir(parents=True)
            for number in range(100):
                size = draw.randint(1024, 4096)
                if number % 3:
                    data = b"".join(draw.choices(texts, k=size // 40))[:size]
                else:
                    data = draw.randbytes(size)
                (place / f"{number:02}.txt").write_bytes(data)


class Dump(DataSet):
    """A database dump; taken again after 1 % of its rows changed, in runs, then scattered."""

    name = "dump"
    changes = ("changed in runs", "changed scattered")
    rows = 1_600_000

    def __init__(self, work: Path, scale: float) -> None:
        super().__init__(work, scale)
        self.versions = work / "versions"

    @property
    def label(self) -> str:  # type: ignore[override]
        return f"database dump ({self.notes})"

    def make(self) -> None:
        from bench.peering import dumps

        self.tree.mkdir(parents=True)
        self.versions.mkdir()
        count = int(self.rows * self.scale)
        self.notes = dumps.label()
        in_own_process(dumps.make, self.versions, count)

    def reset(self) -> None:
        self._show("first")

    def _change(self, operation: str, seed: int) -> None:
        self._show(operation.removeprefix("changed ").removeprefix("in "))

    def _show(self, version: str) -> None:
        shutil.copyfile(self.versions / f"{version}.sql", self.tree / "shop.sql")


DATA: dict[str, type[DataSet]] = {one.name: one for one in (Linux, Noise, Dump, Large, Small)}


def in_own_process(work: Callable[..., Any], *arguments: Any) -> Any:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(work, arguments)


def write(path: Path, blocks: Iterator[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(blocks)


def random_blocks(count: int, seed: int) -> Iterator[bytes]:
    draw = random.Random(seed)
    return (draw.randbytes(MIB) for _ in range(count))


def text_blocks(count: int, seed: int) -> Iterator[bytes]:
    """Words in an order of chance: compress to about a third, and never repeat for long."""
    draw, texts = random.Random(seed), phrases(seed)
    return (b"".join(draw.choices(texts, k=MIB // 48))[:MIB] for _ in range(count))


def phrases(seed: int) -> list[bytes]:
    """65,536 phrases of about 48 bytes each, of 2,000 words."""
    draw = random.Random(seed)
    words = [draw.randbytes(draw.randint(2, 6)).hex().encode() for _ in range(2000)]
    return [b" ".join(draw.choices(words, k=5)) + b"\n" for _ in range(65_536)]


def bytes_in(tree: Path) -> tuple[int, int]:
    """Files and their bytes."""
    files = total = 0
    for folder, _, names in os.walk(tree):
        for name in names:
            status = os.lstat(os.path.join(folder, name))
            files, total = files + 1, total + status.st_size
    return files, total
