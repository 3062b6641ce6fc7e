"""What people do to a set so that it goes, or may go: with a second person where demanded."""

from __future__ import annotations

from webapp.domain.acts import Act
from webapp.formatting import moment
from webapp.items import Json
from webapp.models import BackupSet
from webapp.services.access import Access
from webapp.services.second_person import asking
from webapp.services.second_person.asking import Ask

_LINES = {
    Act.DELETE_SET: "It goes to the trash. For 7 days it can be brought back.",
    Act.UNPIN_SET: "The rules of retention count for it again, and it can be deleted.",
    Act.RELEASE_SET: "The rules of retention count for it again, and it can be deleted.",
}


def require_allowed(access: Access, backup_set: BackupSet, act: Act, *, reason: str = "") -> None:
    """Return if the actor may do *act* to a set; see ``asking.require``."""
    parameters: Json = {} if act is Act.UNPIN_SET else {"reason": reason}
    made = moment(backup_set.finished_at, access.tenant.timezone, "%d %b %Y, %H:%M")
    facts = [f"Made {made}, {backup_set.backup_type}, {backup_set.status}."]
    if backup_set.on_hold:
        facts.append(f"On hold: {backup_set.on_hold}")
    ask = Ask(
        act=act,
        subject=f"set:{backup_set.id}",
        name=f"{backup_set.source.name}, {backup_set.name}",
        state=f"pinned {backup_set.pinned}, held {backup_set.on_hold!r}",
        parameters=parameters,
        lines=(_LINES[act], *facts),
        reason=reason,
    )
    asking.require(access, ask)
