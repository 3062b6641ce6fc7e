"""Three dumps of a shop's table: the first, after 1 % of rows changed in runs, and scattered.

By a MariaDB server of our own, in a process of its own on a socket, where one is installed; else
by a generator that writes what ``mariadb-dump`` would.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RUN_ROWS = 400
LINE_BYTES = 1_000_000
_TABLE = """CREATE TABLE `orders` (
  `id` int(11) NOT NULL,
  `customer` int(11) NOT NULL,
  `email` varchar(80) NOT NULL,
  `placed` datetime NOT NULL,
  `total` decimal(10,2) NOT NULL,
  `state` varchar(12) NOT NULL,
  `note` varchar(120) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `customer` (`customer`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
"""
_STATES = ("paid", "sent", "open", "returned")
Row = tuple[int, int, str, str, str, str, str]


def label() -> str:
    """What the dumps are made by, for the report."""
    return "by MariaDB" if _server_is_there() else "in mariadb-dump's form, no server installed"


def make(folder: Path, count: int) -> None:
    """Write ``first.sql``, ``runs.sql`` and ``scattered.sql``, each changed from the one before."""
    if _server_is_there():
        _by_server(folder, count)
    else:
        _by_generator(folder, count)


def changed_runs(count: int) -> list[tuple[int, int]]:
    """First and last ids: 1 % of all rows, in runs."""
    draw = random.Random(11)
    runs = max(count // 100 // RUN_ROWS, 1)
    length = max(count // 100 // runs, 1)
    starts = (draw.randrange(1, max(count - length, 2)) for _ in range(runs))
    return [(start, start + length - 1) for start in starts]


def rows(count: int) -> Iterator[Row]:
    draw = random.Random(12)
    names = [draw.randbytes(5).hex() for _ in range(20_000)]
    words = [draw.randbytes(draw.randint(2, 5)).hex() for _ in range(3000)]
    for number in range(1, count + 1):
        customer = draw.randrange(20_000)
        minute = number % 1440
        yield (
            number,
            customer,
            f"{names[customer]}@example.org",
            f"2026-{number // 130_000 % 12 + 1:02}-{number // 4600 % 28 + 1:02} "
            f"{minute // 60:02}:{minute % 60:02}:00",
            f"{draw.randrange(100, 99_999) / 100:.2f}",
            _STATES[number & 3],
            " ".join(draw.choices(words, k=8)),
        )


def _server_is_there() -> bool:
    return all(map(shutil.which, ("mariadbd", "mariadb-install-db", "mariadb-dump", "mariadb")))


# --- by a server ----------------------------------------------------------------------------------


def _by_server(folder: Path, count: int) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as name, _server(Path(name)) as socket:
        table = Path(name) / "rows.tsv"
        with table.open("w") as file:
            file.writelines("\t".join(map(str, row)) + "\n" for row in rows(count))
        _sql(socket, f"CREATE DATABASE shop; USE shop; {_TABLE}")
        _sql(socket, f"LOAD DATA LOCAL INFILE '{table}' INTO TABLE shop.orders;")
        _dump(socket, folder / "first.sql")
        for first, last in changed_runs(count):
            _sql(
                socket,
                "UPDATE shop.orders SET state = 'changed', total = total + 1 "
                f"WHERE id BETWEEN {first} AND {last};",
            )
        _dump(socket, folder / "runs.sql")
        _sql(socket, "UPDATE shop.orders SET total = total + 2 WHERE id % 100 = 37;")
        _dump(socket, folder / "scattered.sql")


@contextmanager
def _server(home: Path) -> Iterator[Path]:
    data, socket = home / "data", Path(tempfile.mkdtemp(prefix="lg-")) / "s"
    subprocess.run(
        ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db",
         "--auth-root-authentication-method=normal", "--user=root"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    server = subprocess.Popen(
        ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={socket}", "--user=root",
         "--skip-networking", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0",
         "--innodb-buffer-pool-size=512M", "--local-infile=1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for(server, socket)
        yield socket
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(socket.parent)


def _wait_for(server: subprocess.Popen[bytes], socket: Path) -> None:
    words = ["mariadb-admin", "--no-defaults", f"--socket={socket}", "--user=root", "ping"]
    for _ in range(300):
        if server.poll() is not None:
            raise RuntimeError(f"mariadbd ended with {server.returncode}")
        if subprocess.run(words, capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise RuntimeError("mariadbd did not answer within 30 s")


def _sql(socket: Path, statements: str) -> None:
    words = ["mariadb", "--no-defaults", "--local-infile=1", f"--socket={socket}", "--user=root"]
    subprocess.run(words, input=statements.encode(), check=True, capture_output=True)


def _dump(socket: Path, path: Path) -> None:
    words = ["mariadb-dump", "--no-defaults", f"--socket={socket}", "--user=root",
             "--single-transaction", "--skip-dump-date", "--default-character-set=utf8mb4",
             "shop"]  # fmt: skip
    with path.open("wb") as file:
        subprocess.run(words, check=True, stdout=file)


# --- without one ----------------------------------------------------------------------------------


def _by_generator(folder: Path, count: int) -> None:
    runs = changed_runs(count)
    in_runs = {one for first, last in runs for one in range(first, last + 1)}
    scattered = {number for number in range(1, count + 1) if number % 100 == 37}
    _write(folder / "first.sql", count, changed=())
    _write(folder / "runs.sql", count, changed=(in_runs,))
    _write(folder / "scattered.sql", count, changed=(in_runs, scattered))


def _write(path: Path, count: int, *, changed: tuple[set[int], ...]) -> None:
    """Rows in long INSERT lines, as ``--extended-insert`` makes them."""
    with path.open("w") as file:
        file.write(
            "-- MariaDB dump 10.19  Distrib 10.11, for debian-linux-gnu (x86_64)\n--\n"
            "DROP TABLE IF EXISTS `orders`;\n"
            f"{_TABLE}\nLOCK TABLES `orders` WRITE;\n"
            "/*!40000 ALTER TABLE `orders` DISABLE KEYS */;\n"
        )
        file.writelines(_inserts(count, changed))
        file.write("/*!40000 ALTER TABLE `orders` ENABLE KEYS */;\nUNLOCK TABLES;\n")


def _inserts(count: int, changed: tuple[set[int], ...]) -> Iterator[str]:
    line: list[str] = []
    length = 0
    for row in rows(count):
        text = _tuple(row, changed)
        if line and length + len(text) > LINE_BYTES:
            yield "INSERT INTO `orders` VALUES\n" + ",\n".join(line) + ";\n"
            line, length = [], 0
        line.append(text)
        length += len(text) + 2
    if line:
        yield "INSERT INTO `orders` VALUES\n" + ",\n".join(line) + ";\n"


def _tuple(row: Row, changed: tuple[set[int], ...]) -> str:
    number, customer, email, placed, total, state, note = row
    if changed and number in changed[0]:
        state, total = "changed", f"{float(total) + 1:.2f}"
    if len(changed) > 1 and number in changed[1]:
        total = f"{float(total) + 2:.2f}"
    return f"({number},{customer},'{email}','{placed}',{total},'{state}','{note}')"
