"""OAuth 2 for programs: client credentials for a short token (RFC 6749), and its end (RFC 7009).

Authlib's server knows the protocol and is synchronous. It runs in a greenlet, where its hooks may await what
we ask of the platform: the same way in which SQLAlchemy runs its own. What programs may do, and who they are,
is not for this room to say: whoever builds the server hands it a `Desk`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast
from uuid import UUID

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Payload, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError, InvalidScopeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc7009 import RevocationEndpoint
from sqlalchemy.util import await_only, greenlet_spawn

from datawave.kit.errors import AccessError, InputError
from datawave.kit.secrets import Secret

TOKEN, REVOCATION = "/auth/token", "/auth/revoke"
METHODS = ["client_secret_basic", "client_secret_post"]
GRANT = "client_credentials"


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program that has shown its secret; `proof` is for the desk to know."""

    actor_id: UUID
    proof: object


@dataclass(frozen=True, kw_only=True)
class Granted:
    token: Secret
    seconds: int
    scopes: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A session that a token names."""

    id: UUID
    actor_id: UUID


class Desk(Protocol):
    """What the platform does for one request: it knows from where that comes."""

    async def proved(self, client_id: str, secret: Secret) -> Program | None:
        """None, and a record, where the secret is not that program's."""
        ...

    async def granted(self, client_id: str, program: Program, scopes: Sequence[str] | None) -> Granted:
        """InputError where it does not hold the scopes, AccessError where it may not come in any more."""
        ...

    async def session_of(self, token: Secret) -> Begun | None:
        """None where there is none any more."""
        ...

    async def end(self, session: Begun) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Answer:
    """As HTTP answers it; secrets in `body` are for its reader alone."""

    status: int
    body: Mapping[str, Any]
    headers: Sequence[tuple[str, str]]


Form = Sequence[tuple[str, str]]


async def answer(desk: Desk, path: str, form: Form, authorization: str | None) -> Answer:
    """What is answered to a form sent to one of the two addresses."""
    server: Any = _Server(desk)
    request = _Request(path, form, authorization)
    if (wrong := _doubtful(request)) is not None:
        return _refused(wrong)
    ask = server.create_token_response if path == TOKEN else server.revoked
    try:
        return await greenlet_spawn(ask, request)
    except InputError as error:
        wrong = InvalidScopeError if error.path[:1] == ["scope"] else InvalidRequestError
        return _refused(wrong(_plain(error.message)))
    except AccessError as error:
        return _refused(InvalidClientError(_plain(error.message), status_code=401))
    except ValueError:  # what is in the header is not what it says it is
        return _refused(InvalidRequestError("The request is not well formed."))


def refusal(message: str) -> Answer:
    """Of a request that is not even a form."""
    return _refused(InvalidRequestError(message))


def metadata(issuer: str, scopes: Sequence[str]) -> dict[str, Any]:
    """What a client needs to know of this server (RFC 8414)."""
    return {
        "issuer": issuer,
        "token_endpoint": issuer + TOKEN,
        "revocation_endpoint": issuer + REVOCATION,
        "jwks_uri": issuer + "/.well-known/jwks.json",
        "grant_types_supported": [GRANT],
        "response_types_supported": ["none"],
        "token_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_methods_supported": METHODS,
        "scopes_supported": list(scopes),
    }


def _doubtful(request: _Request) -> OAuth2Error | None:
    """What RFC 6749 forbids and Authlib overlooks."""
    form = request.form
    if len(form) != len(request.given):
        return InvalidRequestError("A parameter is repeated.")
    if request.headers and not request.headers["Authorization"].lower().startswith("basic "):
        return InvalidClientError("Authenticate with Basic, or in the form.", status_code=401)
    if request.headers and "client_secret" in form:
        return InvalidRequestError("Authenticate in one way: in the header or in the form.")
    return None


def _refused(error: OAuth2Error) -> Answer:
    status, body, headers = cast("tuple[int, Any, Any]", error())
    return Answer(status=status, body=dict(body), headers=list(headers))


def _plain(message: str) -> str:
    """The protocol's errors are told in ASCII without quotes."""
    return "".join(c for c in message if " " <= c <= "~" and c not in '"\\')


class _Payload(OAuth2Payload):
    def __init__(self, form: Form) -> None:
        self._data = dict(form)

    @property
    def data(self) -> dict[str, str]:
        return self._data

    @property
    def datalist(self) -> Any:
        return {name: [value] for name, value in self._data.items()}


class _Request(OAuth2Request):
    def __init__(self, path: str, form: Form, authorization: str | None) -> None:
        headers = {"Authorization": authorization} if authorization else {}
        # Authlib refuses addresses without TLS. Whether the platform may be reached so is for its settings to
        # say: in development it is, on loopback.
        made: Any = super()
        made.__init__("POST", f"https://localhost{path}", headers=headers)
        self.given = form
        self.payload = _Payload(form)

    @property
    def form(self) -> dict[str, str]:
        return dict(self.given)


class _Client(ClientMixin):
    """Somebody who says that they are this program."""

    def __init__(self, desk: Desk, client_id: str) -> None:
        self._desk = desk
        self.client_id = client_id
        self.program: Program | None = None

    def check_client_secret(self, client_secret: str) -> bool:
        self.program = await_only(self._desk.proved(self.client_id, Secret(client_secret)))
        return self.program is not None

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in METHODS

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == GRANT


class _ClientCredentials(ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS


class _Session:
    """A token's session, as Authlib asks after it."""

    def __init__(self, begun: Begun) -> None:
        self.begun = begun

    def check_client(self, client: _Client) -> bool:
        return client.program is not None and client.program.actor_id == self.begun.actor_id


class _Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = METHODS
    server: _Server

    def query_token(self, token_string: str, token_type_hint: str | None) -> _Session | None:
        """A token of either kind names its session, so the hint is not needed."""
        begun = await_only(self.server.desk.session_of(Secret(token_string)))
        return _Session(begun) if begun is not None else None

    def revoke_token(self, token: _Session, request: OAuth2Request) -> None:
        await_only(self.server.desk.end(token.begun))


class _Server(AuthorizationServer):
    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.register_grant(_ClientCredentials)
        untyped: Any = self
        untyped.register_endpoint(_Revocation)
        untyped.register_token_generator("default", self._token)

    def revoked(self, request: _Request) -> Answer:
        untyped: Any = self
        return untyped.create_endpoint_response(_Revocation.ENDPOINT_NAME, request)

    def query_client(self, client_id: str) -> _Client:
        """Anybody: whether there is such a program its secret tells, in the same time if there is none."""
        return _Client(self.desk, client_id)

    def _token(self, *, client: _Client, scope: str | None = None, **_: Any) -> dict[str, Any]:
        assert client.program is not None, "it has been authenticated"
        wanted = scope.split() if scope else None
        granted = await_only(self.desk.granted(client.client_id, client.program, wanted))
        return {
            "access_token": granted.token,
            "token_type": "Bearer",
            "expires_in": granted.seconds,
            "scope": " ".join(granted.scopes),
        }

    def save_token(self, token: Any, request: Any) -> None:
        """Nothing is kept of a token but its session."""

    def create_oauth2_request(self, request: Any) -> OAuth2Request:
        return request

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens: what happened is in the record of the desk's commands."""

    def handle_response(self, status: int, body: Any, headers: Any) -> Answer:
        return Answer(status=status, body=dict(body or {}), headers=list(headers))
