"""Signing in by a login service: begun here, gone there, come back once.

What only the platform may know in between (verifier, nonce, where to go afterwards) is sealed in a row that
whoever comes back takes away, so that no answer is good twice. A browser shows by a cookie of its own that it
is the one that began; a program names a redirect that is registered for it.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID

import orjson
import structlog
from sqlalchemy import delete, select

from auth.gate import Gate
from auth.oidc import LoginServices, NoAnswer, NotBelieved, Party
from auth.rates import Rates
from auth.tokens import digest, new_opaque
from datawave.kit import breakers
from datawave.kit.access import Viewer
from datawave.kit.commands import INSIDE, PUBLIC, Commands, Tx, command
from datawave.kit.database import Database
from datawave.kit.duties import NOW, Duty, duty
from datawave.kit.errors import ErrorCode, InputError, UnavailableError, not_found, unauthenticated
from datawave.kit.secrets import Secret
from datawave.kit.tables import BreakerState
from datawave.kit.vault import Keyring, Vault, VaultError
from domain.identity.identities import Vouched, account_of, link_identity, sync_memberships, vouched
from domain.identity.sessions import SignedIn, begin_session
from models.identity import AuthMethod, OidcAttempt, OidcProvider

log = structlog.get_logger(__name__)

PATIENCE = timedelta(minutes=10)
"""So long somebody may take at the login service."""
STARTS = 120
"""Sign-ins that may be begun from one address in a minute: an office behind one address, and no flood."""
UNKNOWN = "This sign-in is not known here: it came back already, or took too long. Begin again."
ELSEWHERE = "This sign-in was begun in another browser or program. Begin again."


@dataclass(frozen=True, kw_only=True)
class Aim:
    """What a sign-in that is begun is to come to: a page here, or a program's own redirect."""

    return_to: str | None = None
    redirect_uri: str | None = None
    link_to: UUID | None = None
    """The account that is to be linked, with the session that asks for it."""
    session_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A sign-in that may begin: where to send the person, and what to keep until they are back."""

    provider_id: UUID
    url: str
    state: Secret
    browser: Secret | None
    sealed: bytes


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back from a login service, and who brought it."""

    state: Secret
    code: Secret
    issuer: str | None = None
    error: str | None = None
    browser: Secret | None = None
    """What the browser keeps that began it; None for a program."""


@dataclass(frozen=True, kw_only=True)
class Came:
    """Somebody is in, or an identity is linked (then there is no new session)."""

    signed: SignedIn | None
    return_to: str | None
    tracking_id: UUID


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    provider_id: UUID
    verifier: Secret
    nonce: Secret
    redirect_uri: str
    aim: Aim


