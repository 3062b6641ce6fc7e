"""botocore's session, which looks only for the service that it is asked for, and reads times fast.

The latter is most of what a list of many objects costs: a quarter of a millisecond for each.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from glob import iglob
from typing import Any

from botocore.loaders import Loader
from botocore.session import Session
from botocore.utils import parse_timestamp


class _Services(Sequence[str]):
    """Names of services, of which each is looked for when it is asked for.

    botocore lists the folders of four hundred, and this twice, to learn that there is one called
    S3. That is a third of what making a client takes.
    """

    def __init__(self, paths: Sequence[str], kind: str) -> None:
        self._paths, self._kind = paths, kind

    def __contains__(self, name: object) -> bool:
        pattern = os.path.join(str(name), "*", f"{self._kind}.json*")
        return any(next(iglob(os.path.join(path, pattern)), None) for path in self._paths)

    def __len__(self) -> int:
        return len(self._all())

    def __getitem__(self, at: Any) -> Any:
        return self._all()[at]

    def _all(self) -> list[str]:
        """For messages."""
        found = (os.listdir(path) for path in self._paths if os.path.isdir(path))
        return sorted({name for names in found for name in names if name in self})


class _Data(Loader):
    """What botocore knows of services."""

    def list_available_services(self, type_name: str) -> Sequence[str]:
        return _Services(self.search_paths, type_name)


def session(profile: str | None) -> Any:
    """A session as botocore makes it, that begins sooner.

    Args:
        profile: of the files of AWS's own tools; None for what these have by default.
    """
    made = Session(profile=profile)
    paths = (made.get_config_variable("data_path") or "").split(os.pathsep)
    known = [os.path.expanduser(os.path.expandvars(path)) for path in paths if path]
    made.register_component("data_loader", _Data(extra_search_paths=known))
    made.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=moment)
    return made


def moment(said: object) -> datetime:
    """A time in an answer, in one of the two forms of S3; others are botocore's to guess."""
    try:
        if isinstance(said, str) and said[4:5] == "-":
            return datetime.fromisoformat(said)
        if isinstance(said, str) and said.endswith(" GMT"):
            return parsedate_to_datetime(said)
    except ValueError:
        pass
    guessed: datetime = parse_timestamp(said)
    return guessed
