"""The item that a bulk run has in hand: which id the run gets that may be made for it.

That run and the note of it cannot be one act. So the id is chosen and committed first: whoever
goes on after a worker's death finds the run by it, and makes no second one.
"""

from __future__ import annotations

from uuid import UUID

from webapp.extensions import db
from webapp.models import Run
from webapp.models.columns import new_id

CHILDREN = "children"  # in the run's metadata: {item id: {"run": id, "is_own": bool}}
_IN_HAND = "in_hand"  # there, too: {"item": key, "run": id}


def take(run: Run, key: str) -> UUID:
    """Choose the id for the item that is begun. The caller commits, then begins it."""
    chosen = new_id()
    run.metadata_ = {**run.metadata_, _IN_HAND: {"item": key, "run": str(chosen)}}
    return chosen


def chosen_for(run: Run, key: str) -> UUID:
    """The id that was chosen for an item whose run was never made."""
    note = run.metadata_.get(_IN_HAND, {})
    return UUID(note["run"]) if note.get("item") == key else new_id()


def note_child(run: Run, item_id: str, child_id: UUID, *, is_own: bool) -> None:
    """Remember which run does an item. The caller commits."""
    note = {item_id: {"run": str(child_id), "is_own": is_own}}
    known = {**run.metadata_.get(CHILDREN, {}), **note}
    run.metadata_ = {**run.metadata_, CHILDREN: known}


def find_again(run: Run) -> None:
    """Note the run that somebody made who died before he could note it. The caller commits."""
    note = run.metadata_.get(_IN_HAND)
    if note is None:
        return
    item_id, child_id = note["item"].partition(":")[2], UUID(note["run"])
    is_lost = item_id not in run.metadata_.get(CHILDREN, {})
    if is_lost and db.session.get(Run, child_id) is not None:
        note_child(run, item_id, child_id, is_own=True)
