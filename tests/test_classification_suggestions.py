"""Suggestions come, are refreshed and withdrawn; what a person decided stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from connectors.entries import ColumnProfile, Evidence, Prediction, Profile
from domain import classification
from domain.catalog import ingest
from models.classification import Label, Severity
from tests.factories.catalog import Ground, ground, table


@pytest.fixture
async def catalog(database: str) -> AsyncIterator[Ground]:
    async with ground(database) as made:

        async def taxonomy(tx: Any) -> None:
            for name in ("EMAIL", "PERSON_NAME"):
                tx.session.add(
                    Label(name=name, title=name.title(), sensitivity=Severity.MEDIUM, regulations=[])
                )

        await made.run(taxonomy)
        await made.read([table("db", "s", "t", columns=["mail", "name"])])
        yield made


def prediction(column: str, label: str = "EMAIL", confidence: float = 0.9) -> Prediction:
    return Prediction(
        path=("db", "s", "t", column),
        label=label,
        confidence=confidence,
        layer="PATTERN",
        evidence=(Evidence(kind="PATTERN", text="Looks like an address", weight=1.0, match_ratio=0.98),),
    )


PROFILE = Profile(
    path=("db", "s", "t"),
    sampled_rows=10,
    columns=tuple(ColumnProfile(name=name, count=10, null_ratio=0) for name in ("mail", "name")),
)


async def sample(catalog: Ground, *predictions: Prediction, reverse: bool = False) -> int:
    """A complete sampling."""
    run_id = await catalog.new_run()

    async def worked(tx: Any, source: Any, run: Any) -> int:
        if reverse:
            await ingest.profiles(tx, source, run, [PROFILE])
        made = await classification.suggest(tx, source, run, predictions)
        if not reverse:
            await ingest.profiles(tx, source, run, [PROFILE])
        await classification.settle(tx, source, run)
        return made

    made = await catalog.within(run_id, worked)
    await catalog.end(run_id)
    return made


async def standing(catalog: Ground) -> dict[tuple[str, str], tuple[str, float]]:
    rows = await catalog.rows(
        "SELECT a.name, l.name AS label, c.state, c.confidence FROM classification c"
        " JOIN asset a ON a.id = c.asset_id JOIN label l ON l.id = c.label_id"
    )
    return {(row.name, row.label): (row.state, row.confidence) for row in rows}


async def decide(catalog: Ground, state: str) -> None:
    async with catalog.database.engine.begin() as connection:
        await connection.execute(text("UPDATE classification SET state = :state"), {"state": state})


async def test_predictions_are_suggested(catalog: Ground) -> None:
    catalog.events.clear()
    unknown = prediction("mail", label="NOT_IN_THE_TAXONOMY")
    assert await sample(catalog, prediction("mail"), unknown, prediction("gone")) == 1
    assert await standing(catalog) == {("mail", "EMAIL"): ("SUGGESTED", 0.9)}
    [event] = catalog.events
    assert (event.suggested, event.withdrawn, len(event.classification_ids)) == (1, 0, 1)


@pytest.mark.parametrize("reverse", [False, True])
async def test_the_same_predictions_again_write_nothing(catalog: Ground, reverse: bool) -> None:
    await sample(catalog, prediction("mail"))
    before = await catalog.rows("SELECT id, version, valid_from FROM classification")
    catalog.events.clear()
    assert await sample(catalog, prediction("mail"), reverse=reverse) == 0
    assert await catalog.rows("SELECT id, version, valid_from FROM classification") == before
    assert catalog.events == []
    assert await catalog.value("SELECT count(*) FROM reading_mark") == 0


async def test_a_changed_belief_refreshes_the_suggestion(catalog: Ground) -> None:
    await sample(catalog, prediction("mail"))
    assert await sample(catalog, prediction("mail", confidence=0.7)) == 1
    assert await standing(catalog) == {("mail", "EMAIL"): ("SUGGESTED", 0.7)}
    assert await catalog.value("SELECT count(*) FROM classification_history") == 1


async def test_what_is_no_longer_predicted_is_withdrawn(catalog: Ground) -> None:
    await sample(catalog, prediction("mail"), prediction("name", label="PERSON_NAME"))
    catalog.events.clear()
    await sample(catalog, prediction("mail"))
    assert list(await standing(catalog)) == [("mail", "EMAIL")]
    assert catalog.events[-1].withdrawn == 1


async def test_a_rejected_label_does_not_come_back(catalog: Ground) -> None:
    await sample(catalog, prediction("mail"))
    await decide(catalog, "REJECTED")
    assert await sample(catalog, prediction("mail", confidence=1.0)) == 0
    assert await standing(catalog) == {("mail", "EMAIL"): ("REJECTED", 0.9)}


async def test_an_accepted_label_stays_when_it_is_no_longer_predicted(catalog: Ground) -> None:
    await sample(catalog, prediction("mail"))
    await decide(catalog, "ACCEPTED")
    await sample(catalog)
    assert await standing(catalog) == {("mail", "EMAIL"): ("ACCEPTED", 0.9)}


async def test_columns_that_were_not_sampled_keep_their_suggestions(catalog: Ground) -> None:
    await sample(catalog, prediction("mail"))
    run_id = await catalog.new_run()
    await catalog.within(run_id, lambda tx, source, run: classification.settle(tx, source, run))
    assert await standing(catalog) == {("mail", "EMAIL"): ("SUGGESTED", 0.9)}
