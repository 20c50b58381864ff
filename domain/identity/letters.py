"""What the mails say: plain, kind, and only what is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit
from uuid import UUID

from datawave.kit.mail import Mail
from datawave.kit.secrets import Secret
from models.identity import User

PAGE = (
    '<!doctype html><html lang="en"><body style="margin:0;padding:24px;font-family:sans-serif;'
    'font-size:16px;line-height:1.5;color:#1a1a1a;background:#fff">{}</body></html>'
)
BUTTON = (
    '<p><a href="{link}" style="display:inline-block;padding:10px 18px;background:#1f5fbf;color:#fff;'
    'text-decoration:none;border-radius:6px">{says}</a></p><p style="color:#555;font-size:14px">{link}</p>'
)


@dataclass(frozen=True, kw_only=True)
class Letter:
    """Sentences, with the link between them."""

    subject: str
    before: Sequence[str]
    says: str
    after: Sequence[str]


def invitation_letter(user: User, link: Secret, *, key: UUID, origin: str, inviter: str | None) -> Mail:
    """`inviter` is what whoever invites is called: None is the platform itself."""
    place = urlsplit(origin).netloc
    letter = Letter(
        subject=f"You are invited to DataWave at {place}",
        before=(
            f"Hello {user.display_name},",
            f"{inviter or 'An administrator'} has invited you to DataWave at {place}."
            " Choose a password to come in:",
        ),
        says="Choose a password",
        after=(
            "The link works once and for seven days. After that, ask whoever invited you for another one.",
            "If you do not know what this is about, leave it: without the link nothing happens.",
        ),
    )
    return _mail(user, letter, link, key)


def reset_letter(user: User, link: Secret, *, key: UUID, origin: str) -> Mail:
    place = urlsplit(origin).netloc
    letter = Letter(
        subject="Choose a new password for DataWave",
        before=(
            f"Hello {user.display_name},",
            f"somebody, we hope you, asked for a new password for your account at DataWave ({place})."
            " Choose it here:",
        ),
        says="Choose a new password",
        after=(
            "The link works once and for one hour. With the new password you are signed out everywhere else.",
            "If it was not you, leave it: your password stays as it is.",
        ),
    )
    return _mail(user, letter, link, key)


def _mail(user: User, letter: Letter, link: Secret, key: UUID) -> Mail:
    address = link.reveal()
    text = "\n\n".join((*letter.before, address, *letter.after)) + "\n"
    html = "".join(
        (
            *(f"<p>{escape(each)}</p>" for each in letter.before),
            BUTTON.format(link=escape(address, quote=True), says=escape(letter.says)),
            *(f"<p>{escape(each)}</p>" for each in letter.after),
        )
    )
    return Mail(
        key=key.hex,
        to=user.email,
        name=user.display_name,
        subject=letter.subject,
        text=text,
        html=PAGE.format(html),
    )
