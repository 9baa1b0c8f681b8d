"""Times, numbers and texts as machines send them: read for certain, or refused with the reason."""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from twin.ingest.mapping import TimeUnit
from twin.ingest.values import Refused, found_at, read_number, read_text, read_time, shown

CASABLANCA = ZoneInfo("Africa/Casablanca")
PARIS = ZoneInfo("Europe/Paris")
FIVE = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-23T05:00:00Z",
        "2026-11-23 05:00:00+00:00",
        "2026-11-23T06:00:00+01:00",
        "2026-11-23T06:00:00,000 +0100",
        "2026-11-23T06:00+01",
        " 2026-11-22T23:30:00.000000000-05:30 ",
        FIVE,
        datetime(2026, 11, 23, 6, tzinfo=timezone(timedelta(hours=1))),
        pd.Timestamp("2026-11-23T06:00:00+01:00"),
    ],
)
def test_times_with_offset_need_no_zone(value: Any) -> None:
    assert read_time(value, None, None) == FIVE
    assert type(read_time(value, None, None)) is datetime


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (1795410000, "s"),
        (1795410000.0, "s"),
        ("1795410000", "s"),
        (1795410000000, "ms"),
        (Decimal("1795410000000"), "ms"),
        (1795410000000000, "us"),
        (1795410000000000999, "ns"),
        (np.int64(1795410000000), "ms"),
    ],
)
def test_numbers_are_times_in_the_unit_said(value: Any, unit: TimeUnit) -> None:
    assert read_time(value, None, unit) == FIVE


def test_a_fraction_is_kept_to_the_microsecond() -> None:
    read = read_time("2026-11-23T05:00:00.1234567Z", None, None)
    assert read == FIVE.replace(microsecond=123456)
    assert read_time(1795410000123, None, "ms") == FIVE.replace(microsecond=123000)


def test_a_time_without_offset_is_the_plants_wall_clock() -> None:
    assert read_time("2026-11-23T06:00:00", CASABLANCA, None) == FIVE
    assert read_time(datetime(2026, 11, 23, 6), CASABLANCA, None) == FIVE


@pytest.mark.parametrize(
    ("value", "kind"),
    [("2026-03-29T02:30:00", "skips"), ("2026-10-25T02:30:00", "repeats")],
)
def test_an_hour_that_a_change_of_clock_skips_or_repeats_is_refused(value: str, kind: str) -> None:
    with pytest.raises(Refused, match=f"Europe/Paris {kind} this hour"):
        read_time(value, PARIS, None)


def test_the_same_hour_with_offset_is_taken() -> None:
    read = read_time("2026-10-25T02:30:00+02:00", PARIS, None)
    assert read == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("2026-11-23T06:00:00", "without offset; write timezone"),
        ("2026-11-23", "is the form of one"),
        ("23/11/2026 06:00", "is the form of one"),
        ("2026-02-30T06:00:00Z", "there is no such time"),
        ("2026-11-23T25:00:00Z", "there is no such time"),
        ("0001-01-01T00:00:00+12:00", "no such time in UTC"),
        ("٢٠٢٦-11-23T06:00:00Z", "is the form of one"),
        ("now", "is the form of one"),
        (1795410000, "a number; write time_unit"),
        (True, "a date with a time of day"),
        (date(2026, 11, 23), "a date with a time of day"),
        ([2026, 11, 23], "a date with a time of day"),
        ({}, "a date with a time of day"),
        (pd.NaT, "got nothing"),
    ],
)
def test_what_is_no_certain_time_is_refused(value: Any, told: str) -> None:
    with pytest.raises(Refused, match=told):
        read_time(value, None, None)


@pytest.mark.parametrize("value", [1e300, -1e300, math.inf, math.nan, "9" * 30, Decimal("NaN")])
def test_numbers_beyond_the_calendar_are_refused(value: Any) -> None:
    with pytest.raises(Refused, match="no such time in s"):
        read_time(value, None, "s")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0.0),
        (1.5, 1.5),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (" 12 ", 12.0),
        (Decimal("0.1"), 0.1),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7.0),
    ],
)
def test_a_number_is_a_number_or_a_plain_numeral(value: Any, number: float) -> None:
    assert read_number("quantity", value) == number


def test_a_negative_zero_is_zero() -> None:
    assert math.copysign(1, read_number("quantity", -0.0)) == 1


@pytest.mark.parametrize(
    "value",
    [
        True, False, [1], {"a": 1}, None, "", "0,5", "1 000", "1_000", "0x10", "12 pcs", "NaN",
        "inf", "-", "1e999", math.nan, math.inf, -1, -0.001, "-5", 1e16, 10**400, Decimal("sNaN"),
        "١٢", b"12", object(),
    ],
)  # fmt: skip
def test_what_is_no_count_is_refused(value: Any) -> None:
    with pytest.raises(Refused, match=r"^quantity got "):
        read_number("quantity", value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("4711", "4711"),
        (4711, "4711"),
        (4711.0, "4711"),
        ("  PRESS-1  ", "PRESS-1"),
        ("Vis à tête fraisée M4×20", "Vis à tête fraisée M4×20"),
        ("برغي", "برغي"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (Decimal("12"), "12"),
        (np.int64(12), "12"),
    ],
)
def test_a_text_is_a_text_or_a_whole_number(value: Any, text: str) -> None:
    assert read_text("order", value) == text


@pytest.mark.parametrize(
    "value",
    [
        True, 1.5, math.nan, math.inf, ["a"], {"a": 1}, b"a", "a\x00b", "a\nb", "\x1b[31mred",
        "a\u202eb", "4711\u200b", "\ud800", "x" * 201, 10**70, Decimal("sNaN"), object(),
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused(value: Any) -> None:
    with pytest.raises(Refused, match=r"^order got ") as refused:
        read_text("order", value)
    told = str(refused.value)
    assert len(told) < 200
    assert told.isprintable()


def test_a_field_is_found_by_its_whole_name_first() -> None:
    assert found_at("topic.1")({"topic.1": "a", "topic": {"1": "b"}}) == "a"
    assert found_at("topic.1")({"topic": {"1": "b"}}) == "b"
    assert found_at("d.1.v")({"d": [{"v": 1}, {"v": 2}]}) == 2
    assert found_at("d.7.v")({"d": [{"v": 1}]}) is None
    assert found_at("d.__class__")({"d": {}}) is None


def test_a_shown_value_is_short_and_on_one_line() -> None:
    values: list[Any] = ["x" * 1000, "a\nb\x1b[2J", 10**5000, ["y"] * 1000, {"k": {"k": {}}}]
    for value in values:
        text = shown(value)
        assert len(text) < 80
        assert text.isprintable()
