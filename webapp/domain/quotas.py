"""How much of a vault a customer may fill: told of early, refused at the end.

What counts is what lies in the customer's vault: after compression and with equal data counted
once, sets in the trash included until the vault is freed of them. A capture that has begun ends;
the next is refused. Restores, and the copies that they make before they write, never are.
"""

from __future__ import annotations

SOFT_PERCENT = 80
CODE = "quota_exceeded"  # of a capture that is refused, and of a slot that is skipped for it
REFUSAL = (
    "The quota of this customer is used up, so nothing new is captured. Delete what is not needed "
    "and clean up the vault, or have the quota raised. Restores work as before."
)


def is_used_up(used_bytes: int, quota_bytes: int | None) -> bool:
    return bool(quota_bytes) and used_bytes >= (quota_bytes or 0)


def is_nearly_used_up(used_bytes: int, quota_bytes: int | None) -> bool:
    """80 % or more of it is used; also if all is."""
    return bool(quota_bytes) and used_bytes * 100 >= (quota_bytes or 0) * SOFT_PERCENT
