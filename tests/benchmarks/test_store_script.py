"""The script on the event store runs; no speed is judged."""

import json

import pytest

from tests.benchmarks import event_store
from tests.benchmarks.event_store import event_of
from twin.store.keys import refusals, row_of


@pytest.mark.slow
@pytest.mark.servers
def test_the_script_runs_on_both_stores(capsys: pytest.CaptureFixture[str]) -> None:
    assert event_store.main(["--events", "6000", "--postgres"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    ingest = {row["store"]: row for row in rows if row["what"] == "ingest"}
    assert set(ingest) == {"SQLite", "PostgreSQL"}
    assert {row.get("by") for row in rows} == {None, "the store", "DuckDB"}


def test_its_events_are_events_and_all_different() -> None:
    rows = [row_of(event_of(n, 3.0)) for n in range(2000)]
    assert refusals(rows) == {}
    assert len({row[0] for row in rows}) == 2000
