"""Node with the packages of `package.json`, for the tests of this folder."""

from tests.clients.programs import node

__all__ = ["node"]
