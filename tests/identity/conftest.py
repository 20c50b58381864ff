"""A house that knows a login service, and what it takes to set one up."""

from __future__ import annotations

from tests.clients.programs import node
from tests.identity.there import there

__all__ = ["node", "there"]
