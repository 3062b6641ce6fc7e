"""How what was approved is done: each act by the service that one person would use alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from webapp.domain.acts import Act
from webapp.domain.tenants import TwoPeople
from webapp.errors import Conflict, NotFound
from webapp.models import ActRequest
from webapp.services import retention, schedules, sets, sources, tenants
from webapp.services.access import Access
from webapp.services.schedules import lessening
from webapp.services.second_person.asking import Changed

_Way = Callable[[Access, UUID, dict[str, Any]], object]


def carry_out(access: Access, request: ActRequest) -> None:
    """Do it, and commit together with what the caller has written.

    Args:
        access: the requester's, holding the fingerprint of what was approved.

    Raises:
        Changed: it is no longer what was asked for.
        AppError: as the service of the act does; nothing is committed then.
    """
    subject_id = UUID(request.subject.partition(":")[2])
    try:
        WAYS[request.act](access, subject_id, dict(request.parameters))
    except NotFound:
        raise Changed(f"{request.subject_name} was deleted or removed since.") from None


def _change_schedule(access: Access, schedule_id: UUID, parameters: dict[str, Any]) -> None:
    schedule = schedules.find(access, schedule_id)
    if schedule.version != parameters["version"] or schedule.archived_at is not None:
        raise Changed(f"{schedule.name} has changed since this was asked for. Ask again.")
    draft = lessening.thawed(parameters["draft"])
    schedules.edit(access, schedule_id, draft, version=parameters["version"])


def _change_rules(access: Access, _tenant_id: UUID, parameters: dict[str, Any]) -> None:
    retention.choose(access, **parameters)


def _delete_set(access: Access, set_id: UUID, parameters: dict[str, Any]) -> None:
    retention.delete(access, set_id, reason=parameters["reason"])


def _unpin_set(access: Access, set_id: UUID, _parameters: dict[str, Any]) -> None:
    sets.pin(access, set_id, pinned=False)


def _release_set(access: Access, set_id: UUID, parameters: dict[str, Any]) -> None:
    retention.release(access, set_id, reason=parameters["reason"])


def _free_most(access: Access, _tenant_id: UUID, _parameters: dict[str, Any]) -> None:
    _, is_new = retention.purge(access, may_free_most=True)
    if not is_new:
        raise Conflict("A clean-up is under way. Approve this once it has ended.")


def _remove_source(access: Access, source_id: UUID, parameters: dict[str, Any]) -> None:
    sources.remove(access, source_id, parameters["reason"])


def _drop_rule(access: Access, _tenant_id: UUID, parameters: dict[str, Any]) -> None:
    acts = tuple(TwoPeople(act) for act in parameters["needs_two_people"])
    tenants.choose_two_people(access, acts)


# The recovery sheet is missing: what is approved of it is taken by whoever asked.
WAYS: dict[Act, _Way] = {
    Act.CHANGE_SCHEDULE: _change_schedule,
    Act.CHANGE_RULES: _change_rules,
    Act.DELETE_SET: _delete_set,
    Act.UNPIN_SET: _unpin_set,
    Act.RELEASE_SET: _release_set,
    Act.FREE_MOST: _free_most,
    Act.REMOVE_SOURCE: _remove_source,
    Act.DROP_RULE: _drop_rule,
}
