"""Messages on their way: a real mail server and a real web server on this machine."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import select

from webapp import clock
from webapp.extensions import db
from webapp.hosts import public_addresses
from webapp.models import ChannelMessage, Membership, MessageState
from webapp.services import installation
from webapp.services.notify import channels, messages, outside
from webapp.services.notify.channels import Draft, Owner
from webapp.services.notify.outside import NotSent

RULES = {"failures": "at_once", "alerts": "at_once", "digest": "never", "digest_at": "07:00"}


class Mailbox:
    """Keeps what arrives; answers with *answer* if it is set."""

    def __init__(self) -> None:
        self.letters: list[object] = []
        self.answer = ""

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
        if self.answer:
            return self.answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802
        self.letters.append(envelope)
        return "250 OK"


@pytest.fixture
def mailbox(context, settings, monkeypatch) -> Iterator[Mailbox]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    set_up = replace(settings, smtp_url=f"smtp://127.0.0.1:{port}?from=lastgood@example.com")
    monkeypatch.setattr(installation, "settings", lambda: set_up)
    yield box
    server.stop()


class Hook(http.server.BaseHTTPRequestHandler):
    """A web hook; what it was sent is kept by its server."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append((self.path, json.loads(body)))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_facts: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[http.server.HTTPServer]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    server.bodies, server.status = [], 200
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def owner(enter) -> Owner:
    return Owner.of_tenant(enter("alice"))


def mail(owner: Owner):
    draft = Draft(name="Mail", kind="mail", address="on-call@example.com", rules=RULES)
    return channels.add(owner, draft)


def webhook(owner: Owner, hook: http.server.HTTPServer):
    """At a name, which stands for a public address until something is sent."""
    address = f"http://hook.example.com:{hook.server_port}/in?page=1"
    return channels.add(owner, Draft(name="Hook", kind="json", address=address, rules=RULES))


