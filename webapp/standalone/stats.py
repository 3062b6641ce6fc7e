"""What a vault holds, in figures."""

from __future__ import annotations

from webapp.standalone.vaults import Where, opened

Document = dict[str, object]
FOLDERS = ("packs", "index", "snapshots", "pending", "condemned", "revoked", "forgotten", "keys")


def stats(where: Where) -> Document:
    """Sizes by kind of object; what the snapshots would take elsewhere, and the ratio.

    Reads lists and roots only, no data.
    """
    with opened(where) as vault:
        found = vault.snapshots()
        kinds = {folder: {"objects": 0, "bytes": 0} for folder in FOLDERS}
        stored = objects = 0
        for item in vault.objects():
            objects, stored = objects + 1, stored + item.size_bytes
            kind = kinds.get(item.name.partition("/")[0])
            if kind is not None:
                kind["objects"] += 1
                kind["bytes"] += item.size_bytes
        logical = sum(one.counts.get("logical_bytes", 0) for one in found)
        return {
            "vault_id": vault.vault_id,
            "snapshots": len(found),
            "sources": len({one.name for one in found}),
            "oldest": found[-1].created_at.isoformat() if found else None,
            "newest": found[0].created_at.isoformat() if found else None,
            "objects": objects,
            "bytes_stored": stored,
            "bytes_logical": logical,
            "ratio": round(logical / stored, 2) if stored else 0.0,
            "kinds": kinds,
        }
