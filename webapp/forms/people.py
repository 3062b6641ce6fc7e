"""Forms about people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from webapp.domain.permissions import MEMBERSHIP_ROLES, Role
from webapp.forms.fields import Fields


@dataclass(frozen=True, kw_only=True)
class RoleForm:
    role: Role
    content: bool

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> RoleForm:
        fields = Fields(form)
        read = cls(role=_role(fields), content=fields.ticked("content"))
        fields.finish()
        return read


@dataclass(frozen=True, kw_only=True)
class InvitationForm:
    email: str
    name: str
    role: Role
    content: bool

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> InvitationForm:
        fields = Fields(form)
        read = cls(
            email=fields.email("email"),
            name=fields.text("name", longest=100),
            role=_role(fields),
            content=fields.ticked("content"),
        )
        fields.finish()
        return read


@dataclass(frozen=True, kw_only=True)
class AccountForm:
    """A new account, without a role in a tenant."""

    email: str
    name: str
    is_msp_admin: bool

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> AccountForm:
        fields = Fields(form)
        read = cls(
            email=fields.email("email"),
            name=fields.text("name", longest=100),
            is_msp_admin=fields.ticked("is_msp_admin"),
        )
        fields.finish()
        return read


def _role(fields: Fields) -> Role:
    role = fields.word("role", Role, default=Role.VIEWER)
    if role not in MEMBERSHIP_ROLES:
        fields.complain("role", "That is not a role in a customer.")
    return role
