"""The furnished platform without its API, as the tests of the domain have it."""

from tests.domain.conftest import platform

__all__ = ["platform"]
