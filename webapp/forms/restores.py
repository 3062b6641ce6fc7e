"""What a person typed to have a restore previewed, or carried out."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from werkzeug.datastructures import MultiDict

from webapp.errors import Invalid


@dataclass(frozen=True, kw_only=True)
class PreviewForm:
    """Attributes:
    items: item keys; empty for everything.
    to_source_id, to_path: at most one of them; neither is the place it came from.
    """

    items: tuple[str, ...] = ()
    to_source_id: UUID | None = None
    to_path: str | None = None
    delete: bool = False

    @classmethod
    def parse(cls, form: MultiDict[str, str]) -> PreviewForm:
        """Read what was chosen.

        Raises:
            Invalid: chosen items were asked for and none was chosen, or a place is missing.
        """
        items = tuple(form.getlist("item")) if form.get("scope") == "some" else ()
        where, folder = form.get("where", "same"), form.get("to_path", "").strip()
        problems = {}
        if form.get("scope") == "some" and not items:
            problems["item"] = "Choose at least one item, or everything."
        if where == "path" and not folder.startswith("/"):
            problems["to_path"] = "Give the full path of a folder; it begins with a slash."
        if problems:
            raise Invalid(problems)
        return cls(
            items=items,
            to_source_id=_source_id(where),
            to_path=folder if where == "path" else None,
            delete=form.get("delete") == "1",
        )


def _source_id(where: str) -> UUID | None:
    """The id in ``source:<id>``; None for every other place."""
    kind, _, raw_id = where.partition(":")
    if kind != "source":
        return None
    try:
        return UUID(raw_id)
    except ValueError:
        raise Invalid({"where": "There is no such place."}) from None


@dataclass(frozen=True, kw_only=True)
class ConfirmForm:
    """What stands between a plan and its restore. The service checks all of it."""

    reviewed: bool = False
    reason: str = ""
    confirm: str = ""

    @classmethod
    def parse(cls, form: MultiDict[str, str]) -> ConfirmForm:
        return cls(
            reviewed=form.get("reviewed") == "1",
            reason=form.get("reason", "").strip(),
            confirm=form.get("confirm", "").strip(),
        )
