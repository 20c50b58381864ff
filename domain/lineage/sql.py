"""Where the columns of a view come from, read out of its statement.

The statement is parsed and qualified once; then every output column is followed through the scopes
(subqueries, CTEs, branches of unions) down to columns of tables, each scope's column once. Tables are renamed
before qualifying, so that only those mentioned are given to the parser's schema and names of one, two or
three parts, of any case, are ours to resolve. Whatever cannot be followed leaves what is known: the tables
alone, or a reason; never an exception, for the statement belongs to somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope
from sqlglot.schema import MappingSchema

from domain.lineage.tables import Path, Tables

Origin = tuple[Path, str]
"""A column of a table."""

MOST_CHARACTERS = 50_000
"""A longer statement is not parsed: a union of thousands of branches takes seconds."""

DIALECTS = {"mysql": "mysql, normalization_strategy=case_insensitive"}
"""How names are compared, where the parser's dialect says it otherwise."""


@dataclass(frozen=True, kw_only=True)
class ParsedLineage:
    """The tables a view reads, which of their columns flow into which of its own, and what could not be read
    of it."""

    inputs: tuple[Path, ...] = ()
    columns: tuple[tuple[Path, str, str], ...] = ()
    """(table, column, output column), in the order of the output."""
    unparsed: str | None = None


def view_lineage(
    definition: str,
    *,
    dialect: str | None,
    schema: Mapping[Path, Sequence[str]] | Tables,
    default: Path,
    outputs: Sequence[str] | None = None,
) -> ParsedLineage:
    """The lineage of a view from its statement (with or without `create view … as`). `default` is where names
    of fewer parts are looked for: the view's container, as ("shop", "public"). `outputs` are the view's own
    columns in order, where they are known: they name the outputs better than the statement does. For many
    views give `Tables` made once, not a mapping."""
    tables = schema if isinstance(schema, Tables) else Tables(schema)
    if len(definition) > MOST_CHARACTERS:
        return ParsedLineage(unparsed="The statement is too long to be read.")
    dialect = DIALECTS.get(dialect or "", dialect)
    try:
        query, names = _query(definition, dialect)
    except (SqlglotError, RecursionError, ValueError) as error:
        return ParsedLineage(unparsed=f"The statement could not be read ({type(error).__name__}).")
    if query is None:
        return ParsedLineage(unparsed="The statement is not a query.")
    reading = _Reading(tables, default, dialect)
    try:
        return reading.follow(query, outputs or names)
    except Exception as error:  # the parser's own faults on statements that are not ours
        reason = f"Its columns could not be followed ({type(error).__name__})."
        return ParsedLineage(inputs=reading.inputs, unparsed=reason)


def _query(definition: str, dialect: str | None) -> tuple[exp.Query | None, Sequence[str]]:
    """The query of a statement, and the names that `create view v (a, b)` gives to its outputs."""
    statement: exp.Expr | None = parse_one(definition, dialect=dialect)
    names: list[str] = []
    if isinstance(statement, exp.Create):
        if isinstance(statement.this, exp.Schema):
            names = [each.name for each in statement.this.expressions]
        statement = statement.args.get("expression")
    while isinstance(statement, exp.Subquery) and not statement.args.get("alias"):
        statement = statement.this
    return (statement if isinstance(statement, exp.Query) else None), names


@dataclass(kw_only=True)
class _Mentioned:
    """A table as the statement mentions it, under the name we gave it."""

    path: Path
    columns: dict[str, str] = field(default_factory=dict[str, str])
    """Its columns as the parser spells them, to as they are spelt."""


