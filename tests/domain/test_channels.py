"""Addresses that messages may go to, and how much of them is shown."""

from __future__ import annotations

import pytest

from webapp.domain import channels
from webapp.domain.permissions import Role


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("mail", "on-call@example.com"),
        ("json", "https://hooks.example.com/a/b?c=d"),
        ("json", "http://hooks.example.com:8080/"),
        ("slack", "https://hooks.slack.com/services/T0/B0/xyz"),
        ("msteams", "https://acme.webhook.office.com/webhookb2/a@b/IncomingWebhook/c/d"),
        ("other", "tgram://123456789:abc_def/12345/"),
        ("other", "ntfys://ntfy.sh/topic?priority=high"),
        ("other", "jsons://example.com/path?+X-Token=abc&-page=1"),
        ("other", "mailtos://user:pass@mail.example.com?to=a@example.com"),
    ],
)
def test_an_address_of_each_kind_is_taken(kind, address):
    assert channels.problem(kind, address) == ""


@pytest.mark.parametrize(
    ("kind", "address", "why"),
    [
        ("mail", "nobody", "e-mail"),
        ("mail", "a@b.c\nBcc: x@y.z", "one line"),
        ("mail", "a@b.c,d@e.f", "e-mail"),
        ("json", "ftp://example.com/", "begins with"),
        ("json", "https://", "begins with"),
        ("json", "https://user:secret@example.com/", "password"),
        ("json", "http://127.0.0.1:8000/", "inside"),
        ("json", "http://169.254.169.254/latest/meta-data", "inside"),
        ("json", "http://[::1]/", "inside"),
        ("json", "http://[::1", "not an address"),
        ("json", "http://localhost/", "inside"),
        ("json", "http://10.0.0.9/", "inside"),
        ("slack", "https://hooks.slack.com.evil.example/services/T/B/x", "Slack"),
        ("slack", "http://hooks.slack.com/services/T/B/x", "begins with"),
        ("msteams", "https://webhook.office.com.evil.example/x", "Teams"),
        ("other", "syslog://localhost", "none of the services"),
        ("other", "dbus://", "none of the services"),
        ("other", "fcm://project@key/?keyfile=/etc/passwd", "none of the services"),
        ("other", "file:///etc/passwd", "none of the services"),
        ("other", "json://10.0.0.9/", "inside"),
        ("other", "msteams://team/a/b/c/?template=/etc/passwd", "'template' is not allowed"),
        ("other", "jsons://example.com/?verify=no", "'verify' is not allowed"),
        ("other", "just words", "one line"),
    ],
)
def test_an_address_that_leads_elsewhere_is_refused(kind, address, why):
    assert why in channels.problem(kind, address)


@pytest.mark.parametrize(
    ("kind", "address", "shown"),
    [
        ("mail", "on-call@example.com", "on…@example.com"),
        ("json", "https://hooks.example.com/secret?token=abc", "https://hooks.example.com/…"),
        ("other", "tgram://123456789:abc/12345/", "tgram://…"),
    ],
)
def test_what_is_shown_of_an_address_holds_no_token(kind, address, shown):
    assert channels.masked(kind, address) == shown


def test_a_webhooks_own_query_reaches_it():
    url = channels.for_apprise("json", "https://example.com/a?b=c&d=e%20f")

    assert url == "jsons://example.com/a?-b=c&-d=e+f"


@pytest.mark.parametrize(
    ("rules", "role", "is_msp_admin", "wants"),
    [
        (None, Role.OPERATOR, False, True),
        (None, Role.VIEWER, False, False),
        (None, None, True, True),
        ({"failures": "never"}, Role.MANAGER, False, False),
        ({"failures": "at_once"}, Role.VIEWER, False, True),
        ({"failures": "never"}, None, True, False),
    ],
)
def test_who_operates_hears_of_failures_unless_they_said_otherwise(
    rules, role, is_msp_admin, wants
):
    found = channels.wants_in_console(rules, "failures", role=role, is_msp_admin=is_msp_admin)

    assert found is wants
