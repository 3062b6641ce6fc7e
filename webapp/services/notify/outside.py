"""The one place that sends something outside: mail by the installation's own server, all else by
Apprise. Never from a request: workers and the scheduler only."""

from __future__ import annotations

import logging
import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

from webapp.domain import channels
from webapp.hosts import public_addresses
from webapp.services import installation

_SECONDS = 10.0
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class NotSent(Exception):
    """Why a message did not go out, in a sentence that is safe to show.

    Attributes:
        is_final: trying again would not help.
    """

    def __init__(self, why: str, *, is_final: bool = False) -> None:
        super().__init__(why)
        self.is_final = is_final


@dataclass(frozen=True, kw_only=True)
class Address:
    kind: str
    url: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Letter:
    """``id`` stays the same however often it is tried: mail servers tell a copy by it."""

    id: UUID
    subject: str
    body: str


def send(address: Address, letter: Letter) -> None:
    """Raises:
    NotSent: it did not go out.
    """
    if address.kind == channels.MAIL:
        _mail(address.url, letter)
    else:
        _apprise(channels.for_apprise(address.kind, address.url), letter)


def _apprise(url: str, letter: Letter) -> None:
    from apprise import Apprise, AppriseAsset  # a second of imports: only where it is used

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines may quote an address
    target = Apprise.instantiate(url, asset=AppriseAsset(async_mode=False, app_id="Lastgood"))
    if target is None:
        raise NotSent("The address is not understood.", is_final=True)
    with public_addresses.only() as guard:
        is_sent = target.notify(title=f"Lastgood: {letter.subject}", body=letter.body)
    if guard.refused:
        raise NotSent("The address leads into a private network.", is_final=True)
    if not is_sent:
        raise NotSent("The service did not take the message.")


def _mail(to: str, letter: Letter) -> None:
    url = installation.settings().smtp_url
    if not url:
        raise NotSent("No mail server is set up: LASTGOOD_SMTP_URL is empty.")
    try:
        with _connect(url) as server:
            server.send_message(_message(url, to, letter))
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        why = "The mail server refuses this address."
        raise NotSent(why, is_final=all(code >= 500 for code in codes)) from None
    except smtplib.SMTPAuthenticationError:
        raise NotSent("The mail server does not let this installation sign in.") from None
    except smtplib.SMTPException:
        raise NotSent("The mail server did not take the message.") from None
    except (OSError, ValueError):
        raise NotSent("The mail server does not answer.") from None


def _connect(url: str) -> smtplib.SMTP:
    """Encrypted wherever the server offers it; a password never goes over an open line."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "smtps":
        context = ssl.create_default_context()
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, parts.port or 465, timeout=_SECONDS, context=context
        )
        is_private = True
    else:
        server = smtplib.SMTP(host, parts.port or 25, timeout=_SECONDS)
        is_private = host in _LOOPBACK
        server.ehlo()
        if not is_private and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            is_private = True
    if parts.password:
        if not is_private:
            server.close()
            raise NotSent("The mail server offers no encryption, so it is not given the password.")
        server.login(unquote(parts.username or ""), unquote(parts.password))
    return server


def _message(url: str, to: str, letter: Letter) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = f"Lastgood: {letter.subject}"
    message["From"] = _sender(url)
    message["To"] = to
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{letter.id}@lastgood>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.body)
    return message


def _sender(url: str) -> str:
    """``?from=`` of the mail server's address, else its user, else this host."""
    parts = urlsplit(url)
    given = parse_qs(parts.query).get("from", [""])[0]
    user = unquote(parts.username or "")
    public = urlsplit(installation.settings().public_url).hostname
    return given or (user if "@" in user else f"lastgood@{public or socket.gethostname()}")
