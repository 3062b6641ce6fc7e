"""What the channels of a tenant and those of a person have in common."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from flask import Blueprint, flash, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from webapp.blueprints.web.answers import again
from webapp.domain.channels import DIGEST_AT, KINDS
from webapp.domain.tenants import zones
from webapp.errors import Invalid, Refused
from webapp.forms.channels import ChannelForm
from webapp.models import Channel
from webapp.services.notify import channels
from webapp.services.notify.channels import Draft, Owner

bp = Blueprint("channels", __name__)


def draft(*, is_new: bool, own: bool) -> Draft:
    """The channel as typed.

    Raises:
        Invalid: a field needs another look.
    """
    return Draft(**asdict(ChannelForm.parse(request.form, is_new=is_new, own=own)))


def add(owner: Owner, page: str, facts: dict[str, object]) -> AnyResponse | None:
    """Add what was typed; the form once more where that cannot be."""
    try:
        channel = channels.add(owner, draft(is_new=True, own=owner.tenant is None))
    except Refused as problem:
        return again(page, Invalid({"name": str(problem)}), **facts)
    except Invalid as problem:
        return again(page, problem, **facts)
    flash(f"{channel.name} is there. Send a test to see that messages arrive.", "success")
    return None


def save(owner: Owner, channel_id: UUID, facts: dict[str, object]) -> AnyResponse | None:
    try:
        channels.edit(owner, channel_id, draft(is_new=False, own=owner.tenant is None))
    except Invalid as problem:
        return again("channels/edit.html", problem, **facts)
    flash("Saved.", "success")
    return None


def send_test(owner: Owner, channel_id: UUID) -> None:
    channels.test(owner, channel_id)
    flash("A test message is on its way. Load this page again to see whether it arrived.", "info")


def list_facts(owner: Owner) -> dict[str, object]:
    """For the page that lists an owner's channels."""
    found = channels.list_for(owner)
    return {
        "channels": [(channel, channels.masked(channel), url(channel)) for channel in found],
        **_choices(owner),
    }


def facts(owner: Owner, channel: Channel) -> dict[str, object]:
    """For the page of one."""
    return {
        "channel": channel,
        "masked": channels.masked(channel),
        "messages": channels.sent_lately(channel),
        "zone": channels.zone_of(owner, channel.rules),
        "urls": {name: url(channel, name) for name in ("show", "save", "test", "remove", "list")},
        **_choices(owner),
    }


def url(channel: Channel, what: str = "show") -> str:
    """The address of a channel's page or act, which depends on whose it is."""
    if channel.tenant_id is None:
        if what == "list":
            return url_for("channels.own")
        return url_for(f"channels.own_{what}", channel_id=channel.id)
    slug = request.view_args["tenant_slug"] if request.view_args else ""
    if what == "list":
        return url_for("channels.index", tenant_slug=slug)
    return url_for(f"channels.{what}", tenant_slug=slug, channel_id=channel.id)


def _choices(owner: Owner) -> dict[str, object]:
    return {
        "tenant": owner.tenant,
        "kinds": list(KINDS.items()),
        "zones": zones(),
        "digest_at": DIGEST_AT,
    }
