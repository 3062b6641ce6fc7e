"""Showing how far a verb is: a bar on a terminal, a line every few seconds elsewhere. On stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import click

from webapp.cli.framework import QUIET, is_quiet

if TYPE_CHECKING:
    from rich.progress import Progress

EVERY_SECONDS = 5.0
Tell = Callable[[int, int, str], None]


class _Display(Protocol):
    def tell(self, done: int, total: int, words: str) -> None: ...

    def close(self) -> None: ...


def has_bar() -> bool:
    """Whether somebody watches."""
    return sys.stderr.isatty() and not is_quiet()


@contextmanager
def shown(title: str, *, monotonic: Callable[[], float] = time.monotonic) -> Iterator[Tell]:
    """Give a callback ``(done, total, words)``; *total* is 0 while nobody knows it.

    Args:
        title: what is being done, such as ``backup``.
    """
    if is_quiet():
        yield lambda done, total, words: None
        return
    display: _Display = _Bar(title) if has_bar() else _Lines(title, monotonic)
    try:
        yield display.tell
    finally:
        display.close()


def may_be_quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--quiet``: for timers, which mail whatever a command says."""

    def keep(context: click.Context, param: click.Parameter, asked: bool) -> None:
        context.meta[QUIET] = asked

    words = "Say nothing at all, if all goes well."
    return click.option(
        "-q", "--quiet", is_flag=True, expose_value=False, callback=keep, help=words
    )(function)


class _Lines:
    """For logs and pipes: quick verbs say nothing at all."""

    def __init__(self, title: str, monotonic: Callable[[], float]) -> None:
        self._title = title
        self._monotonic = monotonic
        self._next = monotonic() + EVERY_SECONDS

    def tell(self, done: int, total: int, words: str) -> None:
        if self._monotonic() < self._next:
            return
        self._next = self._monotonic() + EVERY_SECONDS
        share = f" {min(done / total, 1):.0%}" if total else ""
        click.echo(f"{self._title}:{share} {words}", err=True)

    def close(self) -> None:
        """There is nothing to take away."""


class _Bar:
    """For a person: begins with the first thing there is to tell."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._bar: Progress | None = None

    def tell(self, done: int, total: int, words: str) -> None:
        if self._bar is None:
            self._bar = _rich_bar()
            self._bar.start()
            self._bar.add_task(self._title, total=None, words="")
        task = self._bar.task_ids[0]
        self._bar.update(task, completed=done, total=total or None, words=words)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def _rich_bar() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.table import Column

    whole = Column(no_wrap=True)
    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")  # else it pushes the others away
    return Progress(
        TextColumn("{task.description}", table_column=whole),
        BarColumn(bar_width=16, table_column=whole),
        TaskProgressColumn(table_column=whole),
        TimeElapsedColumn(table_column=whole),
        TextColumn("{task.fields[words]}", markup=False, table_column=rest),
        console=Console(stderr=True),
        transient=True,
        expand=True,
    )
