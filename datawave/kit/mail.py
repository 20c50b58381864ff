"""Mail, and its way out over SMTP.

A mail is text with the same as HTML, to one person, and loads nothing from anywhere. Why one could not be
sent is said in words for whoever looks after the platform; what the mail server says is left out, since it
repeats addresses and user names.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import formatdate, parseaddr
from ssl import SSLContext, SSLError
from typing import Any
from urllib.parse import unquote, urlsplit

import aiosmtplib

from datawave.kit.secrets import Secret

PATIENCE = 15.0
"""For each answer of the mail server."""
LONGEST = 60.0
"""For all of it."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
SUBMISSION, SUBMISSIONS = 587, 465
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")


@dataclass(frozen=True, kw_only=True)
class Mail:
    """To one person. `key` is its own: sent twice, it is known again as the same by what receives it."""

    key: str
    to: str
    name: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


class Undelivered(Exception):
    """Why a mail was not taken. `ours`: the mail server is well, it is this mail that it does not take."""

    def __init__(
        self, code: str, message: str, *, hint: str | None = None, retryable: bool = True, ours: bool = False
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint
        self.retryable, self.ours = retryable, ours


class Post:
    """One mail server, and from whom its mails are."""

    def __init__(
        self, url: Secret, sender: str, *, patience: float = PATIENCE, trust: SSLContext | None = None
    ) -> None:
        name, address = parseaddr(sender)
        self._sender = Address(display_name=name, addr_spec=address)
        self._server = _server(url, trust)
        self._server |= {"timeout": patience, "local_hostname": self._sender.domain}

    async def send(self, mail: Mail) -> None:
        message = self.letter(mail)
        try:
            async with asyncio.timeout(LONGEST):
                await aiosmtplib.send(message, **self._server)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise _undelivered(error) from None

    def letter(self, mail: Mail) -> EmailMessage:
        """As it goes out. What somebody is called stays in its place, whatever it holds."""
        made = EmailMessage(policy=SMTP if mail.to.isascii() else SMTPUTF8)
        made["From"] = self._sender
        user, _, domain = mail.to.rpartition("@")
        made["To"] = Address(display_name=_one_line(mail.name), username=user, domain=domain)
        made["Subject"] = _one_line(mail.subject)
        made["Date"] = formatdate()
        made["Message-ID"] = f"<{mail.key}@{self._sender.domain}>"
        made["Auto-Submitted"] = "auto-generated"
        made.set_content(mail.text)
        made.add_alternative(mail.html, subtype="html")
        return made


def _server(url: Secret, trust: SSLContext | None) -> dict[str, Any]:
    """A password goes to another machine only where nobody listens; without one encryption is used where it
    is offered."""
    parts = urlsplit(url.reveal())
    encrypted, host = parts.scheme == "smtps", parts.hostname or "localhost"
    known: dict[str, Any] = {
        "hostname": host,
        "port": parts.port or (SUBMISSIONS if encrypted else SUBMISSION),
        "use_tls": encrypted,
        "tls_context": trust,
    }
    if parts.username:
        known |= {"username": unquote(parts.username), "password": unquote(parts.password or "")}
    if not encrypted and host not in LOOPBACK:
        known["start_tls"] = True if parts.username else None
    elif not encrypted and trust is None:
        known["start_tls"] = False
    return known


def _one_line(text: str) -> str:
    return UNSEEN.sub(" ", text).strip()


def _undelivered(error: Exception) -> Undelivered:
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return Undelivered(
                "MAIL_SIGN_IN_REFUSED",
                f"The mail server refuses the user name or the password{_said(error)}.",
                hint="Correct DATAWAVE_SMTP_URL, restart, and requeue this job.",
                retryable=_passes(error.code),
            )
        case aiosmtplib.SMTPRecipientsRefused():
            first = error.recipients[0]
            return Undelivered(
                "MAIL_ADDRESS_REFUSED",
                f"The mail server takes no mail for this address{_said(first)}.",
                hint="Look whether the address is right.",
                retryable=_passes(first.code),
                ours=True,
            )
        case aiosmtplib.SMTPSenderRefused():
            return Undelivered(
                "MAIL_SENDER_REFUSED",
                f"The mail server takes no mail from this sender{_said(error)}.",
                hint="Correct DATAWAVE_MAIL_FROM, restart, and requeue this job.",
                retryable=_passes(error.code),
            )
        case aiosmtplib.SMTPDataError():
            return Undelivered(
                "MAIL_REFUSED",
                f"The mail server does not take this mail{_said(error)}.",
                retryable=_passes(error.code),
                ours=True,
            )
        case _ if _is_untrusted(error):
            return Undelivered(
                "MAIL_NOT_TRUSTED",
                "The mail server's certificate is not one that this machine trusts.",
                hint="SSL_CERT_FILE names the authorities that are trusted.",
            )
        case aiosmtplib.SMTPNotSupported() | ValueError():
            return _not_supported()
        case aiosmtplib.SMTPException() if type(error) is aiosmtplib.SMTPException:  # no STARTTLS there
            return _not_supported()
        case aiosmtplib.SMTPResponseException():
            return Undelivered("MAIL_REFUSED", f"The mail server answers with a refusal{_said(error)}.")
        case _:
            return Undelivered("MAIL_UNREACHABLE", "The mail server does not answer.")


def _not_supported() -> Undelivered:
    return Undelivered(
        "MAIL_NOT_SUPPORTED",
        "The mail server lacks what is needed: encryption before a password is sent to it, a way to sign in,"
        " or addresses beyond ASCII.",
        hint="Use smtps:// in DATAWAVE_SMTP_URL, or another mail server.",
        retryable=False,
    )


def _is_untrusted(error: BaseException | None) -> bool:
    return error is not None and (isinstance(error, SSLError) or _is_untrusted(error.__cause__))


def _passes(code: int) -> bool:
    """By the protocol: 4xx is for now, 5xx for good."""
    return 400 <= code < 500


def _said(error: aiosmtplib.SMTPResponseException) -> str:
    """The numbers of an answer, which tell no names."""
    status = STATUS.search(error.message)
    return f" ({error.code}{f', {status[0]}' if status else ''})"
