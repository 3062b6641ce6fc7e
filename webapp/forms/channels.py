"""Forms about where messages go, and what of."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from webapp.domain.channels import AT_ONCE, DIGEST_AT, KINDS, MAIL, NEVER, RULES
from webapp.domain.tenants import zones
from webapp.forms.fields import Fields

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True, kw_only=True)
class ChannelForm:
    """*address* empty: the stored one stays."""

    name: str
    kind: str
    address: str = field(repr=False)
    rules: dict[str, str]
    is_enabled: bool

    @classmethod
    def parse(cls, form: Mapping[str, str], *, is_new: bool, own: bool) -> ChannelForm:
        """*own*: a person's channel, which follows the zone chosen here."""
        fields = Fields(form)
        kind = _one_of(fields, form, "kind", words=KINDS, default=MAIL)
        missing = "Where shall messages go?" if is_new else ""
        read = cls(
            name=fields.text("name", missing="Give it a name.", longest=100),
            kind=kind,
            address=fields.text("address", missing=missing, longest=2000),
            rules=_rules(fields, form, own=own),
            is_enabled=is_new or fields.ticked("is_enabled"),
        )
        fields.finish()
        return read


@dataclass(frozen=True, kw_only=True)
class BellForm:
    rules: dict[str, str]

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> BellForm:
        return cls(
            rules={
                event: AT_ONCE if form.get(f"bell_{event}") else NEVER
                for event in ("failures", "alerts")
            }
        )


def _rules(fields: Fields, form: Mapping[str, str], *, own: bool) -> dict[str, str]:
    rules = {
        name: _one_of(fields, form, name, words=words, default=words[0])
        for name, words in RULES.items()
    }
    rules["digest_at"] = fields.text("digest_at") or DIGEST_AT
    if not _TIME.fullmatch(rules["digest_at"]):
        fields.complain("digest_at", "A time of day, such as 07:00.")
    if own:
        rules["zone"] = fields.text("zone") or "UTC"
        if rules["zone"] not in zones():
            fields.complain("zone", "That is no time zone, such as Europe/Berlin.")
    return rules


def _one_of(
    fields: Fields, form: Mapping[str, str], name: str, *, words: Collection[str], default: str
) -> str:
    value = form.get(name) or default
    if value not in words:
        fields.complain(name, "Choose one of the list.")
        return default
    return value
