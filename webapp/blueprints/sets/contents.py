"""What is inside a restore point. Every view here needs the ``content`` right."""

from __future__ import annotations

from uuid import UUID

from flask import Response, render_template, request, url_for

from webapp.blueprints.sets import sandbox
from webapp.blueprints.sets.base import bp
from webapp.blueprints.sets.listing import Place, row
from webapp.blueprints.web.abilities import abilities
from webapp.blueprints.web.gate import requires
from webapp.blueprints.web.rendering import render
from webapp.domain.permissions import Permission
from webapp.errors import NotFound
from webapp.items import StoredEntry, path_of
from webapp.services import browse as contents
from webapp.services import sets
from webapp.services.access import Access

PAGE = 500


@bp.get("/<uuid:set_id>/browse")
@requires(Permission.VIEW_CONTENT)
def browse(access: Access, set_id: UUID) -> Response:
    path = _path(request.args.get("item", ""))
    offset = max(request.args.get("offset", 0, type=int), 0)
    listing = contents.folder(access, set_id, path, offset=offset, limit=PAGE)
    return render(
        "sets/browse.html",
        fragment="sets/_folder.html",
        tenant=access.tenant,
        set=sets.find(access, set_id),
        place=Place.of(listing),
        newer=_at(access, set_id, offset - PAGE) if offset else "",
        older=_at(access, set_id, offset + PAGE) if listing.has_more else "",
        **abilities(access),
    )


@bp.get("/<uuid:set_id>/item")
@requires(Permission.VIEW_CONTENT)
def item(access: Access, set_id: UUID) -> str:
    entry = contents.entry(access, set_id, _path(request.args.get("item", "")))
    return render_template(
        "sets/item.html",
        tenant=access.tenant,
        set=sets.find(access, set_id),
        place=Place.around(entry),
        entry=entry,
        facts=row(entry),
        shown_as=sandbox.shown_as(entry),
        text=_text(access, set_id, entry),
        **abilities(access),
    )


@bp.get("/<uuid:set_id>/view")
@requires(Permission.VIEW_CONTENT)
def view(access: Access, set_id: UUID) -> Response:
    """An image by itself, in a sandbox where it can run nothing and load nothing."""
    entry = contents.entry(access, set_id, _path(request.args.get("item", "")))
    if sandbox.shown_as(entry) != "image":
        raise NotFound("This is not shown here; it can be downloaded.")
    return sandbox.image(contents.content(access, set_id, entry.path, act="viewed"))


@bp.get("/<uuid:set_id>/download")
@requires(Permission.VIEW_CONTENT)
def download(access: Access, set_id: UUID) -> Response:
    return sandbox.attachment(contents.content(access, set_id, _path(request.args.get("item", ""))))


@bp.get("/<uuid:set_id>/archive")
@requires(Permission.VIEW_CONTENT)
def archive(access: Access, set_id: UUID) -> Response:
    name = sets.find(access, set_id).name
    return sandbox.archive(name, contents.archive(access, set_id))


def _text(access: Access, set_id: UUID, entry: StoredEntry) -> str | None:
    """The beginning of a text; None if it is none. Looking is audited."""
    if sandbox.shown_as(entry) != "text":
        return None
    with contents.content(access, set_id, entry.path, act="viewed") as content:
        return sandbox.text_of(content)


def _at(access: Access, set_id: UUID, offset: int) -> str:
    """The address of another part of a long folder."""
    return url_for(
        "sets.browse",
        tenant_slug=access.tenant.slug,
        set_id=set_id,
        item=request.args.get("item"),
        offset=max(offset, 0) or None,
    )


def _path(key: str) -> bytes:
    """The path an address asks for; the top for none.

    Raises:
        NotFound: it is none that a restore point can hold.
    """
    if not key:
        return b""
    try:
        return path_of(key)
    except ValueError:
        raise NotFound("There is no such item in this restore point.") from None
