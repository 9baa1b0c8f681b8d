"""Health: counted right, silence seen, metrics that Prometheus reads, and no secret anywhere."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.twin.ingest.test_settings import GOOD
from twin.ingest.health import Health, SourceHealth, read_status, status_file
from twin.ingest.metrics import metrics_text
from twin.ingest.settings import IngestConfig
from twin.model.base import validate
from twin.secrets import Keyring, SecretPlace
from twin.store.record import Appended

FIVE = datetime(2026, 11, 23, 5, tzinfo=UTC)


def running(**facts: Any) -> SourceHealth:
    health = SourceHealth("line-1", "mqtt", **facts)
    health.entered("running")
    return health


def samples(health: Health) -> dict[str, float]:
    families = text_string_to_metric_families(metrics_text(health))
    return {s.name: s.value for family in families for s in family.samples}


def test_metrics_say_what_was_counted() -> None:
    source = running()
    source.connection(True, "")
    source.connection(False, "gone")
    source.connection(True, "")
    source.took(10, 1, Appended(5, 3, 1), FIVE, 0.25)
    found = samples(Health({"line-1": source}))
    assert found["noria_ingest_messages_received_total"] == 10
    assert found["noria_ingest_events_stored_total"] == 5
    assert found["noria_ingest_events_duplicate_total"] == 3
    assert found["noria_ingest_messages_held_total"] == 1
    assert found["noria_ingest_messages_ignored_total"] == 1
    assert found["noria_ingest_reconnects_total"] == 1
    assert found["noria_ingest_connected"] == 1
    assert found["noria_ingest_last_event_timestamp_seconds"] == FIVE.timestamp()
    assert found["noria_ingest_event_delay_seconds"] > 0
    assert found["noria_ingest_store_seconds_total"] == 0.25


def test_each_source_has_its_labels() -> None:
    text = metrics_text(Health({"a": SourceHealth("a", "sql"), "b": SourceHealth("b", "mqtt")}))
    assert 'noria_ingest_events_stored_total{kind="sql",source="a"} 0.0' in text
    assert 'noria_ingest_events_stored_total{kind="mqtt",source="b"} 0.0' in text
    assert "last_event_timestamp_seconds{" not in text


def test_a_batch_of_known_events_is_no_news_of_the_plant() -> None:
    source = running()
    source.took(1, 0, Appended(0, 1, 0), FIVE, 0.1)
    assert source.values(60)["last_event"] is None


def test_an_older_batch_does_not_turn_the_last_event_back() -> None:
    source = running()
    source.took(1, 0, Appended(1, 0, 0), FIVE, 0.1)
    source.took(1, 0, Appended(1, 0, 0), FIVE.replace(hour=2), 0.1)
    assert source.values(60)["last_event"] == FIVE.isoformat()


def test_a_source_that_is_not_heard_of_is_silent() -> None:
    source = running()
    assert not source.is_silent(0.05)
    time.sleep(0.1)
    assert source.is_silent(0.05)
    source.awake()
    assert not source.is_silent(0.05)
    source.awake(30)
    time.sleep(0.1)
    assert not source.is_silent(0.05)


def test_an_ended_source_is_not_silent() -> None:
    source = running()
    source.entered("ended")
    time.sleep(0.1)
    assert not source.is_silent(0.05)


def test_no_secret_gets_into_status_or_metrics(tmp_path: Path) -> None:
    keyring = Keyring({"PW": 'hunter2"\\'}, tmp_path)
    keyring.value(SecretPlace(env="PW"), "password")
    source = running(redact=keyring.redact)
    told = "login as noria with 'hunter2\"\\\\' at mqtt://noria:hunter2@b refused"
    source.connection(False, told)
    source.failed(told)
    source.store_is_away(told)
    source.trouble(told, told, 0)
    health = Health({"line-1": source})
    health.write(tmp_path / "s.json", tmp_path / "m.prom")
    for path in (tmp_path / "s.json", tmp_path / "m.prom"):
        assert "hunter2" not in path.read_text(encoding="utf-8")


def test_texts_of_libraries_are_kept_short_and_few() -> None:
    source = running()
    source.failed("x\n" * 10_000)
    for number in range(1000):
        source.trouble(f"device-{number}", "lost", 1)
    found = source.values(60)
    assert len(found["last_error"]) <= 500
    assert len(found["troubles"]) <= 50
    assert found["missing"] == 1000


def test_the_status_is_written_whole_and_read_back(tmp_path: Path) -> None:
    health = Health({"line-1": running()}, store="sqlite:///e.sqlite", pid=7)
    path = tmp_path / "a.status.json"
    health.write(path, None)
    found = read_status(path)
    assert found == json.loads(path.read_text(encoding="utf-8"))
    assert found is not None
    assert (found["pid"], found["store"]) == (7, "sqlite:///e.sqlite")
    assert [p.name for p in tmp_path.iterdir()] == ["a.status.json"]


def test_a_status_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.status.json"
    assert read_status(path) is None
    path.write_text("{", encoding="utf-8")
    assert read_status(path) is None
    path.write_text("[]", encoding="utf-8")
    assert read_status(path) is None


def test_the_status_lies_beside_the_configuration_or_where_it_says(tmp_path: Path) -> None:
    config = validate(GOOD, IngestConfig, "x")
    assert status_file(tmp_path / "a.yaml", config) == tmp_path / "a.status.json"
    moved = validate({**GOOD, "state": "run"}, IngestConfig, "x").located(tmp_path)
    assert status_file(tmp_path / "a.yaml", moved) == tmp_path / "run" / "a.status.json"