class ProviderSignIns:
    """The way in by login services. `callback` is our own redirect, where browsers come back to."""

    def __init__(
        self, commands: Commands, gate: Gate, services: LoginServices, rates: Rates, *, callback: str
    ) -> None:
        self._commands = commands
        self._gate = gate
        self._services = services
        self._rates = rates
        self._callback = callback

    @property
    def _database(self) -> Database:
        return self._commands.database

    @property
    def _keyring(self) -> Keyring:
        return self._commands.keyring

    @property
    def loopback(self) -> bool:
        """Whether a service may be on this machine, without TLS."""
        return self._services.loopback

    # --- there

    async def prepare(self, viewer: Viewer, provider_id: UUID, aim: Aim) -> Prepared:
        """What `begin_oidc_sign_in` keeps; asks the service for its own word, where it is not known."""
        await self._refuse_flood(viewer)
        provider = await self._provider(provider_id)
        if provider is None:
            raise not_found("oidc_provider", path=["providerId"])
        if aim.redirect_uri is not None and aim.redirect_uri not in provider.redirect_uris:
            raise InputError(
                ErrorCode.INVALID,
                f"This redirect is not registered for “{provider.name}”.",
                path=["redirectUri"],
                expected="one of the provider's redirectUris, to the letter",
            )
        state, nonce, verifier = new_opaque(), new_opaque(), new_opaque()
        redirect_uri = aim.redirect_uri or self._callback
        asks = not self._services.knows(provider.issuer)
        async with self._asking(viewer, provider, asks=asks):
            party = await self._party(provider, redirect_uri)
            url = await self._services.sign_in_url(party, state=state, nonce=nonce, verifier=verifier)
        kept = {
            "verifier": verifier.reveal(),
            "nonce": nonce.reveal(),
            "redirectUri": redirect_uri,
            "returnTo": aim.return_to,
            "linkTo": aim.link_to.hex if aim.link_to else None,
            "session": aim.session_id.hex if aim.session_id else None,
        }
        return Prepared(
            provider_id=provider.id,
            url=url,
            state=state,
            browser=new_opaque() if aim.redirect_uri is None else None,
            sealed=self._keyring.seal(orjson.dumps(kept), _about(digest(state))),
        )

    async def _refuse_flood(self, viewer: Viewer) -> None:
        standing = await self._rates.spend(f"oidc {viewer.address}", 1, most=STARTS)
        if standing.refused:
            raise UnavailableError(
                ErrorCode.RATE_LIMITED,
                f"Too many sign-ins were begun from here; try again in {standing.reset} s.",
                retry_after_seconds=standing.reset,
            )

    # --- and back

    async def come_back(self, viewer: Viewer, answer: Answer, *, cookie: bool = False) -> Came:
        """Whoever the service vouches for is in. Each failure counts against the address."""
        begun = await self._gate.attempts.begin(f"address:{viewer.address}" if viewer.address else None)
        try:
            came = await self._came(viewer, answer, cookie=cookie)
        except UnavailableError:
            await self._gate.attempts.succeeded(begun)  # nobody was refused
            raise
        await self._gate.attempts.succeeded(begun)
        return came

    async def _came(self, viewer: Viewer, answer: Answer, *, cookie: bool) -> Came:
        attempt = await self._taken(answer)
        if isinstance(attempt, str):
            await self._refused(viewer, None, attempt)
        provider = await self._provider(attempt.provider_id)
        if provider is None:
            await self._refused(viewer, attempt.provider_id, UNKNOWN)
        proof = await self._proof(viewer, provider, attempt, answer)
        if attempt.aim.link_to is not None:
            return await self._linked(viewer, provider, attempt.aim, proof)
        return await self._signed_in(viewer, provider, attempt.aim, proof, cookie=cookie)

    async def _taken(self, answer: Answer) -> _Attempt | str:
        """The attempt that this answers, which is gone now; or why there is none."""
        row, state_hash = OidcAttempt, digest(answer.state)
        async with self._database.session() as session:
            taken = await session.execute(
                delete(row)
                .where(row.state_hash == state_hash)
                .returning(row.provider_id, row.browser_hash, row.sealed, row.expires_at > NOW)
            )
            found = taken.one_or_none()
        if found is None or not found[3]:
            return UNKNOWN
        given = digest(answer.browser) if answer.browser is not None else b""
        if not hmac.compare_digest(found.browser_hash or b"", given):
            return ELSEWHERE
        try:
            kept = orjson.loads(self._keyring.open(found.sealed, _about(state_hash)))
        except VaultError:
            return UNKNOWN
        return _Attempt(
            provider_id=found.provider_id,
            verifier=Secret(kept["verifier"]),
            nonce=Secret(kept["nonce"]),
            redirect_uri=kept["redirectUri"],
            aim=Aim(
                return_to=kept["returnTo"],
                link_to=UUID(kept["linkTo"]) if kept["linkTo"] else None,
                session_id=UUID(kept["session"]) if kept["session"] else None,
            ),
        )

    async def _proof(
        self, viewer: Viewer, provider: OidcProvider, attempt: _Attempt, answer: Answer
    ) -> Vouched:
        if answer.error is not None:
            await self._refused(viewer, provider.id, f"“{provider.name}” let nobody in: {answer.error}.")
        try:
            async with self._asking(viewer, provider):
                claims = await self._services.claims(
                    await self._party(provider, attempt.redirect_uri),
                    code=answer.code,
                    verifier=attempt.verifier,
                    nonce=attempt.nonce,
                    issuer=answer.issuer,
                    more=provider.role_claim,
                )
        except NotBelieved as error:
            await self._refused(viewer, provider.id, f"“{provider.name}” is not believed: {error.why}.")
        return vouched(provider, claims)

    async def _signed_in(
        self, viewer: Viewer, provider: OidcProvider, aim: Aim, proof: Vouched, *, cookie: bool
    ) -> Came:
        given = {"provider_id": provider.id, "proof": proof, "why": None, "cookie": cookie}
        done = await self._commands.run(sign_in_by_provider, viewer, given)
        # Who was invited until now is active, and may be in other groups.
        await self._gate.actors.refresh([done.value.session.actor_id])
        return Came(signed=done.value, return_to=aim.return_to, tracking_id=done.tracking_id)

    async def _linked(self, viewer: Viewer, provider: OidcProvider, aim: Aim, proof: Vouched) -> Came:
        known = await self._gate.sessions.by_id(aim.session_id) if aim.session_id else None
        if known is None or known.actor_id != aim.link_to:
            await self._refused(viewer, provider.id, "The session that asked for this has ended.")
        owner = await self._gate.actors.viewer_of(known.actor_id, known.actor_word)
        owner = replace(owner, session_id=known.id, address=viewer.address, client=viewer.client)
        given = {"provider_id": provider.id, "proof": proof}
        done = await self._commands.run(link_identity, owner, given)
        await self._gate.actors.refresh([known.actor_id])
        return Came(signed=None, return_to=aim.return_to, tracking_id=done.tracking_id)

    async def _refused(self, viewer: Viewer, provider_id: UUID | None, why: str) -> NoReturn:
        """By the command itself, so that it is in the record like every other."""
        given = {"provider_id": provider_id, "proof": None, "why": why}
        await self._commands.run(sign_in_by_provider, viewer, given)
        raise AssertionError("without a proof nobody comes in")

    # --- the service

    async def _provider(self, provider_id: UUID) -> OidcProvider | None:
        async with self._database.session() as session:
            provider = await session.get(OidcProvider, provider_id)
        return provider if provider is not None and provider.enabled else None

    async def _party(self, provider: OidcProvider, redirect_uri: str) -> Party:
        kept = None
        if provider.secret_reference is not None:
            async with self._database.session() as session:
                kept = await Vault(self._keyring).get(session, provider.secret_reference)
        return Party(
            issuer=provider.issuer,
            client_id=provider.client_id,
            client_secret=Secret(str(kept["clientSecret"])) if kept else None,
            scopes=provider.scopes,
            redirect_uri=redirect_uri,
        )

    @asynccontextmanager
    async def _asking(
        self, viewer: Viewer, provider: OidcProvider, *, asks: bool = True
    ) -> AsyncGenerator[None]:
        """Around what is asked of a service: its circuit breaker, and UNAVAILABLE where it does not answer.
        Where nothing is asked yet, people are not sent to a service that is known to be away."""
        about = {"provider_id": provider.id, "name": provider.name}
        await self._commands.run(admit_to_provider, viewer, {**about, "asks": asks})
        try:
            yield
        except NoAnswer as error:
            log.warning("oidc.no_answer", provider=provider.name, code=error.code, message=error.message)
            failure = {"code": error.code, "message": error.message}
            await self._commands.run(note_provider, viewer, {**about, "failure": failure})
            raise UnavailableError(
                ErrorCode.UNAVAILABLE,
                f"The login service “{provider.name}” does not answer as it should; try again in a moment.",
                retry_after_seconds=5,
            ) from error
        except NotBelieved:
            await self._commands.run(note_provider, viewer, {**about, "failure": None})
            raise
        if asks:
            await self._commands.run(note_provider, viewer, {**about, "failure": None})


