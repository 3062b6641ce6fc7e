"""The right to change a target: what a run claims, and who says whether it is so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from webapp.errors import AppError


@dataclass(frozen=True, kw_only=True)
class Permit:
    """What a run claims: that it owns *fence* and carries out the plan with this digest."""

    run_id: UUID
    fence: int
    plan_id: UUID
    digest: str


class PermitRefused(AppError):
    """The run may not write, or not any more. Nothing was changed by the refused step."""


class PermitAuthority(Protocol):
    """Who knows whether a permit holds."""

    def confirm(self, permit: Permit) -> None:
        """Return if the run may write now.

        Raises:
            PermitRefused: it is over, canceled, taken over, or its plan is not the approved one.
        """
