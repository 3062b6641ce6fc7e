"""Lastgood: a multi-tenant backup and restore console."""

from __future__ import annotations

from flask import Flask


def create_app() -> Flask:
    return Flask(__name__)
