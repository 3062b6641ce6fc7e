"""What the demo shop sells, to whom, and the words of its pages."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.services.demo.pictures import Colour


@dataclass(frozen=True)
class Product:
    slug: str
    name: str
    price_cents: int
    glaze: Colour
    words: str
    roundness: float
    neck: float


PRODUCTS = (
    Product("harbour-jug", "Harbour jug", 4800, (74, 112, 139),
            "Holds a litre and pours without a drip.", 0.30, 0.16),
    Product("heather-bowl", "Heather bowl", 3200, (143, 102, 140),
            "Wide and shallow, for bread, fruit or keys.", 0.38, 0.34),
    Product("juniper-mug", "Juniper mug", 2400, (72, 110, 86),
            "The one that everybody reaches for first.", 0.24, 0.24),
    Product("lantern-vase", "Lantern vase", 5600, (196, 138, 58),
            "Tall enough for tulips, heavy enough to stay up.", 0.26, 0.08),
    Product("moss-planter", "Moss planter", 3900, (98, 120, 66),
            "With a saucer, and a hole in the bottom.", 0.34, 0.30),
    Product("oatmeal-teapot", "Oatmeal teapot", 7200, (196, 178, 148),
            "Four cups, and a lid that stays on.", 0.36, 0.12),
    Product("rust-crock", "Rust crock", 6400, (158, 84, 52),
            "For sauerkraut, umbrellas or wooden spoons.", 0.30, 0.28),
    Product("salt-pig", "Salt pig", 2100, (220, 216, 206),
            "Keeps salt dry beside the stove.", 0.28, 0.10),
    Product("slate-plate", "Slate plate", 2800, (86, 92, 98),
            "Dinner size. Stacks, and survives the dishwasher.", 0.40, 0.38),
    Product("storm-carafe", "Storm carafe", 5100, (62, 78, 104),
            "A carafe for water or wine, cool to the touch.", 0.28, 0.07),
)  # fmt: skip

FIRST_NAMES = (
    "Ada", "Amir", "Bea", "Carlos", "Chloe", "Dina", "Elif", "Emil", "Fatou", "Finn", "Greta",
    "Hana", "Ines", "Ivo", "Jonas", "Kaya", "Lena", "Luca", "Maja", "Malik", "Nils", "Noor",
    "Olga", "Pia", "Quentin", "Rosa", "Samir", "Tess", "Umar", "Vera", "Wim", "Yara", "Zoe",
)  # fmt: skip
LAST_NAMES = (
    "Abel", "Brandt", "Costa", "Dahl", "Eriksen", "Farah", "Gruber", "Haddad", "Ivanova",
    "Jansen", "Keller", "Lindqvist", "Moreau", "Novak", "Okafor", "Petrov", "Quispe", "Rossi",
    "Schmid", "Tanaka", "Ueda", "Vogel", "Weber", "Yilmaz", "Zeller",
)  # fmt: skip
TOWNS = (
    "Aarhus", "Bergen", "Bremen", "Cork", "Delft", "Ghent", "Graz", "Lund", "Lyon", "Porto",
    "Riga", "Siena", "Tartu", "Turku", "York",
)  # fmt: skip

STYLE = """\
body { font: 17px/1.6 Georgia, serif; margin: 0; color: #2b2a28; background: #faf7f2; }
header, main, footer { max-width: 60rem; margin: 0 auto; padding: 1.2rem; }
header { display: flex; gap: 1.5rem; align-items: center; border-bottom: 1px solid #ddd5c8; }
header a { color: inherit; text-decoration: none; }
.shelf { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1.5rem; }
.shelf img, .one img { width: 100%; border-radius: .4rem; }
.price { font-weight: bold; color: #7a4b2a; }
footer { color: #857d70; font-size: .85rem; border-top: 1px solid #ddd5c8; }
"""

LOGO = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" width="64" height="64">
  <circle cx="32" cy="32" r="30" fill="#4a708b"/>
  <path d="M20 20h24l-4 28H24z" fill="#faf7f2"/>
  <path d="M44 26c8 0 8 12-2 12" fill="none" stroke="#faf7f2" stroke-width="4"/>
</svg>
"""

CONFIG = """\
# Juniper & Slate: settings of the shop
[shop]
name = Juniper & Slate
currency = EUR
timezone = Europe/Berlin
maintenance = off

[payment]
account = DE00 1234 5678 9012 3456 00
provider = bank transfer
invoice_prefix = JS-

[mail]
from = orders@juniper-slate.example
copy_to = packing@juniper-slate.example

[limits]
items_per_order = 20
debug = off
"""
