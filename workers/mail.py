"""Mails to people. The mail server is outside: it has a breaker, and its failures are told in words."""

from __future__ import annotations

from datawave.kit.handling import Failure
from datawave.kit.mail import Mail, Post, Undelivered
from datawave.kit.vault import Keyring
from datawave.kit.work import Work, handles
from domain import identity, mail
from domain.identity import Links, SendInvitation, SendPasswordReset
from models.identity import TokenKind


@handles(SendInvitation)
async def send_invitation(work: Work, job: SendInvitation) -> None:
    """Nothing goes to whoever has come meanwhile, or is to come no more."""
    token = identity.token_of(_keyring(work), work.job_id)
    user = await work.run(identity.begin_invitation, user_id=job.user_id, token=token)
    if user is None:
        return
    links = _links(work)
    letter = identity.invitation_letter(
        user,
        links.to(TokenKind.INVITATION, token),
        key=work.job_id,
        origin=links.origin,
        inviter=work.viewer.display_name if work.viewer.actor_word == "user" else None,
    )
    await deliver(work, letter)


@handles(SendPasswordReset)
async def send_password_reset(work: Work, job: SendPasswordReset) -> None:
    """Nothing goes to an address that nobody has."""
    token = identity.token_of(_keyring(work), work.job_id)
    user = await work.run(identity.begin_reset, reference=job.reference, token=token)
    if user is None:
        return
    links = _links(work)
    link = links.to(TokenKind.RESET, token)
    await deliver(work, identity.reset_letter(user, link, key=work.job_id, origin=links.origin))


async def deliver(work: Work, letter: Mail) -> None:
    """Tried again with its job while the mail server is away; what it refuses for good ends the job."""
    post: Post | None = work.extras.get("post")
    if post is None:
        raise Failure(
            "MAIL_NOT_SET_UP",
            "There is no mail server, so this mail was not sent.",
            hint="Set DATAWAVE_SMTP_URL, restart, and requeue this job.",
            retryable=False,
        )
    await work.run(mail.admit_mail)
    try:
        await post.send(letter)
    except Undelivered as refused:
        told = {"code": refused.code, "message": refused.message}
        await work.run(mail.note_mail, failure=None if refused.ours else told)
        raise Failure(refused.code, refused.message, hint=refused.hint, retryable=refused.retryable) from None
    await work.run(mail.note_mail, failure=None)


def _keyring(work: Work) -> Keyring:
    return work.extras["keyring"]


def _links(work: Work) -> Links:
    return work.extras["links"]
