"""ID tokens: what a login service has signed about somebody who signed in there.

It is believed only as far as its own signature goes: by a key it publishes, with an algorithm that proves
something, made for us, for this very sign-in, a moment ago.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from authlib.oidc.core.util import create_half_hash
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from datawave.kit.secrets import Secret

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Only what needs a private key to sign: with `none` and HS* anybody who knows us could vouch."""
KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
SHORTEST_RSA = 2_048
SKEW = timedelta(seconds=60)
OLDEST = timedelta(minutes=15)
LONGEST_TOKEN = 100_000
LONGEST_SUBJECT = 255


class NotBelieved(Exception):
    """A service did answer, and what it says does not prove who somebody is."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Whose token it has to be, for whom, and for which sign-in."""

    issuer: str
    client_id: str
    nonce: Secret


def header_of(token: Any) -> Mapping[str, Any]:
    if not isinstance(token, str) or len(token) > LONGEST_TOKEN:
        raise NotBelieved("it sent no ID token")
    try:
        header = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError):
        raise NotBelieved("its ID token is none") from None
    if header.get("alg") not in ALGORITHMS:
        raise NotBelieved("its ID token is signed in a way that proves nothing")
    return header


def keys_of(published: Sequence[Any]) -> list[Any]:
    """Public keys that may sign; others (symmetric, for encryption, of kinds not known here, too short) are
    passed over."""
    return [key for key in map(_imported, published) if key is not None]


def _imported(published: Any) -> Any:
    if not isinstance(published, dict):
        return None
    members = cast("dict[str, Any]", published)
    if members.get("use", "sig") != "sig" or members.get("kty") not in KINDS.values():
        return None
    try:
        key = JWKRegistry.import_key(members)
        if key.key_type == "RSA" and cast("Any", key).public_key.key_size < SHORTEST_RSA:
            return None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key


def fitting(keys: Sequence[Any], header: Mapping[str, Any]) -> Any:
    """The one key that the token can have been signed with, or None."""
    kind, kid = KINDS[header["alg"][:2]], header.get("kid")
    of_kind = [key for key in keys if key.key_type == kind and key.get("alg") in (None, header["alg"])]
    found = [key for key in of_kind if kid is None or key.kid == kid]
    return found[0] if len(found) == 1 else None


def claims_of(
    token: str, key: Any, *, expected: Expected, access_token: str | None, now: datetime
) -> Mapping[str, Any]:
    """What the token says, if it is signed with this key and meant for us."""
    try:
        decoded = jwt.decode(token, key, algorithms=list(ALGORITHMS))
    except (JoseError, ValueError, TypeError):
        raise NotBelieved("its ID token is not signed by it") from None
    claims = decoded.claims
    problem = (
        _not_ours(claims, expected)
        or _not_now(claims, now)
        or _not_together(claims, str(decoded.header["alg"]), access_token)
    )
    if problem is not None:
        raise NotBelieved(problem)
    return claims


def _not_ours(claims: Mapping[str, Any], expected: Expected) -> str | None:
    if claims.get("iss") != expected.issuer:
        return "its ID token names another issuer"
    audience = claims.get("aud")
    several = cast("list[Any]", audience) if isinstance(audience, list) else [audience]
    # Of several audiences one has to be the party that it was made for.
    authorized = claims.get("azp", None if len(several) > 1 else expected.client_id)
    if expected.client_id not in several or authorized != expected.client_id:
        return "its ID token is for somebody else"
    if not _same(expected.nonce.reveal(), claims.get("nonce")):
        return "its ID token is not for this sign-in"
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or "\0" in subject:
        return "its ID token names nobody"
    return None


def _not_now(claims: Mapping[str, Any], now: datetime) -> str | None:
    at, skew = now.timestamp(), SKEW.total_seconds()
    expires, issued, begins = (_number(claims.get(name)) for name in ("exp", "iat", "nbf"))
    if expires is None or expires <= at - skew:
        return "its ID token has expired"
    if issued is None or issued > at + skew:
        return "its ID token is from the future"
    if issued < at - OLDEST.total_seconds():
        return "its ID token is old"
    if "nbf" in claims and (begins is None or begins > at + skew):
        return "its ID token does not hold yet"
    return None


def _not_together(claims: Mapping[str, Any], algorithm: str, access_token: str | None) -> str | None:
    """The hash in the ID token ties the access token to it."""
    if "at_hash" not in claims:
        return None
    hashed: Any = create_half_hash(access_token, algorithm) if access_token is not None else None
    if hashed is None or not _same(hashed.decode(), claims["at_hash"]):
        return "its tokens do not belong together"
    return None


def _same(expected: str, given: Any) -> bool:
    return isinstance(given, str) and hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
