"""Ends the demo's sources through the public API."""

from __future__ import annotations

from typing import Any

from datawave.demo.govern import KEYS, Execute, refuse_errors

FIND = """
query DemoSource($key: String!) {
  dataSource(key: $key) { id key state }
}
"""

END = """
mutation EndDemoSource($input: DecommissionDataSourceInput!) {
  decommissionDataSource(input: $input) {
    errors { code message path }
  }
}
"""


async def decommission(execute: Execute) -> list[str]:
    """End what is there of the demo, its catalog included; gives the keys of what was ended now."""
    return [key for key in KEYS if await _end(execute, key)]


async def _end(execute: Execute, key: str) -> bool:
    found = await execute(FIND, {"key": key})
    refuse_errors(found.get("errors"))
    source: dict[str, Any] | None = found["data"]["dataSource"]
    if source is None or source["state"] == "DECOMMISSIONED":
        return False
    wanted = {"id": source["id"], "keepCatalog": False, "reason": "The demo was removed."}
    ended = await execute(END, {"input": wanted})
    refuse_errors(ended.get("errors"))
    refuse_errors(ended["data"]["decommissionDataSource"]["errors"])
    return True
