"""The rules of the house that no tool checks."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from graphql import GraphQLObjectType, GraphQLSchema, is_non_null_type
from sqlalchemy import inspect
from strawberry.types.base import has_object_definition

import models
from auth.permissions import BUILT_IN_ROLES, DANGEROUS, MEANING, Permission
from connectors.registry import connectors
from datawave.app.core import know_everything
from datawave.graphql import schema, sdl
from datawave.kit.access import Access
from datawave.kit.commands import COMMANDS, INSIDE, PUBLIC, SIGNED_IN
from datawave.kit.database import Base
from datawave.kit.events import KINDS, Event
from datawave.kit.history import TWINS
from datawave.settings.reference import reference
from schema.fields import ROOTS
from schema.rows import SHOWN, plain_fields

ROOT = Path(__file__).resolve().parent.parent
ROOMS = (
    "schema", "resolvers", "domain", "models", "workers", "edge_agent", "auth", "connectors", "datawave",
    "web", "tests", "alembic", "benchmarks", "docs", "deploy",
)  # fmt: skip
DOORS = {"README.md", "CHANGELOG.md", "LICENSE", "Makefile", "pyproject.toml"}
BETWEEN = {"utils", "helpers", "common", "manager", "service"}


@pytest.fixture(scope="module", autouse=True)
def everything() -> None:
    know_everything()
    schema()


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    return listed.splitlines() or [str(p.relative_to(ROOT)) for p in ROOT.rglob("*.py")]


def test_the_house_has_its_rooms_and_no_others() -> None:
    top = {name.split("/")[0] for name in tracked()}
    assert {name for name in top if not name.startswith(".")} - set(ROOMS) - DOORS == set()


def test_no_installed_package_takes_the_name_of_a_room() -> None:
    site = Path(sysconfig.get_paths()["purelib"])
    imported = [room for room in ROOMS if room != "alembic" and any((ROOT / room).glob("*.py"))]
    taken = {room for room in imported if (site / room).is_dir()}
    assert taken == set()


def test_nothing_is_called_by_a_name_that_says_nothing() -> None:
    named = {name for name in tracked() if Path(name).suffix == ".py" and Path(name).stem in BETWEEN}
    assert named == set()


def test_locks_name_no_index() -> None:
    npm = [ROOT / place / "package-lock.json" for place in ("web", "tests/clients")]
    for lock in (*(ROOT / "deploy").glob("requirements*.txt"), *npm):
        lines = [line for line in lock.read_text().splitlines() if re.search(r"https?://", line)]
        named = [line for line in lines if not line.lstrip().startswith("#") and '"url"' not in line]
        assert [line for line in named if "resolved" in line or "index" in line] == [], lock.name


def test_the_snapshot_of_the_schema_is_current() -> None:
    snapshot = (ROOT / "schema" / "schema.graphql").read_text()
    assert snapshot == sdl(), (
        "run `.venv/bin/datawave schema > schema/schema.graphql` and look at the difference"
    )


def test_every_root_field_says_who_may_call_it() -> None:
    graphql: GraphQLSchema = schema()._schema  # type: ignore[attr-defined]
    declared = {(root.kind, root.name): root for root in ROOTS}
    assert len(declared) == len(ROOTS), "two roots of one name"
    roots = {
        "query": graphql.query_type,
        "mutation": graphql.mutation_type,
        "subscription": graphql.subscription_type,
    }
    for kind, root in roots.items():
        assert isinstance(root, GraphQLObjectType)
        for field in root.fields.values():
            name = re.sub(
                r"(?<!^)(?=[A-Z])", "_", str(field.extensions["strawberry-definition"].python_name)
            ).lower()
            found = declared.get((kind, name))
            assert found is not None, f"{kind} {name} was not declared with {kind}()"
            assert found.needs in (PUBLIC, SIGNED_IN) or found.needs in set(Permission), found


def test_a_field_with_a_permission_of_its_own_is_nullable() -> None:
    graphql: GraphQLSchema = schema()._schema  # type: ignore[attr-defined]
    roots = {graphql.query_type, graphql.mutation_type, graphql.subscription_type}
    for kind in graphql.type_map.values():
        if not isinstance(kind, GraphQLObjectType) or kind in roots or kind.name.startswith("__"):
            continue
        for name, field in kind.fields.items():
            definition = field.extensions.get("strawberry-definition")
            needs = [d for d in getattr(definition, "directives", []) if type(d).__name__ == "Needs"]
            assert not (needs and is_non_null_type(field.type)), f"{kind.name}.{name}"


def test_every_command_needs_something_that_exists() -> None:
    for command in COMMANDS.values():
        assert command.needs in (PUBLIC, SIGNED_IN, INSIDE) or command.needs in set(Permission), command.name


def test_what_is_run_inside_alone_is_named_by_no_resolver() -> None:
    inside = {each.run.__name__ for each in COMMANDS.values() if each.needs == INSIDE}
    assert {"advance", "destroy_source", "bury_job"} <= inside
    for root in ROOTS:
        assert root.needs != INSIDE, root
    for file in sorted((ROOT / "resolvers").rglob("*.py")):
        used = {_name(node) for node in ast.walk(ast.parse(file.read_text()))}
        assert not used & inside, f"{file.name} runs {used & inside}"


def _name(node: ast.AST) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None


def test_what_everybody_may_run_is_a_field_of_the_api() -> None:
    """Else it is run inside alone, and has to say so."""
    ours = [each for each in COMMANDS.values() if not each.run.__module__.startswith("tests")]
    public = {each.name for each in ours if each.needs == PUBLIC}
    assert public <= {root.command for root in ROOTS}


def test_every_table_says_how_it_is_seen() -> None:
    rows = [mapper.class_ for mapper in Base.registry.mappers]
    words: dict[str, str] = {}
    for row in rows:
        access: Access = row.__access__
        assert access.internal or access.public or access.read in set(Permission), row.__name__
        for path in (access.source, access.workspace):
            if path is not None:
                assert path.split(".")[0] in row.__table__.c, f"{row.__name__}: {path}"
        if not access.internal:
            assert words.setdefault(row.__word__, row.__name__) == row.__name__, (
                f"the word {row.__word__} is taken"
            )


def test_tables_are_registered_by_being_in_the_room() -> None:
    names = {found.name for found in pkgutil.iter_modules(models.__path__)}
    for name in names:
        importlib.import_module(f"models.{name}")
    assert {
        "asset",
        "lineage_edge",
        "ownership",
        "asset_tag",
        "classification",
        "access_grant",
    } <= TWINS.keys()


def test_fields_of_types_are_columns_of_their_tables() -> None:
    for row, shown in SHOWN.items():
        if not has_object_definition(shown):
            continue
        columns = set(inspect(row).column_attrs.keys())
        missing = set(plain_fields(shown)) - columns
        assert not missing, f"{shown.__name__} shows {missing}, which {row.__tablename__} has not"


def test_permissions_mean_something() -> None:
    assert set(MEANING) == set(Permission)
    assert set(Permission) >= DANGEROUS
    for permissions in BUILT_IN_ROLES.values():
        assert set(permissions[1]) <= set(Permission)


def is_an_event(kind: type[Event]) -> bool:
    """Not a base of others, and not a test's own."""
    return bool(kind.topics) and not kind.__subclasses__() and not kind.__module__.startswith("tests")


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("permissions.md", lambda: [p.value for p in Permission]),
        ("events.md", lambda: [name for name, kind in KINDS.items() if is_an_event(kind)]),
        ("settings.md", lambda: [row.variable for row in reference()]),
        ("connectors.md", lambda: list(connectors())),
    ],
)
def test_everything_has_a_line_in_the_reference(page: str, names: object) -> None:
    text = (ROOT / "docs" / "reference" / page).read_text()
    assert callable(names)
    missing = [name for name in names() if f"`{name}`" not in text]
    assert missing == [], "run `.venv/bin/python -m datawave.reference`"


def test_the_agent_and_the_worker_start_without_the_api() -> None:
    """What an agent imports must not pull in tables or types."""
    script = (
        "import sys; import edge_agent.main; "
        "print([m for m in sys.modules if m.split('.')[0] in {'models', 'auth', 'schema', 'resolvers',"
        " 'strawberry'}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
