"""What a page may offer to the person who looks at it, in the page's own words.

Pages ask no permission questions: a view gives them these, and they show what they were given.
"""

from __future__ import annotations

from webapp.domain.acts import Act
from webapp.domain.permissions import Permission
from webapp.services.access import Access
from webapp.services.second_person import asking

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
# What is only asked for, where this customer demands two people.
_ASKED_FOR = {
    "lowering_takes_two": Act.CHANGE_SCHEDULE,
    "removal_takes_two": Act.REMOVE_SOURCE,
    "sheet_takes_two": Act.TAKE_SHEET,
}


def abilities(access: Access) -> dict[str, bool]:
    may = {name: access.may(permission) for name, permission in _ABILITIES.items()}
    takes_two = {name: asking.is_demanded(access.tenant, act) for name, act in _ASKED_FOR.items()}
    return {**may, **takes_two}