@pytest.fixture
def name_leads_here(monkeypatch):
    """``hook.example.com`` is this machine, as a name that somebody chose may be."""
    real = socket.getaddrinfo

    def lookup(host, *facts, **more):
        return real("127.0.0.1" if host == "hook.example.com" else host, *facts, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def write(channel, key: str = "k", *, body: str = "It failed.") -> None:
    facts = {"tenant_id": channel.tenant_id, "subject": "Acme: capture failed"}
    messages.add(channel.id, key, body=body, at=clock.now(), **facts)
    db.session.commit()


def only_message() -> ChannelMessage:
    db.session.rollback()
    return db.session.scalars(select(ChannelMessage)).one()


def test_mail_goes_out_by_the_installations_server(mailbox, owner):
    write(mail(owner))

    assert messages.send_due() == 1

    (letter,) = mailbox.letters
    text = letter.content.decode()
    assert letter.rcpt_tos == ["on-call@example.com"]
    assert "Subject: Lastgood: Acme: capture failed" in text
    assert "From: lastgood@example.com" in text
    assert "It failed." in text
    assert only_message().state is MessageState.SENT


def test_the_same_is_never_written_twice(mailbox, owner):
    channel = mail(owner)
    write(channel)
    write(channel)

    assert messages.send_due() == 1
    assert messages.send_due() == 0
    assert len(mailbox.letters) == 1


def test_a_subject_from_outside_cannot_add_a_header(mailbox, owner):
    channel = mail(owner)
    facts = {"tenant_id": None, "body": "x", "at": clock.now()}
    messages.add(channel.id, "k", subject="Shop\r\nBcc: all@example.com", **facts)
    db.session.commit()

    messages.send_due()

    assert mailbox.letters[0].rcpt_tos == ["on-call@example.com"]
    assert "\nBcc:" not in mailbox.letters[0].content.decode()


def test_a_server_that_says_later_is_asked_again_with_a_pause(mailbox, owner):
    mailbox.answer = "451 later"
    write(mail(owner))

    assert messages.send_due() == 0

    message = only_message()
    assert message.state is MessageState.WAITING
    assert message.tries == 1
    assert message.next_try_at > clock.now() + timedelta(seconds=50)
    assert "refuses" in message.last_error
    assert messages.send_due() == 0  # not before its time


def test_an_address_that_is_refused_for_good_is_given_up_at_once(mailbox, owner):
    mailbox.answer = "550 no such person"
    write(mail(owner))

    messages.send_due()

    assert only_message().state is MessageState.GIVEN_UP


def test_a_message_is_given_up_after_a_day(mailbox, owner, monkeypatch):
    mailbox.answer = "451 later"
    write(mail(owner))
    later = clock.now() + timedelta(hours=25)
    monkeypatch.setattr(clock, "now", lambda: later)

    messages.send_due()

    assert only_message().state is MessageState.GIVEN_UP


def test_a_scheduler_that_dies_while_it_sends_loses_nothing(mailbox, owner, monkeypatch):
    write(mail(owner))
    assert messages._claim(clock.now()) is not None  # and is killed here
    assert messages.send_due() == 0
    later = clock.now() + timedelta(minutes=11)
    monkeypatch.setattr(clock, "now", lambda: later)

    assert messages.send_due() == 1


def test_a_channel_that_was_switched_off_gets_nothing_more(mailbox, owner):
    channel = mail(owner)
    write(channel)
    channel.is_enabled = False
    db.session.commit()

    assert messages.send_due() == 0
    assert only_message().state is MessageState.GIVEN_UP


def test_who_left_a_customer_is_told_nothing_more_of_it(mailbox, enter):
    bob = enter("bob")
    channel = mail(Owner.person(bob.actor))
    facts = {"tenant_id": bob.tenant.id, "subject": "x", "body": "y", "at": clock.now()}
    messages.add(channel.id, "k", **facts)
    role = select(Membership).where(Membership.user_id == bob.actor.user_id)
    db.session.delete(db.session.scalars(role).one())
    db.session.commit()

    assert messages.send_due() == 0
    assert not mailbox.letters


def test_a_bug_while_sending_is_tried_again(mailbox, owner, monkeypatch):
    def bug(*_facts: object) -> None:
        raise RuntimeError("token=abc")

    monkeypatch.setattr(outside, "_mail", bug)
    write(mail(owner))

    assert messages.send_due() == 0
    assert only_message().state is MessageState.WAITING
    assert "token" not in only_message().last_error


def test_a_mail_server_that_is_not_there_is_said_so(owner, mailbox, settings, monkeypatch):
    channel = mail(owner)
    nowhere = replace(settings, smtp_url="smtp://127.0.0.1:1")
    monkeypatch.setattr(installation, "settings", lambda: nowhere)
    write(channel)

    messages.send_due()

    assert only_message().last_error == "The mail server does not answer."


def test_a_webhook_is_sent_its_message(owner, hook, name_leads_here, monkeypatch):
    monkeypatch.setattr(public_addresses, "is_public", lambda place: True)
    write(webhook(owner, hook))

    assert messages.send_due() == 1

    ((path, body),) = hook.bodies
    assert path == "/in?page=1"
    assert body["title"] == "Lastgood: Acme: capture failed"
    assert body["message"] == "It failed."


def test_a_name_that_leads_into_this_network_is_never_reached(owner, hook, name_leads_here):
    write(webhook(owner, hook))

    assert messages.send_due() == 0

    assert hook.bodies == []
    assert only_message().state is MessageState.GIVEN_UP
    assert "private network" in only_message().last_error


def test_a_redirect_is_not_followed(owner, hook, name_leads_here, monkeypatch):
    monkeypatch.setattr(public_addresses, "is_public", lambda place: True)
    hook.status = 302
    write(webhook(owner, hook))

    assert messages.send_due() == 0
    assert [path for path, _ in hook.bodies] == ["/in?page=1"]


def test_a_password_never_goes_over_an_open_line(settings, context, monkeypatch):
    class Plain:
        """A mail server somewhere else that knows no encryption."""

        def __init__(self, *_facts: object, **_more: object) -> None:
            self.closed = False

        def ehlo(self) -> None: ...

        def has_extn(self, _name: str) -> bool:
            return False

        def close(self) -> None:
            self.closed = True

    monkeypatch.setattr(outside.smtplib, "SMTP", Plain)

    with pytest.raises(NotSent, match="no encryption"):
        outside._connect("smtp://me:secret@mail.example.com")


def test_what_was_sent_long_ago_is_forgotten(mailbox, owner):
    write(mail(owner))
    messages.send_due()

    messages.forget_old(clock.now() + timedelta(days=31))

    assert not db.session.scalars(select(ChannelMessage)).all()
