"""A plant file is read whole or refused with every fault named."""

from pathlib import Path

import pytest
import yaml

from twin.errors import InputError
from twin.model.base import parse_duration, read_yaml
from twin.model.horizon import Horizon
from twin.model.plant import SetupTable, load_plant

SMALL = Path(__file__).parents[2] / "plants" / "small.yaml"


def content() -> dict:
    return yaml.load(SMALL.read_text(), yaml.BaseLoader)


def refused(tmp_path: Path, plant: dict) -> str:
    path = tmp_path / "plant.yaml"
    path.write_text(yaml.safe_dump(plant))
    with pytest.raises(InputError) as error:
        load_plant(path)
    return str(error.value)


def test_a_plant_survives_a_round_trip_through_yaml(tmp_path: Path) -> None:
    plant = load_plant(SMALL)
    path = tmp_path / "again.yaml"
    path.write_text(yaml.safe_dump(plant.model_dump(mode="json")))
    assert load_plant(path) == plant


def test_five_faults_come_in_one_message_with_path_value_and_remedy(tmp_path: Path) -> None:
    plant = content()
    plant["work_units"][0]["startup_tme"] = "3 h"
    plant["work_units"][1]["standby_timeout"] = "-2 min"
    plant["work_units"][2]["processing"][0]["time"]["*"] = "80 mins"
    plant["work_units"][0]["failure_modes"][0]["time_to_failure"]["shape"] = -1
    del plant["products"][0]["family"]
    message = refused(tmp_path, plant)
    assert message.count("\n") == 4
    assert 'work_units.0: unknown key "startup_tme"; did you mean "startup_time"?' in message
    assert "work_units.1.standby_timeout: got '-2 min'" in message
    assert "work_units.2.processing.0.time.*: got '80 mins'; a duration reads" in message
    assert "failure_modes.0.time_to_failure.shape: got -1" in message
    assert "products.0.family: missing; add it" in message


def test_broken_references_are_named_with_the_nearest_good_one(tmp_path: Path) -> None:
    plant = content()
    plant["work_units"][0]["area"] = "formng"
    plant["work_units"][0]["maintenance"][0]["renews"] = ["spindel"]
    plant["routes"][0]["operations"] = ["press", "harden", "pak"]
    message = refused(tmp_path, plant)
    assert 'work_units.0.area: no area "formng"; did you mean "forming"?' in message
    assert 'no failure mode "spindel"; did you mean "spindle"?' in message
    assert 'routes.0.operations: no operation "pak"; did you mean "pack"?' in message


def test_a_product_nobody_can_make_is_refused(tmp_path: Path) -> None:
    plant = content()
    plant["work_units"][2]["processing"][0]["time"] = {"fb": "80 min"}
    assert 'no work unit can do "harden" for "A"' in refused(tmp_path, plant)


def test_off_is_a_state_and_not_a_boolean() -> None:
    assert load_plant(SMALL).unit("F-1").power_kw.off == 0.5


@pytest.mark.parametrize("text", ["", "- 1\n- 2\n", "a: [1\n"])
def test_what_is_no_plant_at_all_is_refused_in_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"plant\.yaml"):
        load_plant(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"id: a\nname: b\nid: c\n", 'line 3, column 1: key "id" appears twice'),
        (b"id: a\nday: 2026-11-31\n", "line 2, column 6: 2026-11-31 is no date"),
        ("id: a\nname: Kénitra\n".encode("latin-1"), "line 2: a character is not UTF-8"),
    ],
)
def test_a_slip_in_a_yaml_file_is_named_with_its_line(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "plant.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        load_plant(path)
    assert words in str(error.value)


def test_keys_merged_from_an_anchor_may_be_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one: &one {a: 1, b: 2}\ntwo: {<<: *one, b: 3}\n")
    assert read_yaml(path)["two"] == {"a": 1, "b": 3}


def test_a_folder_is_no_plant(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: Is a directory; check the path"):
        load_plant(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_plant(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    ("text", "minutes"), [("90 s", 1.5), ("25 min", 25), ("2 d", 2880), (7, 7)]
)
def test_durations_are_minutes(text: object, minutes: float) -> None:
    assert parse_duration(text) == minutes


def test_a_horizon_needs_a_zone() -> None:
    from datetime import datetime

    with pytest.raises(ValueError, match="no time zone"):
        Horizon(datetime(2026, 11, 23), 60)


def test_a_setup_takes_time_only_between_two_different_known_keys() -> None:
    table = SetupTable(by="product", default=30, times={"A": {"B": 10}})
    assert table.time_between("A", "B") == 10
    assert table.time_between("B", "A") == 30
    assert table.time_between("A", "A") == table.time_between("", "A") == 0
    assert table.time_between("A", "") == 0  # the product after needs no setup
