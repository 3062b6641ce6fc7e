"""Errors that a person can be told about.

AppError
├── ConfigError    the installation is set up wrongly; seen at start only
│   └── NotAnswering  its database is silent now, and may answer later
├── NotFound       it does not exist in this tenant
├── Forbidden      another tenant's, or not for this role; never says what exists
├── Conflict       its present state does not allow this
├── Refused        a safety rule says no; nothing was changed
│   └── Waiting    it was asked for; a second person has to approve it
├── Invalid        what was typed cannot be used; carries one message a field
├── Throttled      too many tries; says how long to wait
└── ConnectorError a source or target cannot be used; carries a safe code and sentence

Anything else that reaches a view is a bug, and is shown as one.
"""

from __future__ import annotations

from uuid import UUID


class AppError(Exception):
    """Base of all errors whose text is written for the person at the screen."""


class ConfigError(AppError):
    """The installation is set up wrongly. Names the variable."""


class NotAnswering(ConfigError):
    """The database does not answer now. It may be on its way, so that waiting can help."""


class NotFound(AppError):
    """No such thing in this tenant."""


class Forbidden(AppError):
    """Another tenant's, or not for this role. The text never says which."""

    def __init__(self, message: str = "You may not see or do this.") -> None:
        super().__init__(message)


class Conflict(AppError):
    """Its present state does not allow this."""


class Refused(AppError):
    """A safety rule says no, and nothing was changed.

    Attributes:
        code: a short stable word for scripts, such as ``plan_stale``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Waiting(Refused):
    """Nothing was changed yet: it is kept as a request, and a second person has to approve it.

    Attributes:
        slug: the tenant's.
        request_id: of the request.
    """

    def __init__(self, message: str, *, slug: str, request_id: UUID) -> None:
        super().__init__("second_person", message)
        self.slug = slug
        self.request_id = request_id


class Invalid(AppError):
    """One or more fields cannot be used as typed.

    Attributes:
        fields: field name to the sentence shown beside that field.
    """

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__("Some fields need another look: " + " ".join(fields.values()))
        self.fields = fields


class Throttled(AppError):
    """Too many tries.

    Attributes:
        wait_seconds: until the next one is listened to.
    """

    def __init__(self, wait_seconds: int) -> None:
        minutes = -(-wait_seconds // 60)
        wait = f"{wait_seconds} seconds" if wait_seconds < 90 else f"{minutes} minutes"
        super().__init__(f"Too many tries. Please wait {wait}, then try again.")
        self.wait_seconds = wait_seconds


class ConnectorError(AppError):
    """A source or target cannot be used, or one item of it cannot be read or written.

    Attributes:
        code: a stable word from the list in ``webapp.connectors.base``.
        wait_seconds: what the other side asked for before the next try, if it did.
    """

    def __init__(self, code: str, message: str, *, wait_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.code = code
        self.wait_seconds = wait_seconds
