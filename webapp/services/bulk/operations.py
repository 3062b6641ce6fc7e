"""Which bulk operations there are: a resource, an action, and what is done to one item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from webapp.domain.permissions import Permission
from webapp.errors import Invalid
from webapp.items import Json
from webapp.models import BackupSchedule, BackupSet, Run, Source
from webapp.services.access import Access

Function = Callable[[Access, UUID, Json], "tuple[Run, bool] | None"]
"""Does its part for one item: at once (None), or by a run of its own, which it returns with
whether it is new; the item then ends as that run does. Raises ``AppError`` where the item fails.
Must be safe to repeat: after a worker's death it may be called again for the item in hand. A run
that it makes gets the id ``options["run_id"]``: where that run is there, it is not called again."""

MODELS: dict[str, type[Any]] = {
    "source": Source,
    "backup_set": BackupSet,
    "schedule": BackupSchedule,
}


@dataclass(frozen=True, kw_only=True)
class Operation:
    resource: str
    action: str
    function: Function
    permission: Permission

    @property
    def model(self) -> type[Any]:
        return MODELS[self.resource]

    def key_of(self, item_id: UUID) -> str:
        return f"{self.resource}:{item_id}"


_operations: dict[tuple[str, str], Operation] = {}


def register(
    resource: str,
    action: str,
    function: Function,
    *,
    permission: Permission = Permission.OPERATE,
) -> None:
    """Let *action* be done to many items of *resource*, a key of ``MODELS``."""
    _operations[resource, action] = Operation(
        resource=resource, action=action, function=function, permission=permission
    )


def is_known(resource: str, action: str) -> bool:
    """Say whether such a run is carried out, and can be repeated, by this package."""
    return (resource, action) in _operations


def called(resource: str, action: str) -> Operation:
    """Raises:
    Invalid: there is none such.
    """
    found = _operations.get((resource, action))
    if found is None:
        raise Invalid({"action": f"There is no bulk operation {action} for {resource}."})
    return found
