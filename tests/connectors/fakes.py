"""A report that remembers, and a snapshot in memory that stands in for the vault."""

from __future__ import annotations

import io
import os
from dataclasses import fields
from pathlib import Path
from uuid import UUID

from blake3 import blake3

from webapp.connectors.base import Action, Desired, Surroundings
from webapp.connectors.writing import Permit, PermitRefused, open_for_writing
from webapp.errors import ConnectorError
from webapp.items import Entry, EntryKind, StoredEntry, key_of

PERMIT = Permit(run_id=UUID(int=1), fence=1, plan_id=UUID(int=2), digest="d")


class Recorder:
    """A ``Report`` that keeps what it is told."""

    def __init__(self):
        self.failures, self.skips, self.notes = {}, {}, []

    def failed(self, key, code, message):
        self.failures[key] = code

    def skipped(self, key, code, message):
        self.skips[key] = code

    def note(self, message):
        self.notes.append(message)


class Memory:
    """A snapshot: what a source gave, read at once, and a ``StoredContent`` for it."""

    def __init__(self, source, report=None):
        self.report = report or Recorder()
        self.content, self.entries = {}, []
        for entry in source.entries():
            self._keep(source, entry)
        self.facts = source.facts()
        source.close()

    def _keep(self, source, entry):
        kept = StoredEntry(**{field.name: getattr(entry, field.name) for field in fields(Entry)})
        if entry.kind is EntryKind.FILE:
            try:
                with source.open(entry) as file:
                    data = file.read()
                    kept.holes = holes_of(file)
            except OSError:
                self.report.failed(key_of(entry.path), "read_error", "")
                return
            kept.digest, kept.size = blake3(data).digest(), len(data)
            self.content[entry.path] = data
        self.entries.append(kept)

    def open(self, entry):
        return io.BytesIO(self.content[entry.path])

    def paths(self):
        return [entry.path for entry in self.entries]

    def find(self, key):
        return next((entry for entry in self.entries if key_of(entry.path) == key), None)

    def desired(self, *, keep=lambda key: True):
        keys = ((key_of(entry.path), entry) for entry in self.entries)
        return [Desired(key=key, entry=entry) for key, entry in keys if keep(key)]


class Authority:
    """Says yes, *yeses* times."""

    def __init__(self, yeses=10**9):
        self.yeses = yeses
        self.asked = 0

    def confirm(self, permit):
        self.asked += 1
        if self.asked > self.yeses:
            raise PermitRefused("The run may not write any more.")


def holes_of(file):
    try:
        descriptor = file.fileno()
    except OSError:
        return ()
    found, position, size = [], 0, os.fstat(descriptor).st_size
    while position < size:
        try:
            data = os.lseek(descriptor, position, os.SEEK_DATA)
        except OSError:
            data = size
        if data > position:
            found.append((position, data - position))
        position = os.lseek(descriptor, data, os.SEEK_HOLE) if data < size else size
    return tuple(found)


def around(tmp_path, *roots, own_data=(), exempt=()):
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True, mode=0o700)
    return Surroundings(
        roots=tuple(map(Path, roots)) or (tmp_path,),
        own_data=tuple(own_data),
        exempt=tuple(exempt),
        scratch=scratch,
    )


def restore(connector, snapshot, *, desired=None, authority=None, **options):
    """Plan and carry out a restore; return the rows and what went wrong, by key."""
    wanted = snapshot.desired() if desired is None else desired
    options = {"delete": False, "scope": (), **options}
    rows = list(connector.plan(wanted, stored=snapshot, **options))
    problems = {}
    writer = open_for_writing(connector, PERMIT, authority or Authority())
    try:
        for row in rows:
            if row.action in {Action.UNCHANGED, Action.BLOCKED}:
                continue
            try:
                assert writer.apply(row, snapshot.find(row.key), snapshot) == row.after
            except ConnectorError as error:
                problems[row.key] = error.code
        writer.finish()
    finally:
        writer.close()
    return rows, problems


def actions(connector, snapshot, **options):
    """What a restore would do now, but for what is unchanged."""
    options = {"delete": False, "scope": (), **options}
    rows = connector.plan(snapshot.desired(), stored=snapshot, **options)
    return {row.key: str(row.action) for row in rows if row.action != Action.UNCHANGED}
