"""Comparing a live database with a stored one, and planning what a restore does. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from webapp.connectors.base import Action, Desired, Planned
from webapp.connectors.database import Copy, Database
from webapp.connectors.states import joined
from webapp.errors import ConnectorError
from webapp.items import Json, StoredContent, StoredEntry


class DatabasePlan:
    """One comparison; at most one database is looked at."""

    def __init__(self, database: Database, *, stored: StoredContent) -> None:
        self._database, self._stored = database, stored
        self._is_taken = False

    def rows(self, desired: Iterable[Desired]) -> Iterator[Planned]:
        """Yield one row for each desired database."""
        for wanted in desired:
            if self._is_taken:
                yield _blocked(wanted, "not_supported", "This target has one database only.")
                continue
            self._is_taken = True
            yield self._row(wanted)

    def _row(self, wanted: Desired) -> Planned:
        live: Copy | None = None
        then: Copy | None = None
        try:
            live = self._database.as_it_is()
            if wanted.entry is None:
                return _removal(wanted, live)
            then = self._database.stored_copy(wanted.entry, self._stored)
            return _compared(wanted.key, wanted.entry, live, then=then)
        except ConnectorError as error:
            return _blocked(wanted, error.code, str(error))
        finally:
            self._database.drop(live)
            self._database.drop(then)


def _compared(key: str, entry: StoredEntry, live: Copy | None, *, then: Copy) -> Planned:
    action, reason, risk = _judged(live, then)
    return Planned(
        key=key,
        action=action,
        before=live.digest if live else "",
        after=then.digest,
        reason=reason,
        risk=risk,
        size_before=live.path.stat().st_size if live else None,
        size_after=entry.size,
        kind="file",
        details=_details(live, then),
    )


def _judged(live: Copy | None, then: Copy) -> tuple[Action, str, str]:
    if live is None:
        return Action.CREATE, "The database is missing.", "low"
    if live.digest == then.digest:
        return Action.UNCHANGED, "It holds what the backup holds.", "none"
    if live.contents is None:
        return Action.REPLACE, f"The live database is damaged: {live.problem}", "medium"
    if then.contents is None:
        return Action.REPLACE, "The backup holds a damaged database, as it was found.", "high"
    changes = [str(table["change"]) for table in _tables(live, then)]
    words = {
        "rows": "{} with other rows", "schema": "{} of another shape",
        "only_now": "{} that the backup does not have", "only_after": "{} missing now",
    }  # fmt: skip
    counts = [(changes.count(change), text) for change, text in words.items()]
    said = [text.format(_tables_word(count)) for count, text in counts if count]
    reason = f"Its content differs: {joined(said)}." if said else "Its schema differs."
    return Action.REPLACE, reason, "high" if "only_now" in changes else "medium"


def _details(live: Copy | None, then: Copy) -> Json:
    if then.contents is None and (live is None or live.contents is None):
        return {}
    return {"tables": _tables(live, then)}


def _tables(live: Copy | None, then: Copy) -> list[dict[str, object]]:
    now = live.contents if live else None
    after = then.contents
    names = sorted({*(now.rows if now else ()), *(after.rows if after else ())})
    return [
        {
            "name": name,
            "rows_now": now.rows.get(name) if now else None,
            "rows_after": after.rows.get(name) if after else None,
            "change": _change(name, live, then),
        }
        for name in names
    ]


def _change(name: str, live: Copy | None, then: Copy) -> str:
    now, after = live.contents if live else None, then.contents
    if now is None or name not in now.rows:
        return "only_after"
    if after is None or name not in after.rows:
        return "only_now"
    if now.shapes[name] != after.shapes[name]:
        return "schema"
    return "same" if now.tables[name] == after.tables[name] else "rows"


def _removal(wanted: Desired, live: Copy | None) -> Planned:
    if live is None:
        return Planned(key=wanted.key, action=Action.UNCHANGED, reason="It is not there.")
    return Planned(
        key=wanted.key,
        action=Action.DELETE,
        before=live.digest,
        reason="It is not in the backup.",
        risk="high",
        size_before=live.path.stat().st_size,
        kind="file",
    )


def _blocked(wanted: Desired, code: str, reason: str) -> Planned:
    size = wanted.entry.size if wanted.entry else None
    return Planned(
        key=wanted.key, action=Action.BLOCKED, reason=reason, reason_code=code,
        size_after=size, kind="file",
    )  # fmt: skip


def _tables_word(count: int) -> str:
    return "1 table" if count == 1 else f"{count} tables"
