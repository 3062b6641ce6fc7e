"""Invariant 8: each snapshot names its predecessor. What was left out or rolled back shows."""

from __future__ import annotations

from collections.abc import Container, Mapping

from webapp.vault.checks.findings import CHAIN, Findings
from webapp.vault.snapshots import FINISHED, Snapshot


def check_chain(
    snapshots: Mapping[str, Snapshot],
    digests: Mapping[str, str],
    findings: Findings,
    *,
    forgotten: Container[str],
) -> None:
    """Note each predecessor that is neither there nor forgotten, or is not the one that was meant.

    Args:
        snapshots: the finished ones that are readable, by id.
        digests: BLAKE3 of the object of each finished snapshot that is there, readable or not.
        forgotten: ids of snapshots that were removed on purpose.
    """
    for one in snapshots.values():
        before = one.predecessor
        if not before:
            continue
        found = digests.get(before)
        if found is None and before not in forgotten:
            problem = "it is gone, and nobody has forgotten it; a later snapshot follows on it"
            findings.note(FINISHED + before, problem, kind=CHAIN, hurt=(before,))
        elif before in snapshots and one.predecessor_hash not in ("", found):
            problem = "it is not the object that a later snapshot follows on; it was replaced"
            findings.note(FINISHED + before, problem, kind=CHAIN, hurt=(before,))
