"""Reads fields of a submitted form, and keeps the complaints until all have been read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from webapp.errors import Invalid

Word = TypeVar("Word", bound=StrEnum)

_EMAIL = re.compile(r"[^@\s<>\"',;:]{1,64}@[^@\s<>\"',;:]{1,190}")


class Fields:
    """One form as it was typed. ``finish`` raises all complaints at once."""

    def __init__(self, form: Mapping[str, str]) -> None:
        self._form = form
        self._problems: dict[str, str] = {}

    def text(self, name: str, *, missing: str = "", longest: int = 200) -> str:
        """One line, without spaces around it. *missing*: what to say if it is empty."""
        value = self._form.get(name, "").strip()
        if missing and not value:
            self.complain(name, missing)
        elif len(value) > longest:
            self.complain(name, f"Use at most {longest} characters.")
        elif any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
            self.complain(name, "Write it on one line.")
        return value

    def secret(self, name: str, *, missing: str) -> str:
        """A password, exactly as typed."""
        value = self._form.get(name, "")
        if not value:
            self.complain(name, missing)
        return value

    def email(self, name: str) -> str:
        value = self._form.get(name, "").strip().lower()
        if not _EMAIL.fullmatch(value):
            self.complain(name, "That is not an e-mail address.")
        return value

    def word(self, name: str, kind: type[Word], *, default: Word) -> Word:
        """One of *kind*'s words."""
        try:
            return kind(self._form.get(name, default))
        except ValueError:
            self.complain(name, "Choose one of the list.")
            return default

    def whole(self, name: str, *, least: int, most: int) -> int:
        raw = self._form.get(name, "").strip()
        if not (raw.isascii() and raw.isdecimal()) or not least <= int(raw[:12]) <= most:
            self.complain(name, f"A whole number from {least} to {most:,}.")
            return least
        return int(raw)

    def ticked(self, name: str) -> bool:
        return bool(self._form.get(name))

    def complain(self, name: str, problem: str) -> None:
        """Keep the first complaint about a field."""
        self._problems.setdefault(name, problem)

    def finish(self) -> None:
        """Raises:
        Invalid: with a sentence for each field that cannot be used.
        """
        if self._problems:
            raise Invalid(self._problems)
