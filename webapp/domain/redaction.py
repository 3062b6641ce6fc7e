"""Taking secrets out of text before it is stored, logged, shown or sent.

Two nets. Shapes: what looks like a password, a token, a key or an address with a login in it.
Known values: whatever this process has unsealed or was configured with, wherever it turns up.
Hiding too much is a nuisance; hiding too little is a leak. Safe to apply twice.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

HIDDEN = "[hidden]"
SHORTEST_KNOWN = 6  # anything shorter would be found inside common words
MOST_KNOWN = 1000

_NAMES = (
    r"pass(?:word|wd|phrase|code)|pwd|secret|token|api[_-]?key|access[_-]?key|account[_-]?key"
    r"|private[_-]?key|master[_-]?key|shared[_-]?access[_-]?signature|client[_-]?assertion"
)
_QUOTED = r'"(?:[^"\\]|\\.)*(?:"|$)|' + r"'(?:[^'\\]|\\.)*(?:'|$)"
_VALUE = rf"(?:\[hidden\]|{_QUOTED}|[^\s;&\"']+)"
_OPEN_SCHEMES = {
    "http", "https", "file", "ftp", "ftps", "sftp", "ssh", "scp", "s3", "rclone", "sqlite",
    "postgres", "postgresql", "mysql", "mariadb", "mssql", "redis", "rediss", "amqp", "amqps",
    "smtp", "smtps", "imap", "imaps", "ldap", "ldaps",
}  # fmt: skip


def _address(found: re.Match[str]) -> str:
    """Hide the login; of an address whose every part may be a token, all but its scheme."""
    scheme, login, rest = found["scheme"], found["login"], found["rest"]
    if scheme.lower().partition("+")[0] not in _OPEN_SCHEMES:
        return f"{scheme}://{HIDDEN}"
    return f"{scheme}://{HIDDEN}@{rest}" if login is not None else found[0]


def _whole(_found: re.Match[str]) -> str:
    return HIDDEN


def _after_first(found: re.Match[str]) -> str:
    return f"{found[1]}{HIDDEN}"


_Shape = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]
_I, _S = re.IGNORECASE, re.DOTALL

SHAPES: tuple[_Shape, ...] = (
    (re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [^-\n]*-----|\Z)", _S),
     _whole),
    (re.compile(r"\b((?:proxy-)?authorization[\"']?\s*[:=]\s*)[^\r\n]+", _I), _after_first),
    (re.compile(r"\b((?:set-)?cookie[\"']?\s*:\s*)[^\r\n]+", _I), _after_first),
    (re.compile(r"\b((?:bearer|basic|negotiate)\s+)(?=\S{0,200}[0-9=])[\w.~+/=-]{8,}", _I),
     _after_first),
    (re.compile(
        r"(https?://(?:hooks\.slack\.com|[\w.-]{0,80}webhook\.office\.com"
        r"|[\w.-]{0,80}logic\.azure\.com|[\w.]{0,9}discord(?:app)?\.com/api/webhooks"
        r"|api\.telegram\.org)(?::\d+)?/)[^\s\"'<>]+", _I), _after_first),
    (re.compile(
        r"\b(?P<scheme>[a-z][a-z0-9+.-]{1,20})://(?:(?P<login>[^\s/\"'<>]{0,300})@)?"
        r"(?P<rest>[^\s\"'<>]*)", _I), _address),
    (re.compile(
        r"([?&](?:sig|signature|key|code|auth|x-amz-[a-z-]{1,30})=)[^&\s#\"'<>]+", _I),
     _after_first),
    (re.compile(rf"((?:{_NAMES})[\w-]{{0,40}}[\"']?\s{{0,3}}(?:=>|[=:])\s{{0,3}}){_VALUE}", _I),
     _after_first),
    (re.compile(
        rf"(?<![\w-])(--?[\w-]{{0,40}}(?:{_NAMES})[\w-]{{0,40}}\s{{1,3}})(?!-){_VALUE}", _I),
     _after_first),
    (re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*){0,3}"), _whole),
    (re.compile(
        r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{15,}"
        r"|xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}|sk-[\w-]{20,}|[rs]k_(?:live|test)_\w{10,}"
        r"|SG\.[\w-]{15,}\.[\w-]{15,}|AIza[\w-]{30,}|ya29\.[\w-]{10,}|AGE-SECRET-KEY-1\w{10,}"
        r"|\w{3}8Q~[\w.~-]{30,}|npm_\w{30,}|pypi-[\w-]{30,})"), _whole),
)  # fmt: skip
"""What a secret looks like, and what is left of it. Every repetition is bounded or cannot be
tried twice: a long line costs time in proportion to its length."""

_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
_known: OrderedDict[str, None] = OrderedDict()


def know(*secrets: str) -> None:
    """Hide these values from now on, wherever they turn up in this process."""
    for secret in secrets:
        if len(secret) < SHORTEST_KNOWN:
            continue
        for form in {secret, quote(secret, safe="")}:
            _known[form] = None
            _known.move_to_end(form)
    while len(_known) > MOST_KNOWN:
        _known.popitem(last=False)


def forget_all() -> None:
    """Know no value any more; for tests."""
    _known.clear()


def safe(text: str) -> str:
    """*text* without anything that is, or looks like, a secret."""
    if not text:
        return text
    for secret in sorted(tuple(_known), key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, HIDDEN)
    for shape, replacement in SHAPES:
        text = shape.sub(replacement, text)
    return text


def safe_json(value: Any) -> Any:
    """A JSON value whose texts are ``safe``; what stands under a secret's name is hidden whole."""
    if isinstance(value, str):
        return safe(value)
    if isinstance(value, Mapping):
        return {key: _under(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [safe_json(inner) for inner in value]
    return value


def _under(name: str, value: Any) -> Any:
    if isinstance(value, str) and value and _SECRET_NAME.search(name):
        return HIDDEN
    return safe_json(value)
