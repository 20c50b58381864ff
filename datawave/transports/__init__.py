"""One GraphQL endpoint over HTTP, server-sent events, multipart and WebSocket, for any Strawberry schema."""

from datawave.transports.door import Asked, Door, OperationContext, Position, Refused, Session
from datawave.transports.errors import Present, present
from datawave.transports.execution import Admit, Ready
from datawave.transports.limits import Limits
from datawave.transports.routing import routes
from datawave.transports.serving import uvicorn_options

__all__ = [
    "Admit",
    "Asked",
    "Door",
    "Limits",
    "OperationContext",
    "Position",
    "Present",
    "Ready",
    "Refused",
    "Session",
    "present",
    "routes",
    "uvicorn_options",
]
