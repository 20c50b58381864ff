"""Keys that come in an address: refused, because addresses are kept in logs and histories on their way here.

The key is not looked at. Whoever sent it is told to make another, since others may have read it already.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from auth.key_shapes import KEY_SOMEWHERE
from datawave.kit.errors import ErrorCode

REFUSED = (
    "An API key never belongs in an address, where logs and histories keep it. Revoke this one, make another,"
    " and send it in the header `Authorization: Bearer …`."
)


def has_key_in_address(scope: Scope) -> bool:
    query: bytes = scope["query_string"]
    path: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "replace")
    if b"dwk" not in query and b"dwk" not in path:
        return False
    return KEY_SOMEWHERE.search(unquote_to_bytes(path + b"?" + query)) is not None


async def refuse_key_in_address(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4400, "reason": "An API key is in the address."})
        return
    error = {"message": REFUSED, "extensions": {"code": ErrorCode.INVALID.value}}
    answer = JSONResponse({"errors": [error]}, HTTPStatus.BAD_REQUEST, headers={"cache-control": "no-store"})
    await answer(scope, receive, send)
