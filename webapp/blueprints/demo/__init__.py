"""The demo's two buttons, and the panel that holds them: a fragment that other pages include."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, url_for
from werkzeug.wrappers import Response

from webapp.blueprints.web.abilities import abilities
from webapp.blueprints.web.gate import requires
from webapp.domain.permissions import Permission
from webapp.services import demo
from webapp.services.access import Access
from webapp.services.demo import DemoState

bp = Blueprint("demo", __name__, url_prefix="/t/<tenant_slug>/demo")

# The panel asks for what it shows: a page that includes it need not know of the demo.
bp.app_context_processor(lambda: {"demo_panel": _panel})


@bp.post("/damage")
@requires(Permission.OPERATE)
def damage(access: Access) -> Response:
    run, _is_new = demo.damage(access)
    return redirect(url_for("runs.show", tenant_slug=access.tenant.slug, run_id=run.id), 303)


@bp.post("/remove")
@requires(Permission.ADMINISTER)
def remove(access: Access) -> Response:
    demo.remove(access)
    flash("The demo is being removed.", "success")
    return redirect(url_for("overview.index"), 303)


def _panel(access: Access) -> tuple[DemoState | None, dict[str, bool]]:
    return demo.state(access), abilities(access)
