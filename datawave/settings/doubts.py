"""What is doubtful about settings that are valid: told in the API, never a reason not to start."""

from __future__ import annotations

from collections.abc import Iterator

from datawave.settings.fields import Profile, Settings, variable
from datawave.settings.loading import LOOPBACK, refused_by_production

WITHIN_THE_BODY = ("limit_document_bytes", "limit_variables_bytes")


def doubts(settings: Settings) -> dict[str, str]:
    """By the name of the setting; the first doubt of each."""
    found: dict[str, str] = {}
    for name, problem in _doubts(settings):
        found.setdefault(name, problem)
    return found


def _doubts(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.profile is not Profile.PRODUCTION and settings.host not in LOOPBACK:
        yield (
            "host",
            f"Other machines can reach the API, in the profile {settings.profile.value}: use"
            f" {variable('profile')}=production for anybody but yourself.",
        )
        for name, reason in refused_by_production(settings):
            yield name, f"Other machines can reach the API, and production would refuse this: it {reason}."
    if _nobody_ends_tls(settings):
        yield (
            "public_url",
            "Begins with https://, and nobody is known to speak it: set"
            f" {variable('tls_certificate')}, or {variable('trusted_proxies')} to the proxy that does, or all"
            " clients have its address.",
        )
    for name in WITHIN_THE_BODY:
        if getattr(settings, name) > settings.limit_body_bytes:
            yield name, f"Is never reached: {variable('limit_body_bytes')} is smaller."
    if settings.former_secret_key is not None:
        yield (
            "former_secret_key",
            "Is needed only until `datawave migrate` has run with it: keys are wrapped anew then."
            " Take it away.",
        )


def _nobody_ends_tls(settings: Settings) -> bool:
    is_https = settings.origin.startswith("https://")
    return is_https and settings.tls_certificate is None and not settings.trusted_proxies
