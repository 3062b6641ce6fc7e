"""Who may do what: the table of roles, and nothing else."""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    VIEW = "view"  # sources, sets, runs, schedules of own tenants
    VIEW_AUDIT = "view_audit"  # audit log, restore log, evidence; and their export
    VIEW_CONTENT = "view_content"  # view, diff, download, export what is inside a backup
    PREVIEW = "preview"  # make a plan
    REQUEST = "request"  # ask for a live restore
    OPERATE = "operate"  # capture now, retry, cancel, verify
    APPROVE = "approve"  # approve, and apply, a live restore
    MANAGE = "manage"  # sources in granted roots, schedules, retention, members, tokens
    ADMINISTER = "administer"  # tenants, roots, vault locations, keys, all-tenant pages


class Role(StrEnum):
    VIEWER = "viewer"
    AUDITOR = "auditor"
    PREVIEWER = "previewer"
    OPERATOR = "operator"
    MANAGER = "manager"
    MSP_ADMIN = "msp_admin"  # on the user, never a membership

    @property
    def label(self) -> str:
        return {"msp_admin": "MSP admin"}.get(self.value, self.value.capitalize())


_P = Permission
_PREVIEWER = {_P.VIEW, _P.PREVIEW, _P.REQUEST}
_OPERATOR = _PREVIEWER | {_P.OPERATE, _P.APPROVE, _P.VIEW_CONTENT}
_MANAGER = _OPERATOR | {_P.MANAGE, _P.VIEW_AUDIT}

ROLES: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({_P.VIEW}),
    Role.AUDITOR: frozenset({_P.VIEW, _P.VIEW_AUDIT}),
    Role.PREVIEWER: frozenset(_PREVIEWER),
    Role.OPERATOR: frozenset(_OPERATOR),
    Role.MANAGER: frozenset(_MANAGER),
    Role.MSP_ADMIN: frozenset(Permission),
}

MEMBERSHIP_ROLES = tuple(role for role in Role if role is not Role.MSP_ADMIN)

# With these roles the content right comes by itself; with the others it is granted by hand.
HAVE_CONTENT = frozenset({Role.OPERATOR, Role.MANAGER, Role.MSP_ADMIN})

# What remains while a tenant is suspended or leaving.
AT_REST = frozenset({_P.VIEW, _P.VIEW_AUDIT, _P.VIEW_CONTENT, _P.ADMINISTER})


def permissions_of(role: Role, *, content: bool) -> frozenset[Permission]:
    """Everything that *role* may do; *content* is the right granted beside it."""
    extra = {Permission.VIEW_CONTENT} if content else set()
    return ROLES[role] | extra
