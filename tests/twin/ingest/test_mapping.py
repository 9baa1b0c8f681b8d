"""What a plant may write about its messages, and what is refused at the door."""

from typing import Any, get_args

import pytest

from twin.errors import InputError
from twin.ingest.mapping import Column, FieldRule, Mapped
from twin.model.base import validate
from twin.model.events import COLUMNS


def mapped(**settings: Any) -> Mapped:
    return validate(settings, Mapped, "ingest.yaml")


def test_every_column_of_the_event_log_can_be_mapped() -> None:
    assert get_args(Column) == COLUMNS


def test_a_name_alone_is_where_the_column_is() -> None:
    assert mapped(fields={"time": "ts"}).fields["time"] == FieldRule.model_validate({"from": "ts"})


def test_codes_may_be_numbers() -> None:
    rule = mapped(fields={"state": {"from": "s", "values": {1: "working", 2: "down"}}})
    assert rule.fields["state"].values == {"1": "working", "2": "down"}


def test_what_a_mapping_reads_is_known() -> None:
    rules = {"work_unit": {"template": "{line}-{station}"}, "time": "ts"}
    read = mapped(fields=rules, key=["id"], ignore={"type": ["beat"]}).read_fields
    assert {"line", "station", "ts", "id", "type", "quantity"} <= read
    assert not {"time", "work_unit"} & read


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"fields": {"tme": "ts"}}, "tme"),
        ({"fields": {"time": {"form": "ts"}}}, 'did you mean "from"?'),
        ({"fields": {"time": {}}}, "give one of from, value and template"),
        ({"fields": {"time": {"from": "a", "template": "{b}"}}}, "give one of"),
        ({"fields": {"state": {"value": True}}}, "not true or false"),
        ({"fields": {"state": {"value": "off", "default": "on"}}}, "needs neither"),
        ({"fields": {"state": {"from": "s", "factor": 2}}}, "state is no number"),
        ({"fields": {"quantity": {"from": "q", "factor": 0}}}, "greater than 0"),
        ({"fields": {"quantity": {"from": "q", "factor": float("inf")}}}, "finite"),
        ({"fields": {"order": {"template": "{a"}}}, "names of fields in braces"),
        ({"fields": {"order": {"template": "{}"}}}, "names of fields in braces"),
        ({"fields": {"order": {"template": "abc"}}}, "names at least one field"),
        ({"fields": {"order": 4711}}, "the name of a field is expected"),
        ({"key": ["id", "id"]}, "different names"),
        ({"key": [""]}, "different names"),
        ({"timezone": "Africa/Casablance"}, 'did you mean "Africa/Casablanca"?'),
        ({"time_unit": "minutes"}, "time_unit"),
        ({"key_space": "a b"}, "key_space"),
        ({"fielsd": {}}, 'did you mean "fields"?'),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as refused:
        mapped(**settings)
    assert told in str(refused.value)
