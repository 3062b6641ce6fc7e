"""Half a kind does not land."""

from __future__ import annotations

from pathlib import Path

import pytest

import webapp.connectors
from webapp.connectors import registry
from webapp.connectors.base import REASONS
from webapp.errors import Invalid

PACKAGE = Path(webapp.connectors.__file__).parent
KINDS = list(registry.KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_module_and_its_tests(kind):
    assert registry.KINDS[kind].kind == kind
    assert registry.KINDS[kind].label
    assert (PACKAGE / f"{kind}.py").is_file()
    assert (Path(__file__).parent / f"test_{kind}.py").is_file()


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_is_explained_and_named_once(kind):
    fields = registry.KINDS[kind].fields

    assert len({field.name for field in fields}) == len(fields)
    assert all(field.label and field.help.endswith(".") for field in fields)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_required_is_asked_for_and_what_is_clean_stays_so(kind):
    found = registry.KINDS[kind]
    required = {field.name for field in found.fields if field.required}
    with pytest.raises(Invalid) as caught:
        found.clean({})
    filled = {field.name: field.placeholder for field in found.fields}

    assert set(caught.value.fields) == required
    assert found.clean(found.clean(filled)) == found.clean(filled)


def test_an_unknown_kind_is_refused():
    with pytest.raises(Invalid):
        registry.kind_of("tape")


def test_every_code_has_its_sentence():
    assert all(sentence.endswith(".") for sentence in REASONS.values())
