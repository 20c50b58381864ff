"""Source text of functions that build answers, one comprehension for a level, and their constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Writer:
    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self._known: dict[int, str] = {}

    def name(self, value: Any) -> str:
        """A name for a value in the text."""
        known = self._known.get(id(value))
        if known is None:
            known = self._known[id(value)] = f"k{len(self.names)}"
            self.names[known] = value  # which also keeps it, and so its id
        return known

    def function(self, text: str, name: str) -> Callable[..., Any]:
        exec(compile(text, "<plan>", "exec"), self.names)  # of a document only names are in it
        return self.names[name]
