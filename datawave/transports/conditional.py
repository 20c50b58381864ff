"""The answer to a GET of a query, with its `ETag`, or 304 where the reader has it."""

from __future__ import annotations

from http import HTTPStatus

from datawave.transports.answers import BY_ACCEPT, NO_STORE, Answer, json_answer
from datawave.transports.door import Session
from datawave.transports.etags import same, tag_of
from datawave.transports.execution import Operation
from datawave.transports.negotiation import Media

KEPT = (b"cache-control", b"private, no-cache")
"""The reader's own, and asked about each time."""
BY_READER = (b"vary", b"accept, authorization, cookie")
_OF_THE_BODY = frozenset({b"content-length", b"content-type"})


def conditional(
    answer: bytes, media: Media, operation: Operation, session: Session, *, known: str | None
) -> Answer:
    """`known` is what the reader says it has. An answer with errors is never kept."""
    whole = json_answer(answer, media, HTTPStatus.OK, operation.context.headers)
    tag = tag_of(answer, volatile=operation.volatile, whose=session.whose, media=media)
    if tag is None:
        return whole
    fields = [field for field in whole.headers if field not in (NO_STORE, BY_ACCEPT)]
    fields += ((b"etag", tag.encode()), KEPT, BY_READER)
    if same(known, tag):
        fields = [field for field in fields if field[0] not in _OF_THE_BODY]
        return Answer(b"", HTTPStatus.NOT_MODIFIED, fields)
    return Answer(answer, HTTPStatus.OK, fields)
