"""How much one may ask for, as settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings

from datawave.settings.kinds import Amount, Seconds, setting


class Limits(BaseSettings):
    """How much one request, socket or person may ask for."""

    limit_header_bytes: Annotated[int, Field(ge=1_024)] = setting(
        16_384, "Longest request line with header lines, in bytes."
    )
    limit_header_seconds: Seconds = setting(10.0, "Time in which the header lines must arrive.")
    limit_body_bytes: Amount = setting(2_000_000, "Largest request body in bytes, after inflation.")
    limit_document_bytes: Amount = setting(100_000, "Longest GraphQL document in bytes.")
    limit_document_tokens: Amount = setting(5_000, "Most tokens in a GraphQL document.")
    limit_depth: Amount = setting(15, "Deepest nesting of a query.")
    limit_introspection_depth: Amount = setting(20, "Deepest nesting of an introspection query.")
    limit_aliases: Amount = setting(100, "Most aliases in a document.")
    limit_directives: Amount = setting(50, "Most directives in a document.")
    limit_fragment_spreads: Amount = setting(200, "Most fragment spreads in a document.")
    limit_mutations: Amount = setting(10, "Most mutations in one request.")
    limit_points: Amount = setting(
        100_000, "Most points that one operation may cost; the schema's `@cost` says what fields cost."
    )
    limit_points_per_minute: Amount = setting(
        3_000_000, "Points that somebody signed in may spend in a minute, in all processes together."
    )
    limit_points_per_minute_unsigned: Amount = setting(
        300_000, "Points that an address may spend in a minute without signing in."
    )
    limit_variables_bytes: Amount = setting(1_000_000, "Largest variables of a request, in bytes of JSON.")
    limit_json_depth: Amount = setting(64, "Deepest nesting of JSON that is read.")
    limit_page_size: Annotated[int, Field(ge=50, le=10_000)] = setting(
        500, "Most things in one page of a list: the largest `first` and `last`."
    )
    planned_reads: bool = setting(
        True,
        "Answer queries by plans where there is one; false lets the ordinary executor answer all of them, to"
        " compare the two.",
    )
    limit_blob_bytes: Amount = setting(5_000_000_000, "Largest file that the platform makes, in bytes.")
    limit_errors: Amount = setting(20, "Most errors in one answer.")
    limit_body_seconds: Seconds = setting(30.0, "Time in which the body must arrive.")
    limit_socket_init_seconds: Seconds = setting(5.0, "Time in which a WebSocket must introduce itself.")
    limit_frame_bytes: Amount = setting(1_000_000, "Largest WebSocket message in bytes.")
    limit_socket_operations: Amount = setting(100, "Most operations at once on one WebSocket.")
    limit_messages_per_second: Amount = setting(20, "Messages a second that a WebSocket may send for long.")
    limit_messages_burst: Amount = setting(200, "Messages that a WebSocket may send at once.")
    limit_sign_in_per_minute: Amount = setting(
        10,
        "Failed sign-ins a minute for an address; and for an account, from devices that it does not know:"
        " after so many these wait longer with each.",
    )
    limit_api_key_days: Annotated[int, Field(ge=1, le=3_650)] = setting(
        365, "Longest life of an API key, in days."
    )
    limit_certificate_days: Annotated[int, Field(ge=1, le=3_650)] = setting(
        365, "Longest life of a partner's certificate, in days."
    )
