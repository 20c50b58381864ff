"""OAuth 2 over HTTP: forms in, JSON out, for programs and never for pages of others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy import select
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from auth import oauth_server as oauth
from auth.access import limited
from auth.gate import Gate
from auth.permissions import Permission
from auth.tokens import ACCESS, digest
from datawave.app.door import where
from datawave.kit.access import NOBODY, Viewer
from datawave.kit.commands import Command
from datawave.kit.database import Db
from datawave.kit.errors import AccessError, ErrorCode, InputError, UnavailableError, UserError
from datawave.kit.secrets import Secret
from datawave.transports.bodies import HttpRefused, read_body
from datawave.transports.limits import Limits
from domain import identity
from models.identity import AuthMethod, AuthSession, RefreshToken
from schema.context import Platform

LONGEST_FORM = 16_384
MOST_FIELDS = 20
FORM = "application/x-www-form-urlencoded"
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}
A_MOMENT = timedelta(seconds=2)
"""By which a session outlives its token, so that the token has its full life."""


def routes(gate: Gate, platform: Platform, *, issuer: str, limits: Limits) -> list[Route]:
    bounded = replace(limits, body_bytes=LONGEST_FORM)

    def asked_at(path: str) -> Callable[[Request], Awaitable[Response]]:
        async def ask(request: Request) -> Response:
            try:
                form = await _form(request, bounded)
                desk = _Desk(gate, platform, *where(request))
                answer = await oauth.answer(desk, path, form, _authorization(request))
            except HttpRefused as refused:
                return _told(oauth.refusal(refused.message), refused.status, **_closing(refused.status))
            except UnavailableError as error:
                return _later(error)
            except ClientDisconnect:
                return Response(status_code=HTTPStatus.BAD_REQUEST)
            return _told(answer)

        return ask

    async def described(_request: Request) -> Response:
        told = oauth.metadata(issuer, [each.value for each in Permission if each != Permission.AGENT_ACT])
        return JSONResponse(told, headers={"cache-control": "public, max-age=300"})

    return [
        Route(oauth.TOKEN, asked_at(oauth.TOKEN), methods=["POST"]),
        Route(oauth.REVOCATION, asked_at(oauth.REVOCATION), methods=["POST"]),
        Route("/.well-known/oauth-authorization-server", described),
    ]


async def _form(request: Request, limits: Limits) -> list[tuple[str, str]]:
    """The parameters of the body alone: those of an address are in the logs of whoever passed it on."""
    body = await read_body(request, limits)  # before any refusal, so that its sender gets to read that
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != FORM or "content-encoding" in request.headers:
        raise HttpRefused(HTTPStatus.BAD_REQUEST, f"Send a form, as {FORM}.")
    if request.url.query:
        raise HttpRefused(HTTPStatus.BAD_REQUEST, "Send all parameters in the body, none in the address.")
    try:
        return parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise HttpRefused(HTTPStatus.BAD_REQUEST, "The form is not well formed.") from None


def _authorization(request: Request) -> str | None:
    given = request.headers.getlist("authorization")
    if len(given) > 1:
        raise HttpRefused(HTTPStatus.BAD_REQUEST, "Send one Authorization header.")
    return given[0].strip() if given else None


def _closing(status: HTTPStatus) -> dict[str, str]:
    """A body that was not read to its end may never end."""
    unread = status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return {"connection": "close"} if unread else {}


def _told(answer: oauth.Answer, status: int | None = None, **headers: str) -> Response:
    body = {name: each.reveal() if isinstance(each, Secret) else each for name, each in answer.body.items()}
    kept = {name.lower(): value for name, value in answer.headers}
    kept.pop("content-type", None)
    return JSONResponse(body, status or answer.status, headers=kept | NO_STORE | headers)


def _later(error: UnavailableError) -> Response:
    status = (
        HTTPStatus.TOO_MANY_REQUESTS
        if error.code is ErrorCode.RATE_LIMITED
        else HTTPStatus.SERVICE_UNAVAILABLE
    )
    told = {"error": "temporarily_unavailable", "error_description": error.message}
    return JSONResponse(told, status, headers=NO_STORE | {"retry-after": str(error.retry_after_seconds or 5)})


@dataclass(frozen=True)
class _Desk:
    """One request's: it runs the commands that `signIn` runs, and leaves the record that they leave."""

    gate: Gate
    platform: Platform
    address: str | None
    client: str | None

    async def proved(self, client_id: str, secret: Secret) -> oauth.Program | None:
        proof = await identity.prove_client(
            Db(self.platform.database),
            self.gate.attempts,
            client_id=client_id,
            client_secret=secret,
            address=self.address,
        )
        if proof is not None:
            return oauth.Program(actor_id=proof.actor_id, proof=proof)
        try:
            await self._sign_in(client_id, None, None)
        except AccessError:
            return None
        raise AssertionError("nobody signs in without a proof")

    async def granted(
        self, client_id: str, program: oauth.Program, scopes: Sequence[str] | None
    ) -> oauth.Granted:
        wanted = identity.checked_scopes(scopes, path=["scope"])
        actor = (await self.gate.actors.seat(program.actor_id, "service")).actor
        held = sorted(limited(actor.rights, wanted).held)
        if actor.active and wanted is not None and not held:
            raise InputError(ErrorCode.INVALID, "The program holds none of these.", path=["scope"])
        session: AuthSession = (await self._sign_in(client_id, program.proof, wanted)).session
        minted = await self.gate.tokens.mint(
            actor_word=session.actor_word,
            actor_id=session.actor_id,
            session_id=session.id,
            until=session.expires_at,
        )
        return oauth.Granted(token=minted.token, seconds=int(ACCESS.total_seconds()), scopes=held)

    async def _sign_in(
        self, client_id: str, proof: object, scopes: Sequence[str] | None
    ) -> identity.SignedIn:
        return await self._run(
            identity.sign_in,
            replace(NOBODY, address=self.address, client=self.client),
            name=client_id[:320],
            method=AuthMethod.CLIENT_CREDENTIALS,
            proof=proof,
            scopes=scopes,
            lasts=ACCESS + A_MOMENT,
        )

    async def session_of(self, token: Secret) -> oauth.Begun | None:
        try:
            claims = await self.gate.tokens.claims_of(token.reveal())
            key = claims.session_id
        except UserError:
            key = await Db(self.platform.database).scalar(
                select(RefreshToken.session_id).where(RefreshToken.token_hash == digest(token))
            )
        known = await self.gate.sessions.by_id(key) if key is not None else None
        return oauth.Begun(id=known.id, actor_id=known.actor_id) if known is not None else None

    async def end(self, session: oauth.Begun) -> None:
        seat = await self.gate.actors.seat(session.actor_id, "service")
        viewer = seat.actor.viewer(address=self.address, client=self.client)
        await self._run(identity.end_session, viewer, session_id=session.id)
        self.gate.sessions.ended([session.id])

    async def _run(self, what: Command[..., Any], viewer: Viewer, **arguments: Any) -> Any:
        return (await self.platform.commands.run(what, viewer, arguments)).value
