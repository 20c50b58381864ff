"""Pages: nodes, edges with their cursors, where the page stands, how many there are in all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from datawave.planner.kinds import named
from datawave.planner.moments import Run
from datawave.planner.selections import Fields, Selections, beneath
from datawave.planner.writing import Writer
from datawave.transports.plans import Unplanned

if TYPE_CHECKING:
    from datawave.planner.levels import Level
    from datawave.planner.making import Making, Path

OF_INFO = {
    "hasNextPage": "has_next",
    "hasPreviousPage": "has_previous",
    "startCursor": "(cursors[0] if cursors else None)",
    "endCursor": "(cursors[-1] if cursors else None)",
}


def is_page(kind: Any) -> bool:
    return any(each.name == "Connection" for each in getattr(kind, "interfaces", ()))


class PageShape:
    """What a document asks of a page; the levels of its nodes, one for each place where it asks for them."""

    def __init__(
        self, making: Making, kind: Any, selections: Selections, path: Path, source: Callable[[Any], Any]
    ) -> None:
        self._making, self._source = making, source
        self.levels: list[Level] = []
        self.wants_cursors = self.wants_total = False
        node = named(kind.fields["nodes"].type)
        fields = making.collector.fields(kind, selections)
        members = [f"{key!r}: {self._of_page(kind, n, (*path, key), node)}" for key, n in fields.items()]
        names = "".join(f", n{at}" for at in range(len(self.levels)))
        returned = "{" + ", ".join(members) + "}"
        body = f"def build(cursors, has_next, has_previous, total{names}):\n    return {returned}\n"
        self.build = Writer().function(body, "build")

    async def whole(
        self,
        things: Sequence[Any],
        run: Run,
        at: Any,
        cursors: Sequence[str],
        has_next: bool,
        has_previous: bool,
        total: int | None,
    ) -> Any:
        nodes = [await level.answers(things, run, at) for level in self.levels]
        return self.build(cursors, has_next, has_previous, total, *nodes)

    def _of_page(self, kind: Any, nodes: Any, path: Path, node: Any) -> str:
        match name := nodes[0].name.value:
            case "__typename":
                return repr(kind.name)
            case "totalCount":
                self.wants_total = True
                return "total"
            case "pageInfo":
                return self._info(named(kind.fields[name].type), beneath(nodes))
            case "nodes":
                return self._nodes(node, beneath(nodes), path)
            case "edges":
                return self._edges(named(kind.fields[name].type), beneath(nodes), path, node)
            case _:
                raise Unplanned("field", f"{kind.name}.{name}")

    def _info(self, kind: Any, selections: Selections) -> str:
        members: list[str] = []
        for key, nodes in self._making.collector.fields(kind, selections).items():
            name = nodes[0].name.value
            self.wants_cursors |= name in ("startCursor", "endCursor")
            members.append(f"{key!r}: {OF_INFO.get(name) or repr(kind.name)}")
        return "{" + ", ".join(members) + "}"

    def _edges(self, kind: Any, selections: Selections, path: Path, node: Any) -> str:
        fields: Fields = self._making.collector.fields(kind, selections)
        first = len(self.levels)
        members: list[str] = []
        for key, nodes in fields.items():
            match nodes[0].name.value:
                case "cursor":
                    self.wants_cursors = True
                    members.append(f"{key!r}: c")
                case "node":
                    at = len(self.levels)
                    self._nodes(node, beneath(nodes), (*path, key))
                    members.append(f"{key!r}: e{at}")
                case _:
                    members.append(f"{key!r}: {kind.name!r}")
        levels = range(first, len(self.levels))
        each = ", ".join(["c", *(f"e{at}" for at in levels)])
        lists = ", ".join(["cursors", *(f"n{at}" for at in levels)])
        return f"[{{{', '.join(members)}}} for {each}, in zip({lists})]"

    def _nodes(self, kind: Any, selections: Selections, path: Path) -> str:
        level = self._making.level(kind, selections, self._source(kind), path, single=False)
        self.levels.append(level)
        return f"n{len(self.levels) - 1}"
