"""Telling people: lines behind the bell of the console, and messages to the outside."""

from __future__ import annotations

from webapp.services.notify.run_changes import run_changed

__all__ = ["run_changed"]
