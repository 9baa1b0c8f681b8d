"""Names of equipment: translated, refused by name when unknown, at once when ambiguous."""

from pathlib import Path
from typing import Any

import pytest

from twin.errors import InputError
from twin.ingest.registry import Registry, load_registry
from twin.ingest.settings import IngestConfig
from twin.ingest.values import Refused
from twin.model.base import validate

PLANT = """
id: kenitra
areas: [{id: pressing}, {id: heat}]
operations: [{id: press}, {id: anneal}]
routes: [{id: screw, operations: [press, anneal]}]
materials: [{id: wire, unit_kg: 500}]
products: [{id: M4x20, family: M4, route: screw, piece_mass_g: 2, lot_size: 1000, material: wire}]
work_units:
  - {id: PRESS-1, area: pressing, processing: [{operation: press, basis: piece, time: {"*": 0.01}}]}
  - {id: PRESS-2, area: pressing, processing: [{operation: press, basis: piece, time: {"*": 0.01}}]}
  - id: OVEN-1
    area: heat
    processing: [{operation: anneal, basis: load, load_kg: 500, time: {"*": 60}}]
"""
SOURCE = {"kind": "b2mml", "name": "mes", "folder": "drop"}


def config(folder: Path, **settings: Any) -> IngestConfig:
    (folder / "plant.yaml").write_text(PLANT, encoding="utf-8")
    content = {
        "store": "sqlite:///e.sqlite",
        "sources": [SOURCE],
        "plant": "plant.yaml",
        **settings,
    }
    return validate(content, IngestConfig, "ingest.yaml").located(folder)


def unit(registry: Registry, name: str) -> str:
    check = registry.check_of("work_unit")
    assert check is not None
    return check(name)


def test_other_names_mean_units_of_the_plant(tmp_path: Path) -> None:
    names = {"PRESS-1": ["press1", "Line1/Press1", " padded "], "kenitra": ["main meter"]}
    registry = load_registry(config(tmp_path, equipment=names))
    assert unit(registry, "Line1/Press1") == unit(registry, "padded") == "PRESS-1"
    assert unit(registry, "PRESS-1") == "PRESS-1"
    assert unit(registry, "main meter") == unit(registry, "kenitra") == ""


def test_the_names_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "equipment.yaml").write_text("OVEN-1: [furnace]\n", encoding="utf-8")
    registry = load_registry(config(tmp_path, equipment="equipment.yaml"))
    assert unit(registry, "furnace") == "OVEN-1"


def test_an_unknown_unit_is_refused_by_name(tmp_path: Path) -> None:
    registry = load_registry(config(tmp_path))
    with pytest.raises(Refused, match=r'unknown work unit "PRES-1"; did you mean "PRESS-1"\?'):
        unit(registry, "PRES-1")
    with pytest.raises(Refused, match=r'unknown work unit "press-2"; did you mean "PRESS-2"\?'):
        unit(registry, "press-2")


def test_an_area_is_no_work_unit(tmp_path: Path) -> None:
    with pytest.raises(Refused, match='"heat" is an area'):
        unit(load_registry(config(tmp_path)), "heat")


def test_operations_and_products_are_the_plants_unless_free(tmp_path: Path) -> None:
    strict = load_registry(config(tmp_path))
    assert strict.check_of("operation") is not None
    assert strict.check_of("order") is None
    free = load_registry(config(tmp_path, free_names=["operation", "product"]))
    assert free.check_of("operation") is None
    assert free.check_of("product") is None


def test_without_a_plant_names_are_taken_as_they_come(tmp_path: Path) -> None:
    registry = load_registry(config(tmp_path, plant=None, equipment={"P": ["p1"]}))
    assert [unit(registry, name) for name in ("p1", "P", "Q")] == ["P", "P", "Q"]


def test_every_ambiguous_or_unknown_name_is_told_before_anything_starts(tmp_path: Path) -> None:
    names = {
        "PRESS-1": ["press", "OVEN-1"],
        "PRESS-2": ["press", "", "a\nb"],
        "PRESS-9": ["p9"],
    }
    with pytest.raises(InputError) as refused:
        load_registry(config(tmp_path, equipment=names))
    told = str(refused.value)
    assert len(refused.value.faults) == 5
    assert 'PRESS-1: "OVEN-1" is the id of OVEN-1; a name means one unit' in told
    assert 'PRESS-2: "press" is another name of PRESS-1' in told
    assert "PRESS-9: no such work unit in the plant; did you mean" in told


@pytest.mark.parametrize("text", ["- a", "PRESS-1: press1", "PRESS-1: [[a]]", "PRESS-1: [", ""])
def test_a_broken_file_of_names_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "equipment.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"equipment\.yaml"):
        load_registry(config(tmp_path, equipment="equipment.yaml"))
