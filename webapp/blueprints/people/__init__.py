"""Who works in a tenant, and as what. The installation's accounts have a module of their own."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from webapp import clock
from webapp.blueprints.people import accounts
from webapp.blueprints.web.answers import again, see
from webapp.blueprints.web.gate import requires
from webapp.blueprints.web.links import link_address
from webapp.domain.permissions import HAVE_CONTENT, MEMBERSHIP_ROLES, Permission, Role
from webapp.errors import AppError, Conflict, Invalid, Refused
from webapp.forms.people import InvitationForm, RoleForm
from webapp.services import people
from webapp.services.access import Access

bp = Blueprint("people", __name__)
accounts.add_to(bp)

_PLACE = "/t/<string:tenant_slug>/people"

_ROLE_TEXTS = {
    Role.VIEWER: "sees sources, backups and runs",
    Role.AUDITOR: "also sees the audit log and the restore log",
    Role.PREVIEWER: "may preview a restore and ask for it",
    Role.OPERATOR: "may back up, approve and restore",
    Role.MANAGER: "also looks after sources and people",
}


@bp.get(_PLACE)
@requires(Permission.MANAGE)
def index(access: Access) -> str:
    return render_template("people/index.html", errors={}, form={}, **_facts(access))


@bp.post(f"{_PLACE}/invite")
@requires(Permission.MANAGE)
def invite(access: Access) -> str | AnyResponse:
    try:
        typed = InvitationForm.parse(request.form)
        invited = people.invite(
            access, typed.email, name=typed.name, role=typed.role, content=typed.content,
            at=clock.now(),
        )  # fmt: skip
    except (Invalid, Conflict, Refused) as problem:
        return again("people/index.html", _beside("email", problem), **_facts(access))
    if invited.secret is None:
        flash(f"{typed.email} is in, and can sign in as before.", "success")
        return see("people.index", tenant_slug=access.tenant.slug)
    return _show_link(access, typed.email, "invitation", invited.secret)


@bp.get(f"{_PLACE}/<uuid:member_id>")
@requires(Permission.MANAGE)
def edit(access: Access, member_id: UUID) -> str:
    member = people.find(access, member_id)
    return render_template("people/edit.html", errors={}, **_member(access, member))


@bp.post(f"{_PLACE}/<uuid:member_id>")
@requires(Permission.MANAGE)
def save(access: Access, member_id: UUID) -> AnyResponse:
    member = people.find(access, member_id)
    try:
        typed = RoleForm.parse(request.form)
        people.change(access, member_id, role=typed.role, content=typed.content)
    except (Invalid, Conflict, Refused) as problem:
        return again("people/edit.html", _beside("role", problem), **_member(access, member))
    flash(f"{member.user.email} is now {typed.role.label.lower()}.", "success")
    return see("people.index", tenant_slug=access.tenant.slug)


@bp.post(f"{_PLACE}/<uuid:member_id>/remove")
@requires(Permission.MANAGE)
def remove(access: Access, member_id: UUID) -> AnyResponse:
    email = people.remove(access, member_id)
    flash(f"{email} is no longer in {access.tenant.name}.", "success")
    return see("people.index", tenant_slug=access.tenant.slug)


@bp.post(f"{_PLACE}/<uuid:member_id>/link")
@requires(Permission.MANAGE)
def make_link(access: Access, member_id: UUID) -> str:
    email = people.find(access, member_id).user.email
    purpose, secret = people.make_link(access, member_id, at=clock.now())
    return _show_link(access, email, purpose, secret)


def _show_link(access: Access, email: str, purpose: str, secret: str) -> str:
    """In the answer to the POST itself: no address shows it a second time."""
    return render_template(
        "people/link.html", tenant=access.tenant, email=email, purpose=purpose,
        address=link_address(secret),
    )  # fmt: skip


def _beside(field: str, problem: AppError) -> Invalid:
    """A refusal as a sentence beside the field that it is about."""
    return problem if isinstance(problem, Invalid) else Invalid({field: str(problem)})


def _facts(access: Access) -> dict[str, object]:
    elsewhere = people.working_elsewhere(access)
    members = people.rows(access)
    return {
        "tenant": access.tenant,
        "members": members,
        "own_id": access.actor.user_id,
        "is_msp_admin": access.actor.is_msp_admin,
        "may_link": {m.id for m in members if people.may_make_link(access, m, elsewhere=elsewhere)},
        "managers": len(people.managers(access)),
        **_choices(),
    }


def _member(access: Access, member: object) -> dict[str, object]:
    return {
        "tenant": access.tenant,
        "member": member,
        "managers": len(people.managers(access)),
        **_choices(),
    }


def _choices() -> dict[str, object]:
    return {
        "roles": [(role, role.label, _ROLE_TEXTS[role]) for role in MEMBERSHIP_ROLES],
        "have_content": HAVE_CONTENT,
    }
