"""A tenant's channels, for its managers."""

from __future__ import annotations

from uuid import UUID

from flask import flash, render_template
from werkzeug.wrappers import Response as AnyResponse

from webapp.blueprints.channels import base
from webapp.blueprints.channels.base import bp
from webapp.blueprints.web.answers import see
from webapp.blueprints.web.gate import requires
from webapp.domain.permissions import Permission
from webapp.services.access import Access
from webapp.services.notify import channels
from webapp.services.notify.channels import Owner

_PLACE = "/t/<string:tenant_slug>/channels"
_ONE = f"{_PLACE}/<uuid:channel_id>"


@bp.get(_PLACE)
@requires(Permission.MANAGE)
def index(access: Access) -> str:
    facts = base.list_facts(Owner.of_tenant(access))
    return render_template("channels/index.html", errors={}, form={}, **facts)


@bp.post(_PLACE)
@requires(Permission.MANAGE)
def add(access: Access) -> AnyResponse:
    owner = Owner.of_tenant(access)
    problem = base.add(owner, "channels/index.html", base.list_facts(owner))
    return problem or see("channels.index", tenant_slug=access.tenant.slug)


@bp.get(_ONE)
@requires(Permission.MANAGE)
def show(access: Access, channel_id: UUID) -> str:
    owner = Owner.of_tenant(access)
    facts = base.facts(owner, channels.find(owner, channel_id))
    return render_template("channels/edit.html", errors={}, form={}, **facts)


@bp.post(_ONE)
@requires(Permission.MANAGE)
def save(access: Access, channel_id: UUID) -> AnyResponse:
    owner = Owner.of_tenant(access)
    facts = base.facts(owner, channels.find(owner, channel_id))
    problem = base.save(owner, channel_id, facts)
    return problem or _to(access, channel_id)


@bp.post(f"{_ONE}/test")
@requires(Permission.MANAGE)
def test(access: Access, channel_id: UUID) -> AnyResponse:
    base.send_test(Owner.of_tenant(access), channel_id)
    return _to(access, channel_id)


@bp.post(f"{_ONE}/remove")
@requires(Permission.MANAGE)
def remove(access: Access, channel_id: UUID) -> AnyResponse:
    name = channels.remove(Owner.of_tenant(access), channel_id)
    flash(f"{name} is removed; what waited to be sent to it is dropped.", "success")
    return see("channels.index", tenant_slug=access.tenant.slug)


def _to(access: Access, channel_id: UUID) -> AnyResponse:
    return see("channels.show", tenant_slug=access.tenant.slug, channel_id=channel_id)