def _about(state_hash: bytes) -> str:
    return f"oidc:{state_hash.hex()}"


@command(needs=PUBLIC, recorded=False)
async def begin_oidc_sign_in(tx: Tx, *, prepared: Prepared) -> datetime:
    """Keeps what the answer will need; says until when."""
    until = tx.now + PATIENCE
    tx.session.add(
        OidcAttempt(
            state_hash=digest(prepared.state),
            provider_id=prepared.provider_id,
            browser_hash=digest(prepared.browser) if prepared.browser is not None else None,
            sealed=prepared.sealed,
            expires_at=until,
        )
    )
    return until


@command(needs=INSIDE)
async def sign_in_by_provider(
    tx: Tx, *, provider_id: UUID | None, proof: Vouched | None, why: str | None, cookie: bool = False
) -> SignedIn:
    """Begins a session for whoever a login service has vouched for. No field takes a proof from outside: it
    is made by `ProviderSignIns` and nobody else."""
    if proof is None or provider_id is None:
        raise unauthenticated(why or UNKNOWN)
    provider = await tx.session.get(OidcProvider, provider_id, with_for_update={"key_share": True})
    if provider is None or not provider.enabled:
        raise unauthenticated(UNKNOWN)
    user = await account_of(tx, provider, proof)
    await sync_memberships(tx, provider, user.id, proof.groups)
    return await begin_session(tx, "user", user.id, AuthMethod.OIDC, cookie=cookie, provider_id=provider.id)


@command(needs=INSIDE, recorded=False)
async def admit_to_provider(tx: Tx, *, provider_id: UUID, name: str, asks: bool) -> None:
    """CIRCUIT_OPEN while the service has failed too often of late; the one call that is let through then to
    see is one that asks it something."""
    breaker = await breakers.of(tx.session, _breaker(name), subject=("oidc_provider", provider_id))
    is_shut = breaker.state is BreakerState.OPEN and (breaker.next_try_at or tx.now) > tx.now
    for event in breakers.admit(breaker, tx.now) if asks or is_shut else []:
        tx.emit(event)


@command(needs=INSIDE, recorded=False)
async def note_provider(tx: Tx, *, provider_id: UUID, name: str, failure: dict[str, Any] | None) -> None:
    """Whether the service answered, for its circuit breaker."""
    breaker = await breakers.of(tx.session, _breaker(name), subject=("oidc_provider", provider_id))
    if failure is None:
        changed = breakers.succeeded(breaker)
    else:
        changed = breakers.failed(breaker, tx.now, {**failure, "at": tx.now.isoformat()})
    for event in changed:
        tx.emit(event)


def _breaker(name: str) -> str:
    return f"login service {name}"


@duty(every=600.0, when=select(OidcAttempt.state_hash).where(OidcAttempt.expires_at <= NOW))
async def forget_old_attempts(standing: Duty) -> None:
    """Whoever went and never came back."""
    await standing.session.execute(delete(OidcAttempt).where(OidcAttempt.expires_at <= standing.now))
