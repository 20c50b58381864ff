"""Connects the demo's two sources through the public API, as a person would, and as often as one likes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    from datawave.demo import Demo

Answer: TypeAlias = Mapping[str, Any]
Execute: TypeAlias = Callable[[str, Mapping[str, Any]], Awaitable[Answer]]
"""Runs one GraphQL document with its variables; gives the whole answer: `data`, and `errors` if any."""

SHOP, INVENTORY = "shop", "inventory"
KEYS = (SHOP, INVENTORY)

CREATE = """
mutation ConnectDemoSource($input: CreateDataSourceInput!) {
  createDataSource(input: $input) {
    dataSource { id key }
    errors { code message path }
  }
}
"""


class DemoRefused(RuntimeError):
    """The API did not take a part of the demo; the words say why, without secrets."""


async def govern(execute: Execute, demo: Demo) -> list[str]:
    """Create both sources, each discovered at once; gives the keys of those that were new.

    A source that exists is left as it is, one that a person ended too.
    """
    inputs = (shop_input(demo), inventory_input(demo))
    return [str(wanted["key"]) for wanted in inputs if await _create(execute, wanted)]


async def _create(execute: Execute, wanted: Mapping[str, Any]) -> bool:
    answer = await execute(CREATE, {"input": wanted})
    refuse_errors(answer.get("errors"))
    payload = answer["data"]["createDataSource"]
    errors = cast("list[dict[str, Any]]", payload["errors"])
    if any(error["code"] == "ALREADY_EXISTS" for error in errors):
        return False
    refuse_errors(errors)
    return True


def refuse_errors(errors: Sequence[Mapping[str, Any]] | None) -> None:
    if errors:
        raise DemoRefused("; ".join(str(error.get("message")) for error in errors))


def shop_input(demo: Demo) -> dict[str, Any]:
    reader = demo.reader
    return _with_key({
        "key": SHOP,
        "name": "Shop",
        "description": "Demo: an outdoor shop's customers, payments, staff and web logs; all made up.",
        "config": {
            "postgresql": {
                "host": reader.host,
                "port": reader.port,
                "database": demo.database,
                "tls": {"mode": "DISABLED"},
            }
        },
        "credentials": {"password": {"username": reader.username, "password": reader.password}},
        "discoverNow": True,
    })  # fmt: skip


def inventory_input(demo: Demo) -> dict[str, Any]:
    return _with_key({
        "key": INVENTORY,
        "name": "Inventory",
        "description": "Demo: the shop's warehouses, in a SQLite file.",
        "config": {"sqlite": {"path": str(demo.inventory)}},
        "discoverNow": True,
    })  # fmt: skip


def _with_key(wanted: dict[str, Any]) -> dict[str, Any]:
    """The same input has the same idempotency key, so that a repetition after a crash makes nothing twice."""
    digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()
    return wanted | {"idempotencyKey": f"demo-{wanted['key']}-{digest[:16]}"}
