"""Names and sentences as customers have them."""

from __future__ import annotations

FIRST = (
    "Acme", "Blue Harbour", "Cedar", "Delta", "Evergreen", "Falcon", "Granite", "Harvest", "Iris",
    "Juniper", "Keystone", "Lakeside", "Meridian", "Northwind", "Oakwood", "Pioneer", "Quarry",
)  # fmt: skip
LAST = ("Bakery", "Dental", "Legal", "Logistics", "Motors", "Optics", "Partners", "Studio", "Tools")
FOLDERS = ("", "assets/img", "assets/css", "blog/2025", "blog/2026", "invoices", "uploads/03")
NAMES = ("index", "header", "produkt", "invoice", "photo", "style", "report", "contact", "angebot")
ENDINGS = (".html", ".php", ".jpg", ".css", ".pdf", ".js", ".txt", ".webp")
PROBLEMS = (
    ("changed_while_read", "It changed while it was read; what is stored may mix two states."),
    ("permission_denied", "It may not be read."),
    ("vanished", "It was there when the folder was listed, and gone when it was opened."),
)
RULES = {
    "succeeded": "Everything expected was done.",
    "partial": "Something failed beside what was done.",
    "failed": "Nothing of what was expected was done.",
    "canceled": "A person stopped it.",
}
LOST = "The host did not answer within 30 seconds: connection timed out."


def file_name(number: int) -> str:
    """A path below a source's folder; a different one for each number."""
    folder = FOLDERS[number % len(FOLDERS)]
    name = f"{NAMES[number % len(NAMES)]}-{number:06}{ENDINGS[number % len(ENDINGS)]}"
    return f"{folder}/{name}" if folder else name
