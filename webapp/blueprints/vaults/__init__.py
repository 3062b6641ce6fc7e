"""The vault of a tenant: what it holds, and the sheet that opens it without this console."""

from __future__ import annotations

import segno
from flask import Blueprint, render_template, request
from markupsafe import Markup

from webapp import clock
from webapp.blueprints.web.abilities import abilities
from webapp.blueprints.web.gate import requires
from webapp.domain.permissions import Permission
from webapp.services import recovery_sheets
from webapp.services.access import Access

bp = Blueprint("vaults", __name__, url_prefix="/t/<string:tenant_slug>/vault")


@bp.get("")
@requires(Permission.ADMINISTER)
def show(access: Access) -> str:
    vault = recovery_sheets.vault_of(access)
    return render_template(
        "vaults/show.html", tenant=access.tenant, vault=vault, **abilities(access)
    )


@bp.post("/recovery-sheet")
@requires(Permission.ADMINISTER)
def recovery_sheet(access: Access) -> str:
    reason = request.form.get("reason", "")
    sheet = recovery_sheets.take(access, at=clock.now(), reason=reason)
    code = segno.make(sheet.code, error="m", micro=False)
    drawing = Markup(code.svg_inline(scale=4, border=4, dark="#000", light="#fff"))  # noqa: S704 - ours
    return render_template(
        "vaults/recovery_sheet.html", tenant=access.tenant, sheet=sheet, drawing=drawing
    )
