"""Who acts: a person at the console, or whoever runs the command line."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Attributes:
    label: as the audit log names it: ``anna@example.com`` or ``cli:root@host``.
    user_id: None for the command line without ``--as`` and for the product itself.
    is_msp_admin: may do everything everywhere. Whoever runs ``lastgood`` in a shell that can
        read the key file is one by definition.
    login: of the command line, who signed in at that machine, as far as it knows:
        ``anna@host``. Empty on pages.
    """

    label: str
    user_id: UUID | None = None
    is_msp_admin: bool = False
    login: str = ""


SYSTEM = Actor(label="lastgood", is_msp_admin=True)
