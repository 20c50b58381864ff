"""What commands need around them: settings, logs, and a database that answers."""

from __future__ import annotations

import atexit
import gc
import inspect
import os
import time
from collections.abc import Awaitable, Generator
from contextlib import ExitStack, contextmanager
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from datawave.embedded import postgres, valkey
from datawave.embedded.home import DATABASE
from datawave.embedded.processes import CannotRun
from datawave.kit.secrets import Secret
from datawave.settings import Settings, load

T = TypeVar("T")


def finish(outcome: T | Awaitable[T]) -> T:
    """The result of a function, whether it is a coroutine or not."""
    if not inspect.isawaitable(outcome):
        return outcome

    import asyncio  # `up` becomes the supervisor without it

    async def waited() -> T:
        return await outcome

    return asyncio.run(waited())


def started(process: str) -> Settings:
    """Settings and logs for a process that runs for long."""
    from datawave.kit import telemetry

    settings = load()
    telemetry.set_up(log_format=settings.log_format, level=settings.log_level, process=process)
    hide_secrets(settings)
    record_traces(settings, process)
    return settings


def record_traces(settings: Settings, process: str) -> None:
    """To the collector that is set; without one OpenTelemetry is not even imported."""
    if settings.otlp_endpoint is None:
        return
    from importlib.metadata import version
    from socket import gethostname

    from datawave.kit import tracing
    from datawave.kit.spans import Collector

    tracing.record(
        Collector(
            settings.otlp_endpoint,
            headers=settings.collector_headers(),
            process=process,
            version=version("datawave"),
            instance=f"{gethostname()}-{os.getpid()}",
        ),
        share=settings.trace_share,
    )
    atexit.register(tracing.stop)


YOUNG = 10_000
"""A report or an answer makes objects by the ten thousand, hardly any in cycles: with Python's own 700 the
collector takes a tenth of the time of a large batch, looking through them again and again."""


@contextmanager
def uncollected() -> Generator[None]:
    """For imports: the collector would look through ever more definitions, and give back next to none of
    them. What is there in the end stays as long as the process, and is never looked through again."""
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def hide_secrets(settings: Settings) -> None:
    """None of the settings' secrets reaches a log line of this process, nor any API key."""
    from auth.key_shapes import SHAPE
    from datawave.kit import telemetry

    telemetry.register_shape(SHAPE)
    for url in (settings.database(), settings.redis()):
        password = urlsplit(url.reveal()).password
        telemetry.register_secret(url)
        if password:
            telemetry.register_secret(password)
    if settings.smtp_url is not None and (password := urlsplit(settings.smtp_url.reveal()).password):
        telemetry.register_secret(password)
        telemetry.register_secret(unquote(password))
    for secret in (
        settings.smtp_url,
        settings.secret_key,
        settings.former_secret_key,
        settings.admin_password,
    ):
        if secret is not None:
            telemetry.register_secret(secret)
    for value in settings.collector_headers().values():
        telemetry.register_secret(value)


@contextmanager
def reachable() -> Generator[Settings]:
    """Settings whose servers answer: those of a running `datawave up`, else the embedded ones, started."""
    from datawave.kit import telemetry

    settings = load()
    telemetry.set_up(log_format=settings.log_format, level="warning", process="cli")
    with ExitStack() as stack:
        if settings.database_url is None:
            settings = settings.model_copy(update={"database_url": _embedded_postgres(settings, stack)})
        if settings.redis_url is None:
            settings = settings.model_copy(update={"redis_url": _embedded_valkey(settings, stack)})
        hide_secrets(settings)
        yield settings


def _embedded_postgres(settings: Settings, stack: ExitStack) -> Secret:
    home = settings.place
    home.prepare()
    if home.is_locked():
        address = home.postgres_address()
        _wait_for(lambda: postgres.answers(address), what="PostgreSQL")
        return Secret(address.url(DATABASE))
    stack.enter_context(home.locked())
    home.finish_restore()
    password = home.postgres_address().password
    port = home.claim_port("postgres")
    running = postgres.start_postgres(home.postgres, password=password, port=port)
    stack.callback(running.stop)
    postgres.create_database(running.address, DATABASE)
    return Secret(running.address.url(DATABASE))


def _embedded_valkey(settings: Settings, stack: ExitStack) -> Secret:
    home = settings.place
    address = home.valkey_address()
    if address.port and valkey.answers(address):
        return Secret(address.url())
    home.prepare()
    running = valkey.start_valkey(
        home.valkey, password=address.password, port=home.claim_port("valkey"), persist=True
    )
    stack.callback(running.stop)
    return Secret(running.address.url())


def _wait_for(answers: object, *, what: str, patience: float = 20) -> None:
    assert callable(answers)
    until = time.monotonic() + patience
    while not answers():
        if time.monotonic() > until:
            raise CannotRun(f"The embedded {what} of the running DataWave does not answer: see its logs.")
        time.sleep(0.1)
