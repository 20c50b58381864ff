"""Which media type answers: what the client accepts against what an operation can be told in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Media(StrEnum):
    RESPONSE = "application/graphql-response+json"
    JSON = "application/json"
    EVENTS = "text/event-stream"
    MULTIPART = "multipart/mixed"


SINGLE = (Media.RESPONSE, Media.JSON)
STREAMED = (Media.EVENTS, Media.MULTIPART)
_PREFERRED = (Media.JSON, Media.RESPONSE)
"For `*/*` and `application/*`: the type every client reads."


@dataclass(frozen=True)
class _Range:
    type: str
    quality: float
    place: int


class Accepted:
    """The client's `Accept`, the most wanted first."""

    __slots__ = ("_refusal", "_single", "_streamed", "_wanted")

    def __init__(self, header: str) -> None:
        self._wanted = _media(header or "*/*")
        self._streamed = self._first(STREAMED)
        self._single = self._first(SINGLE) or self._streamed
        self._refusal = self._first(SINGLE) or Media.JSON

    def __bool__(self) -> bool:
        return bool(self._wanted)

    def single(self) -> Media | None:
        """For one answer: JSON where it is accepted at all, or a stream of one."""
        return self._single

    def streamed(self) -> Media | None:
        return self._streamed

    def refusal(self) -> Media:
        """For an answer that there must be, whatever was asked for."""
        return self._refusal

    def _first(self, among: tuple[Media, ...]) -> Media | None:
        return next((media for media in self._wanted if media in among), None)


@lru_cache(maxsize=256)
def accepted(header: str) -> Accepted:
    """The same few headers come again and again."""
    return Accepted(header)


def _media(header: str) -> list[Media]:
    ranges = sorted(_ranges(header), key=lambda one: (-one.quality, one.place))
    refused = {one.type for one in ranges if one.quality <= 0}
    wanted: list[Media] = []
    for one in ranges:
        wanted += [media for media in _matching(one) if media not in wanted and media not in refused]
    return wanted


def _matching(one: _Range) -> tuple[Media, ...]:
    if one.quality <= 0:
        return ()
    if one.type in ("*/*", "application/*"):
        return _PREFERRED
    return tuple(media for media in Media if media == one.type)


def _ranges(header: str) -> list[_Range]:
    return [_range(part, place) for place, part in enumerate(header[:2_000].split(",")) if part.strip()]


def _range(part: str, place: int) -> _Range:
    kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
    given = {name: value for name, _, value in (parameter.partition("=") for parameter in parameters)}
    return _Range(kind, _quality(given.get("q", "1")), place) if _spoken(given) else _Range("", 0, place)


def _spoken(parameters: dict[str, str]) -> bool:
    """Only UTF-8 is spoken, and the first edition of multipart subscriptions."""
    charset = parameters.get("charset", "utf-8").strip('"')
    edition = parameters.get("subscriptionspec", "1.0").strip('"')
    return charset in ("utf-8", "utf8") and edition == "1.0"


def _quality(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
