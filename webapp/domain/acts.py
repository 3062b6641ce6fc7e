"""Acts that wait for a second person where a tenant chooses so, and the life of such a request."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from enum import StrEnum

from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.domain.tenants import TwoPeople

VALID = timedelta(days=7)  # as long as the trash: over a weekend, and not for ever
COLLECT = timedelta(hours=24)  # what was approved is taken by then, or asked for anew


class Act(StrEnum):
    """What is asked for. Each is carried out by the service that one person would use alone."""

    CHANGE_SCHEDULE = "change_schedule"  # so that it keeps less
    CHANGE_RULES = "change_rules"  # of sets that no schedule made, so that they keep less
    DELETE_SET = "delete_set"
    UNPIN_SET = "unpin_set"
    RELEASE_SET = "release_set"
    FREE_MOST = "free_most"
    REMOVE_SOURCE = "remove_source"
    TAKE_SHEET = "take_sheet"
    DROP_RULE = "drop_rule"  # the choice for two people itself

    @property
    def label(self) -> str:
        """As a sentence goes on after "Anna asks to"."""
        return _LABELS[self]

    @property
    def permission(self) -> Permission:
        """What one needs to ask for it, and to decide about it."""
        only_admins = self in {Act.TAKE_SHEET, Act.DROP_RULE}
        return Permission.ADMINISTER if only_admins else Permission.MANAGE

    @property
    def is_collected(self) -> bool:
        """Whether an approval only lets the requester do it, once: a key is shown to who asked."""
        return self is Act.TAKE_SHEET

    def is_demanded(self, choices: Collection[str]) -> bool:
        """Whether a tenant with these *choices* lets nobody do it alone.

        The choice itself cannot be dropped alone either: it would be no protection.
        """
        if self is Act.DROP_RULE:
            return bool(choices)
        return _CHOICE.get(self, TwoPeople.LOWER_RETENTION) in choices


_CHOICE = {Act.REMOVE_SOURCE: TwoPeople.DELETE_SOURCE, Act.TAKE_SHEET: TwoPeople.EXPORT_KEYS}
_LABELS = {
    Act.CHANGE_SCHEDULE: "keep less by a schedule",
    Act.CHANGE_RULES: "keep less of what no schedule made",
    Act.DELETE_SET: "delete a restore point",
    Act.UNPIN_SET: "unpin a restore point",
    Act.RELEASE_SET: "release a restore point from its hold",
    Act.FREE_MOST: "let a clean-up free more than half of the vault",
    Act.REMOVE_SOURCE: "remove a source",
    Act.TAKE_SHEET: "take the recovery sheet",
    Act.DROP_RULE: "let one person do alone what takes two",
}


class RequestState(StrEnum):
    WAITING = "waiting"
    APPROVED = "approved"  # and not yet taken; only of what is collected
    DONE = "done"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    STALE = "stale"  # what it was about has changed since

    @property
    def is_open(self) -> bool:
        return self in {RequestState.WAITING, RequestState.APPROVED}


def may_be_same(one: Actor, other: Actor) -> bool:
    """Whether two acts may be one human's, as far as it can be known.

    A command line that does not say for whom it acts may be anybody's. Two that do are still one
    human's if one login is behind both.
    """
    if one.user_id is None or other.user_id is None:
        return True
    is_one_login = bool(one.login) and one.login == other.login
    return one.user_id == other.user_id or is_one_login
