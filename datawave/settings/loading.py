"""Settings are read once, at start, and everything that is wrong with them is said at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from datawave.kit.secrets import Secret
from datawave.settings import sources
from datawave.settings.fields import Profile, Settings, variable

LOOPBACK = ("127.0.0.1", "localhost", "::1", None, "")
SHORTEST_ADMIN_PASSWORD = 12
GUESSED_FIRST = ("admin", "password", "changeme", "datawave", "secret", "letmein", "123456")


class SettingsError(ValueError):
    """Why nothing starts: one line for each setting, never with a secret's value."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def load(**given: Any) -> Settings:
    """Read the settings; `given` beats every other source, `_env_file=None` leaves `.env` aside."""
    origins = sources.Origins()
    token = sources.found.set(origins)
    try:
        settings = Settings(**given)
    except ValidationError as refused:
        raise SettingsError(
            [_line(each["loc"], each["msg"]) for each in refused.errors(include_input=False)]
        ) from None
    except sources.ProfileFileError as refused:
        raise SettingsError([f"DATAWAVE_CONFIG: {refused}."]) from None
    finally:
        sources.found.reset(token)
    settings.came_from(origins)
    if problems := [*contradictions(settings), *dangers(settings)]:
        raise SettingsError(problems)
    return settings


def _line(location: tuple[int | str, ...], message: str) -> str:
    name = str(location[0]).lower().removeprefix("datawave_") if location else ""
    return f"{variable(name) if name else 'Settings'}: {message.removeprefix('Value error, ')}."


def contradictions(settings: Settings) -> list[str]:
    """What cannot be meant."""
    if (settings.tls_certificate is None) == (settings.tls_key is None):
        return []
    lacking = "tls_certificate" if settings.tls_certificate is None else "tls_key"
    return [f"{variable(lacking)}: must be set where the other half of the pair is."]


def dangers(settings: Settings) -> list[str]:
    """What production does not start with."""
    if settings.profile is not Profile.PRODUCTION:
        return []
    return [f"{variable(name)}: {reason}, in production." for name, reason in refused_by_production(settings)]


def refused_by_production(settings: Settings) -> list[tuple[str, str]]:
    """The settings that production would not start with, and what each must be."""
    return [
        (name, reason)
        for name, wrong, reason in (
            ("secret_key", settings.secret_key is None, "must be set"),
            ("public_url", not _is_safe_for_people(settings.public_url), _FOR_PEOPLE),
            ("url", not _is_safe_for_agents(settings.url), "must begin with https:// unless on this machine"),
            ("database_url", _is_missing(settings, settings.database_url), _OWN_SERVER),
            ("database_url", _is_open(settings.database_url), "must hold a password for another machine"),
            ("redis_url", _is_missing(settings, settings.redis_url), _OWN_SERVER),
            ("redis_url", _is_open(settings.redis_url), "must hold a password for another machine"),
            ("admin_password", _is_weak(settings.admin_password), _LONGER),
            ("demo", settings.demo, "must be off: the demo is for trying out"),
            ("log_level", settings.log_level == "debug", "must not be debug"),
        )
        if wrong
    ]


_FOR_PEOPLE = "must be set and begin with https:// unless on this machine"
_OWN_SERVER = "must be set, or DATAWAVE_ALLOW_EMBEDDED=1 accepts the embedded one"
_LONGER = f"must have at least {SHORTEST_ADMIN_PASSWORD} characters and be no word that is guessed first"


def _is_https(url: str | None) -> bool:
    return url is not None and urlsplit(url).scheme == "https"


def _is_safe_for_people(url: str | None) -> bool:
    return url is not None and (_is_https(url) or urlsplit(url).hostname in LOOPBACK)


def _is_safe_for_agents(url: str | None) -> bool:
    return url is None or _is_https(url) or urlsplit(url).hostname in LOOPBACK


def _is_missing(settings: Settings, url: Secret | None) -> bool:
    return url is None and not settings.allow_embedded


def _is_open(url: Secret | None) -> bool:
    if url is None:
        return False
    parts = urlsplit(url.reveal())
    return parts.hostname not in LOOPBACK and not parts.password


def _is_weak(password: Secret | None) -> bool:
    if password is None:
        return False
    word = password.reveal()
    return len(word) < SHORTEST_ADMIN_PASSWORD or word.lower().strip("0123456789!.-_") in GUESSED_FIRST
