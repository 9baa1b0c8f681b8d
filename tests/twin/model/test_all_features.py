"""The commented example plant shows every key there is, and can be read back as it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from twin.model.base import read_yaml, validate
from twin.model.plant import Plant, load_plant

PLANTS = Path(__file__).parents[2] / "plants"


def classes(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every class of the model that an annotation speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from classes(field.annotation)
    for part in getattr(annotation, "__args__", ()):
        yield from classes(part)


def keys_written(item: Any) -> Iterator[tuple[str, str]]:
    """Class and field of every key that was written in a plant file."""
    if isinstance(item, BaseModel):
        for name in item.model_fields_set:
            yield type(item).__name__, name
            yield from keys_written(getattr(item, name))
    elif isinstance(item, dict):
        for value in item.values():
            yield from keys_written(value)
    elif isinstance(item, list | tuple):
        for value in item:
            yield from keys_written(value)


def test_every_key_of_a_plant_file_is_shown() -> None:
    every = {(c.__name__, name) for c in classes(Plant) for name in c.model_fields}
    shown = set(keys_written(load_plant(PLANTS / "all_features.yaml")))
    assert sorted(every - shown) == []
    assert len(every) > 150


def test_it_survives_a_round_trip_through_yaml(tmp_path: Path) -> None:
    plant = load_plant(PLANTS / "all_features.yaml")
    path = tmp_path / "again.yaml"
    path.write_text(yaml.safe_dump(plant.model_dump(mode="json")))
    assert load_plant(path) == plant


def test_an_infinite_level_survives_it_too(tmp_path: Path) -> None:
    content = read_yaml(PLANTS / "all_features.yaml")
    content["work_units"][0]["maintenance"][0]["condition"]["level"] = float("inf")
    plant = validate(content, Plant, "plant")
    path = tmp_path / "again.yaml"
    path.write_text(yaml.safe_dump(plant.model_dump(mode="json")))
    assert validate(read_yaml(path), Plant, "plant") == plant


def test_laws_can_be_keys() -> None:
    """Expected failures are looked up by law."""
    for unit in load_plant(PLANTS / "all_features.yaml").work_units:
        for mode in unit.failure_modes:
            assert isinstance(hash(mode.time_to_repair), int)
            assert isinstance(hash(mode.time_to_failure), int)
