"""What is mistyped in a configuration is told before it puts every message into quarantine."""

from typing import Any

import pytest

from tests.twin.ingest.test_settings import EXAMPLE, GOOD, MES
from twin.ingest.names_check import wrong_names
from twin.ingest.registry import Registry, load_registry
from twin.ingest.settings import IngestConfig, load_ingest
from twin.model.base import validate

PLANT = Registry(units={"PRESS-1": "PRESS-1"}, operations=frozenset({"press"}))


def told(source: dict[str, Any]) -> list[str]:
    config = validate({**GOOD, "sources": [source]}, IngestConfig, "ingest.yaml")
    return [str(fault) for fault in wrong_names(config.sources, PLANT)]


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"state": {"from": "s", "values": {"RUN": "wroking"}}}, "fields.state.values.RUN"),
        ({"state": {"from": "s", "default": "on"}}, "fields.state.default"),
        ({"event": {"value": "stat"}}, "fields.event.value"),
        ({"work_unit": {"value": "PRES-1"}}, "fields.work_unit.value"),
        ({"operation": {"value": "pres"}}, "fields.operation.value"),
        ({"verdict": {"from": "v", "values": {1: "good"}}}, "fields.verdict.values.1"),
        ({"quantity": {"value": -1}}, "fields.quantity.value"),
        ({"time": {"value": "yesterday"}}, "fields.time.value"),
    ],
)
def test_a_wrong_constant_is_told_with_its_place(fields: dict[str, Any], where: str) -> None:
    found = told({**MES, "fields": fields})
    assert len(found) == 1
    assert found[0].startswith(f"sources.0.{where}: ")


def test_sound_constants_pass() -> None:
    fields = {
        "state": {"from": "s", "values": {"RUN": "working", "": ""}, "default": "off"},
        "event": {"value": "state"},
        "work_unit": {"value": "PRESS-1"},
        "quantity": {"from": "q", "factor": 1000, "default": 0},
    }
    assert told({**MES, "fields": fields}) == []


def test_units_of_meters_and_signals_are_looked_up() -> None:
    meters = {"kind": "meters", "name": "m", "folder": "m", "time": "t"}
    found = told({**meters, "meters": {"a": {"work_unit": "PRESS-1"}, "b": {"work_unit": "OVEN"}}})
    assert [line.split(":")[0] for line in found] == ["sources.0.meters.b.work_unit"]
    nodes = {"OVEN": {"good": {"node": "ns=2;s=a"}, "scrap": {"node": "ns=2;s=b"}}}
    opcua = {"kind": "opcua", "name": "o", "endpoint": "opc.tcp://plc:4840", "security": "none"}
    assert len(told({**opcua, "nodes": nodes})) == 1


def test_the_example_is_sound() -> None:
    config = load_ingest(EXAMPLE)
    assert wrong_names(config.sources, load_registry(config)) == []
