"""The configuration of ``noria ingest``: every fault told, no secret in it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from twin.errors import InputError
from twin.ingest.mapping import Mapped
from twin.ingest.registry import load_registry
from twin.ingest.settings import IngestConfig, kinds, load_ingest

MES: dict[str, Any] = {"kind": "b2mml", "name": "mes", "folder": "drop"}
MQTT: dict[str, Any] = {"kind": "mqtt", "name": "line-1", "host": "broker", "topics": ["a/#"]}
GOOD: dict[str, Any] = {"store": "sqlite:///events.sqlite", "sources": [MES]}


def load(folder: Path, content: Any) -> IngestConfig:
    path = folder / "ingest.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_ingest(path)


def faults(folder: Path, content: Any) -> str:
    with pytest.raises(InputError) as refused:
        load(folder, content)
    return str(refused.value)


def test_paths_start_at_the_configurations_folder(tmp_path: Path) -> None:
    given = {**GOOD, "plant": "p.yaml", "equipment": "e.yaml", "metrics": {"file": "m.prom"}}
    found = load(tmp_path, given)
    assert found.store.file == tmp_path / "events.sqlite"
    assert found.plant == tmp_path / "p.yaml"
    assert found.equipment.file == tmp_path / "e.yaml"
    assert found.metrics.file == tmp_path / "m.prom"
    assert found.sources[0].folder == tmp_path / "drop"  # type: ignore[union-attr]


def test_the_path_of_a_secret_is_left_to_the_keyring(tmp_path: Path) -> None:
    given = {
        **GOOD,
        "sources": [{**MQTT, "user": "noria", "password": {"file": "secret"}, "plain_text": True}],
    }
    source: Any = load(tmp_path, given).sources[0]
    assert source.password.file == Path("secret")


def test_every_source_is_mapped_and_has_a_name(tmp_path: Path) -> None:
    assert {"b2mml", "mqtt"} <= set(kinds())
    for source in load(tmp_path, {**GOOD, "sources": [MES, MQTT]}).sources:
        assert isinstance(source, Mapped)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sources": []}, "sources: "),
        ({"sources": [{**MES, "kind": "mqt"}]}, 'no kind "mqt"; did you mean "mqtt"?'),
        ({"sources": [{"name": "a"}]}, "sources.0.kind: missing"),
        ({"sources": ["mqtt"]}, "sources.0: a mapping of keys is expected"),
        ({"sources": [MES, MES]}, 'two sources have the name "mes"'),
        ({"sources": [{**MES, "name": "../x"}]}, 'the source name "../x" is not made of'),
        ({"sources": [{**MES, "name": "a\nb"}]}, "the source name"),
        ({"sources": [{**MES, "name": ""}]}, "the source name"),
        ({"sources": [{**MES, "name": "a" * 65}]}, "the source name"),
        ({"sources": [{**MES, "foldr": "x"}]}, 'unknown key "foldr"; did you mean "folder"?'),
        ({"sources": [{**MES, "fields": {"tme": "a"}}]}, "sources.0.fields.tme"),
        ({"stoer": "x"}, 'unknown key "stoer"; did you mean "store"?'),
        ({"store": "mysql://a@b/c"}, "store.url"),
        ({"metrics": {"port": 70000}}, "metrics.port"),
        ({"metrics": {"every_s": 0}}, "metrics.every_s"),
        ({"free_names": ["order"]}, "free_names.0"),
        ({"equipment": {"PRESS-1": "press1"}}, "equipment.names.PRESS-1"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    assert told in faults(tmp_path, {**GOOD, **change})


def test_all_faults_of_a_configuration_are_told_together(tmp_path: Path) -> None:
    told = faults(
        tmp_path, {"store": "x", "metrics": {"port": -1}, "sources": [{**MES, "every": 0}]}
    )
    assert len(told.splitlines()) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"store": "postgresql://noria:hunter2@db/events"},
        {"store": {"url": "postgresql://noria@db/events", "password": "hunter2"}},
        {"sources": [{**MQTT, "user": "noria", "password": "hunter2"}]},
        {"sources": [{**MQTT, "user": "noria", "password": {"env": "A", "text": "hunter2"}}]},
    ],
)
def test_a_password_in_the_configuration_is_refused_and_not_repeated(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    told = faults(tmp_path, {**GOOD, **change})
    assert "hunter2" not in told


EXAMPLE = Path(__file__).parents[3] / "data" / "ingest" / "ingest.yaml"


def test_the_example_has_every_kind_of_source() -> None:
    found = load_ingest(EXAMPLE)
    load_registry(found)
    assert {str(getattr(source, "kind", "")) for source in found.sources} == set(kinds())


def test_the_example_names_no_real_host() -> None:
    hosts = re.findall(r"[\w-]+\.[\w.-]*\b(?:com|net|org|ma|local)\b", EXAMPLE.read_text("utf-8"))
    assert hosts == []
