"""Logs: one line an event, with its request, without secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from datawave.kit import telemetry, tracing
from datawave.kit.secrets import Secret


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    telemetry.set_up(log_format="json", process="test", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def read(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_a_name_with_fields(lines: io.StringIO) -> None:
    structlog.get_logger().info("relay.published", count=12)
    [line] = read(lines)
    assert (line["event"], line["count"], line["level"], line["process"]) == (
        "relay.published",
        12,
        "info",
        "test",
    )


def test_ours_and_those_of_libraries_belong_to_the_request(lines: io.StringIO) -> None:
    with telemetry.bound("r1"), tracing.within(tracing.Trace("t1")):
        structlog.get_logger().info("ours")
        logging.getLogger("library").warning("theirs %s", 7)
    structlog.get_logger().info("after")
    assert [(line["event"], line.get("request_id"), line.get("trace_id")) for line in read(lines)] == [
        ("ours", "r1", "t1"),
        ("theirs 7", "r1", "t1"),
        ("after", None, None),
    ]


def test_a_secret_hides_itself_at_any_depth(lines: io.StringIO) -> None:
    structlog.get_logger().info("x", value=Secret("planted"), nested={"list": [Secret("planted")]})
    assert "planted" not in lines.getvalue()


def test_telling_names_are_hidden_at_any_depth(lines: io.StringIO) -> None:
    structlog.get_logger().info("x", password="planted", config=[{"api_key": "planted", "host": "db"}])
    assert "planted" not in lines.getvalue()
    assert read(lines)[0]["config"] == [{"api_key": "•••", "host": "db"}]


@pytest.mark.parametrize("secret", ['quo"te and \\ slash', "ümlaut-schlüssel", "line\nbreak-secret"])
def test_a_registered_secret_is_cut_out_wherever_it_stands(lines: io.StringIO, secret: str) -> None:
    telemetry.register_secret(secret)
    try:
        raise ValueError(f"cannot sign in with {secret}")
    except ValueError:
        structlog.get_logger().exception("failed", statement=f"alter user x password '{secret}'")
    logging.getLogger("library").error("said %s", secret)
    assert json.dumps(secret)[1:-1] not in lines.getvalue()
    assert json.dumps(secret, ensure_ascii=False)[1:-1] not in lines.getvalue()
    assert telemetry.redacted(f"so {secret}.") == "so •••."


def test_the_known_secrets_are_bounded() -> None:
    redactor = telemetry.Redactor(most=3)
    for number in range(10):
        redactor.add(f"secret-{number}")
    assert redactor.clean("secret-0 secret-9") == "secret-0 •••"


def test_short_words_are_not_blotted_out() -> None:
    redactor = telemetry.Redactor()
    redactor.add("a")
    assert redactor.clean("a banana") == "a banana"


@pytest.mark.parametrize("wrong", [None, "", "with spaces", "a" * 65, "line\nbreak"])
def test_a_callers_request_id_is_taken_where_it_is_one(wrong: str | None) -> None:
    assert telemetry.request_id_of("web-42.a_b") == "web-42.a_b"
    assert telemetry.request_id_of(wrong) not in (wrong, telemetry.request_id_of(wrong))
