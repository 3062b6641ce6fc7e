"""What the runs of a past left behind, as rows: their items, logs, sets, slots, plans and news."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from bench.loading import words
from bench.loading.past import Done, Past, Row
from webapp.domain.runs import RunState, RunType

_TRASH = 50  # of so many sets, one is in the trash
_SET_STATES = {RunState.SUCCEEDED: "completed", RunState.PARTIAL: "partial"}
_SLOT_STATES = {RunState.SUCCEEDED: "success", RunState.PARTIAL: "partial"}
_PARTS = ("tree:", "db:main", "config:/etc/site.conf")


@dataclass(frozen=True)
class Restored:
    """What a live restore has beside its run: the preview before it, the plan, and links."""

    preview: Row
    plan: Row
    links: Sequence[Row]


class Outcomes:
    """Rows of a past. What is drawn for a run is drawn from its own seed, in whatever order."""

    def __init__(self, past: Past, user_id: str) -> None:
        self._past, self._user = past, user_id

    def run(self, run: Done) -> Row:
        failed, ended = _failed(run), run.at + timedelta(seconds=run.seconds)
        is_asked = run.run_type in {RunType.RESTORE, RunType.BULK}
        is_lost = run.status is RunState.FAILED
        return {
            "id": run.id, "tenant_id": run.of.tenant.id, "run_type": run.run_type.value,
            "source_id": None if run.run_type is RunType.BULK else run.of.id,
            "action": run.action, "status": run.status.value, "idempotency_key": _key(run),
            "user_id": self._user if is_asked else None,
            "requested_by": "olga@example.com" if is_asked else "lastgood",
            "reason": "Asked for by the customer, ticket 4711" if is_asked else "",
            "total_items": run.items, "processed_items": run.items, "failed": failed,
            "succeeded": 0 if is_lost else run.items - failed,
            "read_bytes": run.seed * 7, "total_bytes": run.seed * 7, "stored_bytes": run.seed,
            "attempt": 1, "fence": 1, "queued_at": run.at, "rung_at": run.at,
            "started_at": run.at, "finished_at": ended,
            "deciding_rule": words.RULES[run.status.value],
            "error_code": "connection_lost" if is_lost else None,
            "failure_reason": words.LOST if is_lost else None,
            "metadata": self._metadata(run),
        }  # fmt: skip

    def items(self, run: Done) -> Iterator[Row]:
        """One a backup item, and one a file that failed; of a restore one a file."""
        draw, failed = random.Random(run.seed), _failed(run)
        bits = draw.getrandbits
        for position in range(run.items):
            is_bad = position >= run.items - failed
            code, message = words.PROBLEMS[position % 3] if is_bad else ("", "")
            yield {
                "id": self._past.ident(run.at), "tenant_id": run.of.tenant.id, "run_id": run.id,
                "position": position, "item_key": _item_key(run, position),
                "action": _ITEM_ACTIONS.get(run.run_type, run.action),
                "outcome": "failed" if is_bad else "succeeded",
                "reason_code": code, "message": message, "size": bits(17),
                "before_hash": f"{bits(256):064x}" if run.run_type is RunType.RESTORE else "",
                "after_hash": f"{bits(256):064x}", "finished_at": run.at,
            }  # fmt: skip

    def events(self, run: Done) -> Iterator[Row]:
        lines = (("info", "Reading"), ("info", f"{run.status.capitalize()}. Everything is told."))
        for seq, (level, message) in enumerate(lines, 1):
            yield {
                "id": self._past.ident(run.at), "tenant_id": run.of.tenant.id, "run_id": run.id,
                "seq": seq, "at": run.at, "level": level, "message": message,
            }  # fmt: skip

    def backup_set(self, run: Done) -> Row:
        ended, is_trash = run.at + timedelta(seconds=run.seconds), run.seed % _TRASH == 0
        name = f"Nightly - {run.at:%Y-%m-%d %H:%M}"
        return {
            "id": run.set_id, "tenant_id": run.of.tenant.id, "source_id": run.of.id,
            "run_id": run.id, "name": name, "backup_type": "full",
            "status": _SET_STATES[run.status], "snapshot_ids": [run.id],
            "description": f"{run.of.name} – full", "started_at": run.at, "finished_at": ended,
            "verified_at": ended, "item_count": 3, "total_size": run.seed * 7,
            "stored_size": run.seed, "metadata": {"source_settings": "6f1c"},
            "deleted_at": self._past.now if is_trash else None,
            "deleted_by_rule": "No rule keeps it: it is not among the newest 30." * is_trash,
        }  # fmt: skip

    def backup_item(self, run: Done) -> Row:
        return {
            "id": self._past.ident(run.at), "tenant_id": run.of.tenant.id,
            "backup_set_id": run.set_id, "item_key": "tree:", "item_type": "tree", "name": "Files",
            "snapshot_path": "tree", "size": run.seed * 7, "file_count": 4000,
            "content_hash": f"{run.seed:064x}",
        }  # fmt: skip

    def slot(self, run: Done) -> Row:
        minute = run.at.replace(second=0, microsecond=0)
        return {
            "id": self._past.ident(run.at), "tenant_id": run.of.tenant.id,
            "schedule_id": run.of.schedule, "scheduled_for": minute,
            "status": _SLOT_STATES.get(run.status, "failed"), "run_id": run.id,
            "backup_set_id": run.set_id or None, "started_at": run.at,
            "error_code": None if run.set_id else "connection_lost",
            "error_message": None if run.set_id else words.LOST,
            "finished_at": run.at + timedelta(seconds=run.seconds),
            "summary": {"files_total": 4000, "errors_count": _failed(run), "warnings": []},
        }  # fmt: skip

    def plan(self, run: Done, point: Done) -> Restored:
        """The preview of a restore, ten minutes before it, its plan, and what links the runs."""
        at, ident = run.at - timedelta(minutes=10), self._past.ident
        preview, plan_id, tenant_id = ident(at), ident(at), run.of.tenant.id
        asked = {"requested_by": "olga@example.com", "requested_at": run.at}
        plan = {
            "id": plan_id, "tenant_id": tenant_id, "backup_set_id": point.set_id,
            "run_id": preview, "target_source_id": run.of.id, "state": "executed",
            "digest": f"{run.seed:064x}", "approved_digest": f"{run.seed:064x}", **asked,
            "counts": {"create": 0, "replace": run.items, "unchanged": 4000}, "checks": [],
            "created_at": at, "ready_at": at, "previewed_by": "olga@example.com",
            "approved_by": "olga@example.com", "approved_at": run.at,
            "reason": "Asked for by the customer, ticket 4711",
        }  # fmt: skip
        link = {"tenant_id": tenant_id, "backup_set_id": point.set_id, "plan_id": plan_id}
        return Restored(
            preview={
                **self.run(run), "id": preview, "run_type": "preview_run", "action": "preview",
                "queued_at": at, "started_at": at, "finished_at": at,
            },
            plan=plan,
            links=(
                {**link, "id": ident(at), "run_id": preview, "is_dry_run": True},
                {**link, "id": ident(run.at), "run_id": run.id, "is_dry_run": False},
            ),
        )  # fmt: skip

    def bulk(self, run: Done) -> Row:
        return {
            "id": self._past.ident(run.at), "tenant_id": run.of.tenant.id, "run_id": run.id,
            "resource": "source", "action": "capture", "failures": [],
            "item_ids": [str(UUID(run.of.id))] * run.items,
        }  # fmt: skip

    def notifications(self, runs: Iterable[Done], readers: Sequence[str]) -> Iterator[Row]:
        """Of what failed, and of what somebody asked for; the older half has been read."""
        told = [run for run in runs if _is_news(run)]
        for number, run in enumerate(told):
            for user_id in readers:
                yield {
                    "id": self._past.ident(run.at), "tenant_id": run.of.tenant.id,
                    "user_id": user_id, "type": "run_status", "run_id": run.id,
                    "created_at": run.at, "read_at": run.at if number * 2 < len(told) else None,
                    "payload": {
                        "tenant_id": str(UUID(run.of.tenant.id)), "run_id": str(UUID(run.id)),
                        "run_type": run.run_type.value, "status": run.status.value,
                        "counts": {"total": run.items, "failed": _failed(run)},
                    },
                }  # fmt: skip

    def _metadata(self, run: Done) -> Row:
        if run.run_type is RunType.BULK:
            return {"resource": "source", "options": {}, "children": {}}
        return {
            "schedule_id": str(UUID(run.of.schedule)), "scheduled_for": run.at.isoformat(),
            "trigger": "schedule", "backup_type": "full", "policy_types": [],
        }  # fmt: skip


_ITEM_ACTIONS = {RunType.RESTORE: "replace", RunType.CAPTURE: "capture"}


def _failed(run: Done) -> int:
    """How many of its items did not succeed."""
    if run.status is RunState.SUCCEEDED:
        return 0
    return run.items if run.status is RunState.FAILED else max(run.items * 3 // 4, 1)


def _is_news(run: Done) -> bool:
    return run.status is not RunState.SUCCEEDED or run.run_type in {RunType.RESTORE, RunType.BULK}


def _key(run: Done) -> str:
    return f"{run.action}:{UUID(run.of.schedule)}"


def _item_key(run: Done, position: int) -> str:
    if run.run_type is RunType.CAPTURE and position < len(_PARTS):
        return _PARTS[position]
    if run.run_type in {RunType.BULK, RunType.MAINTENANCE}:
        noun = "source" if run.run_type is RunType.BULK else "set"
        return f"{noun}:{run.id[:24]}{position:08x}"
    return f"tree:{words.file_name(position)}"