class _Reading:
    """One statement being read."""

    def __init__(self, tables: Tables, default: Path, dialect: str | None) -> None:
        self._tables = tables
        self._default = default
        self._dialect = dialect
        self._mentioned: dict[str, _Mentioned] = {}
        self._by_path: dict[Path, str] = {}
        self._owners: dict[int, Scope] = {}
        self._scopes: dict[int, Scope] = {}
        self._traced: dict[tuple[int, int], tuple[Origin, ...]] = {}

    @property
    def inputs(self) -> tuple[Path, ...]:
        return tuple(self._by_path)

    def follow(self, query: exp.Query, outputs: Sequence[str]) -> ParsedLineage:
        written = _written_names(query)
        query = normalize_identifiers(query, dialect=self._dialect)
        self._rename_tables(query)
        schema: dict[str, object] = {
            name: dict.fromkeys(mentioned.columns, "unknown")
            for name, mentioned in self._mentioned.items()
            if mentioned.columns
        }
        qualified = qualify(
            query,
            dialect=self._dialect,
            schema=MappingSchema(schema, dialect=self._dialect, normalize=False),
            allow_partial_qualification=True,
            validate_qualify_columns=False,
            quote_identifiers=False,
            identify=False,
        )
        root = build_scope(qualified)
        if root is None:
            return ParsedLineage(inputs=self.inputs, unparsed="Its columns could not be followed.")
        self._learn(root)
        names = _outputs(root.expression)
        if any(name == "*" for name in names):
            return ParsedLineage(inputs=self.inputs, unparsed="What `*` stands for is not known.")
        if len(outputs) == len(names):
            names = list(outputs)
        elif self._dialect != "postgres":  # which folds the case of names that are not quoted; others keep it
            names = [written.get(name.casefold(), name) for name in names]
        edges = [
            (path, column, name)
            for place, name in enumerate(names)
            for path, column in self._trace(root, place)
        ]
        return ParsedLineage(inputs=self.inputs, columns=tuple(dict.fromkeys(edges)))

    def _rename_tables(self, query: exp.Query) -> None:
        root = build_scope(query)
        if root is None:
            return
        for scope in root.traverse():
            for source in scope.sources.values():
                if isinstance(source, exp.Table):
                    self._rename(source)
        for column in query.find_all(exp.Column):
            column.set("db", None)
            column.set("catalog", None)

    def _rename(self, table: exp.Table) -> None:
        if not isinstance(table.this, exp.Identifier) or table.name in self._mentioned:
            return
        path = self._path(table)
        name = self._by_path.get(path)
        if name is None:
            name = f"dw_table_{len(self._by_path)}"
            self._by_path[path] = name
            columns = {self._normal(column): column for column in self._tables.columns(path)}
            self._mentioned[name] = _Mentioned(path=path, columns=columns)
        alias = table.alias or table.name
        table.set("this", exp.to_identifier(name))
        table.set("db", None)
        table.set("catalog", None)
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))

    def _path(self, table: exp.Table) -> Path:
        parts = tuple(part.name for part in table.parts if part.name)
        missing = len(self._default) + 1 - len(parts)
        path = (*self._default[: max(0, missing)], *parts)
        return self._tables.find(path) or path

    def _normal(self, column: str) -> str:
        identifier = exp.to_identifier(column, quoted=True)
        return normalize_identifiers(identifier, dialect=self._dialect).name

    def _learn(self, root: Scope) -> None:
        for scope in root.traverse():
            self._scopes[id(scope.expression)] = scope
            for column in scope.columns:
                self._owners.setdefault(id(column), scope)

    def _trace(self, scope: Scope, place: int) -> tuple[Origin, ...]:
        """The table columns that flow into one output of a scope; one that needs itself (recursion) adds
        nothing."""
        key = (id(scope.expression), place)
        if key not in self._traced:
            self._traced[key] = ()
            self._traced[key] = tuple(dict.fromkeys(self._trace_now(scope, place)))
        return self._traced[key]

    def _trace_now(self, scope: Scope, place: int) -> Iterator[Origin]:
        if scope.set_operation_scopes:
            for branch in scope.set_operation_scopes:
                yield from self._trace(branch, place)
            return
        selects = scope.expression.selects if isinstance(scope.expression, exp.Query) else []
        if place < len(selects):
            yield from self._gather(selects[place], scope)

    def _gather(self, node: exp.Expr, scope: Scope) -> Iterator[Origin]:
        """The columns in an expression; of a subquery within it only what it hands out, not what it filters
        by."""
        for each in node.walk(prune=lambda inner: isinstance(inner, exp.Query)):
            if isinstance(each, exp.Query):
                inner = each.unnest() if isinstance(each, exp.Subquery) else each
                below = self._scopes.get(id(inner))
                if below is not None:
                    for place in range(len(_outputs(below.expression))):
                        yield from self._trace(below, place)
            elif isinstance(each, exp.Column):
                yield from self._resolve(each, self._owners.get(id(each), scope))

    def _resolve(self, column: exp.Column, scope: Scope) -> Iterator[Origin]:
        source = _source(scope, column.table)
        if isinstance(source, exp.Table):
            mentioned = self._mentioned.get(source.name)
            if mentioned is not None:
                yield mentioned.path, mentioned.columns.get(column.name, column.name)
        elif isinstance(source, Scope):
            if isinstance(source.expression, exp.Query):
                yield from self._resolve_in(source, column.name)
            elif (below := self._lateral(source)) is not None:
                yield from self._resolve_in(below, column.name)
            else:  # a function that makes rows: whatever goes in may come out
                yield from self._gather_inputs(source, scope)

    def _resolve_in(self, scope: Scope, name: str) -> Iterator[Origin]:
        names = _outputs(scope.expression)
        if name in names:
            yield from self._trace(scope, names.index(name))

    def _lateral(self, source: Scope) -> Scope | None:
        """The query within `lateral (select …)`."""
        inner = source.expression.this if isinstance(source.expression, exp.Lateral) else None
        return self._scopes.get(id(inner.unnest())) if isinstance(inner, exp.Subquery) else None

    def _gather_inputs(self, made: Scope, scope: Scope) -> Iterator[Origin]:
        for column in made.expression.find_all(exp.Column):
            if column.table and _source(scope, column.table) is not made:
                yield from self._resolve(column, scope)


def _source(scope: Scope | None, name: str) -> object:
    """What a name stands for, here or in what is around; a column without one can only be of the only
    source."""
    if not name and scope is not None and len(scope.sources) == 1:
        return next(iter(scope.sources.values()))
    while scope is not None:
        if name in scope.sources:
            return scope.sources[name]
        scope = scope.parent
    return None


def _outputs(expression: exp.Expr) -> list[str]:
    return [select.alias_or_name for select in _selects(expression)]


def _selects(expression: exp.Expr) -> Sequence[exp.Expr]:
    return expression.selects if isinstance(expression, exp.Query) else ()


def _written_names(query: exp.Query) -> dict[str, str]:
    """The output names as they are written, before case is folded."""
    names: Iterable[str] = _outputs(query)
    return {name.casefold(): name for name in reversed(list(names)) if name}
