"""The demo shop on disk: pages, pictures, settings and a database, made and damaged on purpose.

``<folder>/htdocs`` is what a web server would show; ``shop.conf`` and ``orders.db`` lie beside it.
Only jobs and the first start come here: a page never touches these files.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path

from webapp.services.demo import orders, pictures
from webapp.services.demo.catalogue import CONFIG, LOGO, PRODUCTS, STYLE, Product


@dataclass(frozen=True)
class Shop:
    """Where one demo shop lies."""

    folder: Path

    @property
    def pages(self) -> Path:
        return self.folder / "htdocs"

    @property
    def config(self) -> Path:
        return self.folder / "shop.conf"

    @property
    def database(self) -> Path:
        return self.folder / "orders.db"

    def build(self, *, at: datetime) -> None:
        """Make the shop anew. What is in its folder is removed first."""
        self.remove()
        for name in ("css", "images", "products"):
            (self.pages / name).mkdir(parents=True)
        self._write_pages()
        for product in PRODUCTS:
            picture = pictures.pot(product.glaze, roundness=product.roundness, neck=product.neck)
            (self.pages / f"images/{product.slug}.png").write_bytes(picture)
        (self.pages / "featured.html").symlink_to(f"products/{PRODUCTS[0].slug}.html")
        self.config.write_text(CONFIG)
        orders.fill(self.database, until=at)
        self._open_to_a_web_server()

    def damage(self) -> list[str]:
        """Spoil page, pictures, settings and database; gives one sentence for each."""
        home = self.pages / "index.html"
        home.write_text(_page("Closed", "<h1>This shop is ours now.</h1>\n<p>Send 3 coins.</p>"))
        for product in PRODUCTS[:2]:
            (self.pages / f"images/{product.slug}.png").unlink(missing_ok=True)
        (self.pages / "about.html").chmod(0o666)
        (self.pages / "left-behind.txt").write_text("You should not have used the same password.\n")
        self.config.write_text(
            CONFIG.replace("DE00 1234 5678 9012 3456 00", "XX99 6666 6666 6666 6666 66").replace(
                "debug = off", "debug = on"
            )
        )
        orders.spoil(self.database)
        return [
            "The home page is defaced.",
            "Two product pictures are deleted.",
            "A page may be changed by anybody, and a strange file has appeared.",
            "The bank account in the settings is another one.",
            "In the database, half the prices are one cent and the newest orders are gone.",
        ]

    def remove(self) -> None:
        """Remove the shop's folder and everything in it."""
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _open_to_a_web_server(self) -> None:
        """The modes that such a site has, whatever this process gives to what it makes."""
        for path in (self.pages, *self.pages.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() else 0o644)
        self.config.chmod(0o640)
        self.database.chmod(0o640)

    def _write_pages(self) -> None:
        pages = {
            "css/shop.css": STYLE,
            "images/logo.svg": LOGO,
            "index.html": _home(),
            "about.html": _page("About us", _ABOUT),
            "contact.html": _page("Contact", _CONTACT),
            "robots.txt": "User-agent: *\nDisallow: /cart\n",
            **{f"products/{product.slug}.html": _product(product) for product in PRODUCTS},
        }
        for name, text in pages.items():
            (self.pages / name).write_text(text)


_ABOUT = """<h1>About us</h1>
<p>Two potters, one kiln and a shop window in an old harbour warehouse. Everything is thrown by
hand, glazed in ten colours and fired twice. What you see is what is on the shelf today.</p>"""

_CONTACT = """<h1>Contact</h1>
<p>Juniper &amp; Slate, Quay 7. Write to hello@juniper-slate.example, and we answer between two
firings.</p>"""


def _home() -> str:
    shelf = "\n".join(
        f'<a href="products/{product.slug}.html"><img src="images/{product.slug}.png" alt="">'
        f"<br>{escape(product.name)}<br>{_price(product)}</a>"
        for product in PRODUCTS
    )
    return _page(
        "Pots for every day", f'<h1>Fresh from the kiln</h1>\n<div class="shelf">\n{shelf}\n</div>'
    )


def _product(product: Product) -> str:
    body = (
        f'<div class="one">\n<h1>{escape(product.name)}</h1>\n'
        f'<img src="../images/{product.slug}.png" alt="{escape(product.name)}">\n'
        f"<p>{escape(product.words)}</p>\n<p>{_price(product)}</p>\n</div>"
    )
    return _page(product.name, body, up="../")


def _price(product: Product) -> str:
    return f'<span class="price">€ {product.price_cents / 100:.2f}</span>'


def _page(title: str, body: str, *, up: str = "") -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{escape(title)} · Juniper &amp; Slate</title>
<link rel="stylesheet" href="{up}css/shop.css">
</head>
<body>
<header>
<img src="{up}images/logo.svg" alt="" width="48">
<a href="{up}index.html">Juniper &amp; Slate</a>
<a href="{up}about.html">About</a>
<a href="{up}contact.html">Contact</a>
</header>
<main>
{body}
</main>
<footer>Juniper &amp; Slate is a demo: nothing here is for sale.</footer>
</body>
</html>
"""
