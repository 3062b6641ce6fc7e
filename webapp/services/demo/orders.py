"""The demo shop's database: customers, products and orders of the last few months."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from webapp.services.demo.catalogue import FIRST_NAMES, LAST_NAMES, PRODUCTS, TOWNS

CUSTOMERS, ORDERS, DAYS = 160, 420, 120

SCHEMA = """
CREATE TABLE customers (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, town TEXT NOT NULL,
    since TEXT NOT NULL);
CREATE TABLE products (
    id INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    price_cents INTEGER NOT NULL CHECK (price_cents >= 0), stock INTEGER NOT NULL);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers,
    ordered_at TEXT NOT NULL, status TEXT NOT NULL, total_cents INTEGER NOT NULL);
CREATE TABLE order_lines (
    order_id INTEGER NOT NULL REFERENCES orders ON DELETE CASCADE,
    product_id INTEGER NOT NULL REFERENCES products, quantity INTEGER NOT NULL,
    price_cents INTEGER NOT NULL, PRIMARY KEY (order_id, product_id));
CREATE INDEX orders_by_day ON orders (ordered_at);
"""


def fill(path: Path, *, until: datetime) -> None:
    """Make the database; the last order came shortly before *until*. Always the same otherwise."""
    dice = random.Random(20)  # noqa: S311 # pots, not secrets
    with closing(sqlite3.connect(path)) as shop, shop:
        shop.executescript(SCHEMA)
        shop.executemany(
            "INSERT INTO products VALUES (?, ?, ?, ?, ?)",
            [
                (number, product.slug, product.name, product.price_cents, dice.randint(4, 60))
                for number, product in enumerate(PRODUCTS, 1)
            ],
        )
        shop.executemany(
            "INSERT INTO customers VALUES (?, ?, ?, ?, ?)", _customers(dice, until=until)
        )
        for number in range(1, ORDERS + 1):
            _order(shop, dice, number=number, until=until)


def spoil(path: Path) -> None:
    """What an attacker or a careless script leaves: prices of a cent, the newest orders gone,
    one customer's address everywhere."""
    with closing(sqlite3.connect(path, timeout=10)) as shop, shop:
        shop.execute("PRAGMA foreign_keys = ON")
        shop.execute("UPDATE products SET price_cents = 1 WHERE id % 2 = 0")
        shop.execute(
            "DELETE FROM orders WHERE id IN (SELECT id FROM orders ORDER BY id DESC LIMIT 60)"
        )
        shop.execute("UPDATE customers SET town = 'Nowhere' WHERE id <= 25")


def _customers(dice: random.Random, *, until: datetime) -> Iterator[tuple[object, ...]]:
    for number in range(1, CUSTOMERS + 1):
        first, last = dice.choice(FIRST_NAMES), dice.choice(LAST_NAMES)
        since = until - timedelta(days=dice.randint(DAYS, 6 * DAYS))
        email = f"{first}.{last}{number}@example.com".lower()
        yield number, f"{first} {last}", email, dice.choice(TOWNS), since.date().isoformat()


def _order(shop: sqlite3.Connection, dice: random.Random, *, number: int, until: datetime) -> None:
    age = timedelta(days=DAYS * (1 - number / ORDERS), minutes=dice.randint(5, 400))
    picked = dice.sample(range(len(PRODUCTS)), dice.choice((1, 1, 2, 2, 3, 4)))
    lines = [
        (index + 1, dice.choice((1, 1, 1, 2, 4)), PRODUCTS[index].price_cents) for index in picked
    ]
    total = sum(quantity * price for _product, quantity, price in lines)
    status = "packed" if age < timedelta(days=2) else "paid" if number % 23 == 0 else "sent"
    moment = (until - age).isoformat(sep=" ", timespec="seconds")
    customer = dice.randint(1, CUSTOMERS)
    shop.execute(
        "INSERT INTO orders VALUES (?, ?, ?, ?, ?)", (number, customer, moment, status, total)
    )
    shop.executemany(
        "INSERT INTO order_lines VALUES (?, ?, ?, ?)", [(number, *line) for line in lines]
    )
