"""Where messages go, and what of: kinds of channel, their addresses, rules, and the defaults."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit, urlunsplit

from webapp.domain.permissions import Permission, Role, permissions_of

Event = Literal["failures", "alerts"]

AT_ONCE = "at_once"
DIGEST = "digest"
DAILY = "daily"
NEVER = "never"

# The words of each rule, the usual one first.
RULES: Mapping[str, tuple[str, ...]] = {
    "failures": (AT_ONCE, DIGEST, NEVER),
    "alerts": (AT_ONCE, NEVER),
    "digest": (DAILY, NEVER),
}
DIGEST_AT = "07:00"

MAIL, WEBHOOK, TEAMS, SLACK, OTHER = "mail", "json", "msteams", "slack", "other"
KINDS: Mapping[str, str] = {
    MAIL: "Mail",
    WEBHOOK: "Webhook (JSON)",
    TEAMS: "Microsoft Teams",
    SLACK: "Slack",
    OTHER: "Other (an Apprise address)",
}

# Of Apprise's services those that only send over the network. Others read files, start programs
# or talk to this machine.
_SERVICES = frozenset(
    {
        "discord", "form", "forms", "gchat", "gotify", "gotifys", "jira", "json", "jsons",
        "line", "mailgun", "mailto", "mailtos", "matrix", "matrixs", "mmost", "mmosts",
        "msteams", "ncloud", "nclouds", "nctalk", "nctalks", "ntfy", "ntfys", "opsgenie",
        "pagerduty", "pagertree", "pbul", "pover", "prowl", "pushy", "rocket", "rockets",
        "ryver", "sendgrid", "signals", "sinch", "slack", "smtp2go", "spike", "splunk", "ses",
        "sns", "telegram", "tgram", "threema", "twilio", "twist", "victorops", "vonage",
        "webex", "wxteams", "workflow", "workflows", "xml", "xmls", "zoom", "zulip"
    }
)  # fmt: skip
# What may stand behind the question mark: nothing that names a file, or turns a check off.
_PARAMETERS = frozenset(
    {
        "auth", "channel", "channels", "cc", "bcc", "footer", "format", "from", "id", "image",
        "method", "mode", "name", "pass", "ping", "priority", "region", "silent", "smtp",
        "sound", "tags", "team", "thread", "to", "topic", "user"
    }
)  # fmt: skip
_HOSTS: Mapping[str, tuple[str, ...]] = {
    SLACK: ("hooks.slack.com",),
    TEAMS: (".webhook.office.com", ".logic.azure.com", ".api.powerplatform.com"),
}
_MAIL = re.compile(r"[^@\s<>\"',;:()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,190}")
_SCHEMA = re.compile(r"([a-z0-9]{2,12})://\S{2,}", re.IGNORECASE)


def wants_in_console(
    rules: Mapping[str, str] | None, event: Event, *, role: Role | None, is_msp_admin: bool
) -> bool:
    """Whether a line behind a person's bell tells of *event*: as they said, else if they operate.

    *rules* None: they have said nothing.
    """
    if rules is not None and event in rules:
        return rules[event] == AT_ONCE
    if is_msp_admin:
        return True
    return role is not None and Permission.OPERATE in permissions_of(role, content=False)


def problem(kind: str, address: str) -> str:
    """What is wrong with an address as typed, in a sentence; empty if nothing is.

    Where it really leads is seen when something is sent: no name is looked up here.
    """
    if len(address) > 2000 or any(ord(letter) < 33 or ord(letter) == 127 for letter in address):
        return "Write the address on one line, without spaces."
    if kind == MAIL:
        return "" if _MAIL.fullmatch(address) else "That is not an e-mail address."
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").rstrip(".")
        _ = parts.port if kind != OTHER else None  # what looks like one may be a token there
    except ValueError:
        return "That is not an address."
    if kind == OTHER:
        return _service_problem(address, parts) or _host_problem(host)
    return _web_problem(kind, parts, host) or _host_problem(host)


def _web_problem(kind: str, parts: SplitResult, host: str) -> str:
    allowed = ("https",) if kind != WEBHOOK else ("https", "http")
    if parts.scheme not in allowed or not host:
        return f"It begins with {' or '.join(f'{scheme}://' for scheme in allowed)}."
    if parts.username or parts.password:
        return "Leave the password out of the address; a webhook's secret belongs in its path."
    ends = _HOSTS.get(kind, ())
    if ends and not any(host == end or host.endswith(end) for end in ends if end):
        return f"An address of {KINDS[kind]} is at {' or '.join(end.strip('.') for end in ends)}."
    return ""


def _service_problem(address: str, parts: SplitResult) -> str:
    found = _SCHEMA.fullmatch(address)
    if found is None or found.group(1).lower() not in _SERVICES:
        return "That is none of the services that messages can be sent to."
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if name[:1] not in {"+", "-", ":", " "} and name.lower() not in _PARAMETERS:
            return f"{name!r} is not allowed in the address."
    return ""


def _host_problem(host: str) -> str:
    """Refuse early what is written as an address of a private network."""
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return "That is inside this network; messages go to public addresses only."
    try:
        is_public = ipaddress.ip_address(host).is_global
    except ValueError:
        return ""
    return "" if is_public else "That is inside this network; messages go to public addresses only."


def for_apprise(kind: str, address: str) -> str:
    """The address in the form that Apprise takes."""
    if kind != WEBHOOK:
        return address
    parts = urlsplit(address)
    query = urlencode([(f"-{name}", value) for name, value in parse_qsl(parts.query)])
    scheme = "jsons" if parts.scheme == "https" else "json"
    return urlunsplit((scheme, parts.netloc, quote(parts.path, safe="/%"), query, ""))


def masked(kind: str, address: str) -> str:
    """As much of an address as may be shown: the token in it stays hidden."""
    if kind == MAIL:
        name, _, domain = address.partition("@")
        return f"{name[:2]}…@{domain}"
    if kind == OTHER:
        return f"{address.partition('://')[0]}://…"
    return f"{urlsplit(address).scheme}://{urlsplit(address).hostname}/…"
