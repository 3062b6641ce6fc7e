"""What a page may offer to the person who looks at it, in the page's own words.

Pages ask no permission questions: a view gives them these, and they show what they were given.
"""

from __future__ import annotations

from webapp.domain.permissions import Permission
from webapp.services.access import Access

_ABILITIES = {
    "can_see_audit": Permission.VIEW_AUDIT,
    "can_see_content": Permission.VIEW_CONTENT,
    "can_preview": Permission.PREVIEW,
    "can_request": Permission.REQUEST,
    "can_operate": Permission.OPERATE,
    "can_approve": Permission.APPROVE,
    "can_manage": Permission.MANAGE,
    "can_administer": Permission.ADMINISTER,
}


def abilities(access: Access) -> dict[str, bool]:
    return {name: access.may(permission) for name, permission in _ABILITIES.items()}
