"""Who is told which values: the decision itself, for any column, rules and rights."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from auth.values import BY_SENSITIVITY, Carried, Column, Rule, Shown, shown
from datawave.kit.access import Rights, Scope
from datawave.kit.masking import HIDDEN, MOST_CHARACTERS, STRICTNESS, MaskMethod, cut, is_masked, masked
from models.lineage import ReviewState

KEY = b"a key that only tests use"
SOURCES, WORKSPACES, LABELS = ([UUID(int=at) for at in range(base, base + 3)] for base in (10, 20, 30))
PERMISSIONS = ("payment:read", "health:read", "personal:read")
COUNTING = frozenset({ReviewState.SUGGESTED, ReviewState.ACCEPTED})

carried = st.builds(
    Carried,
    label=st.sampled_from(LABELS),
    sensitivity=st.sampled_from(BY_SENSITIVITY),
    state=st.sampled_from(ReviewState),
)
columns = st.builds(
    Column,
    source_id=st.sampled_from(SOURCES),
    workspace_id=st.sampled_from(WORKSPACES),
    labels=st.lists(carried, max_size=4),
)
rules = st.builds(
    Rule,
    permission=st.sampled_from(PERMISSIONS),
    method=st.none() | st.sampled_from(MaskMethod),
    labels=st.frozensets(st.sampled_from(LABELS)),
    least=st.none() | st.sampled_from(BY_SENSITIVITY),
    states=st.frozensets(st.sampled_from(sorted(COUNTING)), min_size=1),
    workspace_id=st.none() | st.sampled_from(WORKSPACES),
    source_id=st.none() | st.sampled_from(SOURCES),
)
scopes = st.builds(
    Scope,
    everywhere=st.booleans(),
    workspaces=st.frozensets(st.sampled_from(WORKSPACES)),
    sources=st.frozensets(st.sampled_from(SOURCES)),
)
held = st.dictionaries(st.sampled_from(PERMISSIONS), scopes)
texts = st.text(max_size=40).filter(lambda text: "•" not in text)
values = st.lists(st.tuples(texts, st.integers(1, 100)), max_size=5)


def openness(told: Shown) -> int:
    """The greater, the more is told."""
    return 0 if told.values is None else 5 - STRICTNESS[told.masked_with]


def unheld(rule: Rule, column: Column, rights: Rights) -> bool:
    scope = rights.scope(rule.permission)
    held_there = (
        scope.everywhere or column.workspace_id in scope.workspaces or column.source_id in scope.sources
    )
    return not held_there and matches(rule, column)


def matches(rule: Rule, column: Column) -> bool:
    """The same in other words."""
    if rule.source_id is not None and rule.source_id != column.source_id:
        return False
    if rule.source_id is None and rule.workspace_id not in (None, column.workspace_id):
        return False
    for label in column.labels:
        if label.state in rule.states and (not rule.labels or label.label in rule.labels):
            least = rule.least
            if least is None or BY_SENSITIVITY.index(label.sensitivity) >= BY_SENSITIVITY.index(least):
                return True
    return False


@given(values, columns, st.lists(rules, max_size=5), held)
def test_no_value_is_told_as_it_is_where_a_rule_asks_for_more(
    values: list[tuple[str, int]], column: Column, rules: list[Rule], held: dict[str, Scope]
) -> None:
    rights = Rights(held=held)
    told = shown(values, column, rules, rights, key=KEY)
    refusing = [rule for rule in rules if unheld(rule, column, rights)]
    if any(rule.method is None for rule in refusing):
        assert told.values is None
    elif refusing:
        assert told.masked_with == max((rule.method for rule in refusing), key=STRICTNESS.__getitem__)
        assert told.values is not None
        assert {value for value, _ in told.values}.isdisjoint({value for value, _ in values})
        assert not told.under
    else:
        assert (told.values, told.masked_with) == (values, None)
        assert told.under == {rule.permission for rule in rules if matches(rule, column)}


@given(columns, st.lists(rules, max_size=5), held, held, st.none() | st.sampled_from(MaskMethod))
def test_more_rights_never_show_less(
    column: Column,
    rules: list[Rule],
    held: dict[str, Scope],
    more: dict[str, Scope],
    edge: MaskMethod | None,
) -> None:
    fewer = Rights(held={name: scope for name, scope in held.items() if name in more})
    both = {name: _wider(fewer.scope(name), scope) for name, scope in more.items()}
    less = shown([("a", 1)], column, rules, fewer, masked_with=edge, key=KEY)
    greater = shown([("a", 1)], column, rules, Rights(held=both), masked_with=edge, key=KEY)
    assert openness(greater) >= openness(less)


def _wider(one: Scope, other: Scope) -> Scope:
    return Scope(
        everywhere=one.everywhere or other.everywhere,
        workspaces=one.workspaces | other.workspaces,
        sources=one.sources | other.sources,
    )


@given(columns, st.lists(carried, max_size=3), st.lists(rules, max_size=5), st.lists(rules, max_size=2), held)
def test_more_labels_and_more_rules_never_show_more(
    column: Column, labels: list[Carried], rules: list[Rule], further: list[Rule], held: dict[str, Scope]
) -> None:
    rights = Rights(held=held)
    labelled = replace(column, labels=[*column.labels, *labels])
    before = shown([("a", 1)], column, rules, rights, key=KEY)
    assert openness(shown([("a", 1)], labelled, rules, rights, key=KEY)) <= openness(before)
    assert openness(shown([("a", 1)], column, [*rules, *further], rights, key=KEY)) <= openness(before)


@given(values, columns, st.lists(rules, max_size=5), st.sampled_from(MaskMethod))
def test_what_was_hidden_at_its_place_stays_as_hidden(
    values: list[tuple[str, int]], column: Column, rules: list[Rule], edge: MaskMethod
) -> None:
    told = shown(values, column, rules, Rights(), masked_with=edge, key=KEY)
    assert told.values is None or STRICTNESS[told.masked_with] >= STRICTNESS[edge]
    assert not told.under


@given(st.text(max_size=300), st.sampled_from(MaskMethod), st.binary(min_size=1, max_size=32))
def test_a_masked_value_is_never_the_value_and_looks_like_its_method(
    value: str, method: MaskMethod, key: bytes
) -> None:
    hidden = masked(value, method, key)
    assert hidden != value or value == HIDDEN
    assert is_masked(hidden, method)
    assert masked(value, method, key) == hidden
    assert cut(hidden) == hidden and len(hidden) <= MOST_CHARACTERS


@given(st.text(alphabet="aZ9-@. ", min_size=1, max_size=50))
def test_what_keeps_its_form_keeps_lengths_classes_and_signs(value: str) -> None:
    hidden = masked(value, MaskMethod.FORMAT_PRESERVING, KEY)
    if not any(character.isalnum() for character in value):
        assert hidden == HIDDEN
        return
    assert [_class(character) for character in hidden] == [_class(character) for character in value]


def _class(character: str) -> str:
    if character.isdigit():
        return "9"
    return character if not character.isalpha() else "A" if character.isupper() else "a"


def test_other_keys_hide_otherwise() -> None:
    for method in (MaskMethod.HASH, MaskMethod.FORMAT_PRESERVING):
        assert masked("4111 1111", method, b"one") != masked("4111 1111", method, b"other")


def test_a_part_is_little_of_the_value() -> None:
    parts = {
        value: masked(value, MaskMethod.PARTIAL, KEY) for value in ("M", "abc", "abcd", "4111 1111 1234")
    }
    assert parts == {"M": "•••", "abc": "•••", "abcd": "•••d", "4111 1111 1234": "•••234"}
