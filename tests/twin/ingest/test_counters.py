"""Cumulative counters: what was counted, and what is told apart. Conservation is the truth."""

import math
import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from twin.ingest.counters import (
    SET_ASIDE,
    Count,
    CounterRule,
    CounterState,
    Reading,
    advance,
    counter_from_json,
    counter_to_json,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


PLAIN = CounterRule()


def read(values: list[float], rule: CounterRule = PLAIN, every_s: float = 60.0) -> list[Count]:
    """What each of these readings says, one every ``every_s`` seconds."""
    state, counts = CounterState(), []
    for n, value in enumerate(values):
        at = NOON + timedelta(seconds=n * every_s)
        state, count = advance(state, Reading(at, value), rule)
        counts.append(count)
    return counts


def told(counts: list[Count]) -> list[tuple[str, float]]:
    return [(c.what, c.quantity) for c in counts]


def total(counts: list[Count]) -> float:
    return math.fsum(c.quantity for c in counts if c.is_stored)


def test_the_first_reading_is_a_baseline() -> None:
    assert told(read([1_204, 1_210])) == [("first", 0), ("counted", 6)]


def test_the_first_reading_counts_when_it_is_told_to() -> None:
    assert told(read([5, 7], CounterRule(first="count", factor=2))) == [
        ("first", 10),
        ("counted", 4),
    ]


def test_a_counter_set_back_to_zero_has_counted_its_value_since() -> None:
    assert told(read([10, 20, 3])) == [("first", 0), ("counted", 10), ("reset", 3)]


def test_a_register_goes_on_from_zero_after_its_highest_value() -> None:
    assert told(read([65_530, 4], CounterRule(modulo=65_536)))[1] == ("rollover", 10)


def test_a_signed_register_goes_on_from_its_middle() -> None:
    counts = read([32_760, -32_760, -5, 7], CounterRule(modulo=65_536))
    assert total(counts) == 16 + 32_755 + 12


def test_a_drop_far_from_the_highest_value_is_a_reset_not_a_rollover() -> None:
    assert told(read([500, 20], CounterRule(modulo=65_536)))[1] == ("reset", 20)


def test_the_rate_decides_between_rollover_and_reset() -> None:
    rule = CounterRule(modulo=100, most_per_hour=6_000)  # 100 a minute
    assert told(read([45, 40], rule))[1] == ("rollover", 95)
    assert told(read([45, 40], CounterRule(modulo=100, most_per_hour=3_000)))[1] == ("reset", 40)


def test_a_factor_multiplies_what_was_counted() -> None:
    assert told(read([1_000, 3_500], CounterRule(factor=0.001)))[1] == ("counted", 2.5)


def test_differences_are_those_of_the_decimal_numbers_shown() -> None:
    assert [c.quantity for c in read([0.1, 0.2, 0.3, 1234.4, 1234.7])] == [0, 0.1, 0.1, 1234.1, 0.3]


def test_a_single_wrong_value_costs_nothing() -> None:
    counts = read([100, 999_999, 105], CounterRule(most_per_hour=600))
    assert told(counts) == [("first", 0), ("jump", 999_899), ("counted", 5)]
    assert "at most 600 an hour" in counts[1].why


def test_a_jump_that_stays_is_held_and_counting_goes_on_from_there() -> None:
    counts = read([100, 7_000, 7_003, 7_005], CounterRule(most_per_hour=600))
    assert told(counts)[2:] == [("confirmed", 3), ("counted", 2)]
    assert total(counts) == 5


def test_a_counter_that_reads_zero_once_is_not_counted_again() -> None:
    counts = read([12_000, 0, 12_005, 12_006], CounterRule(most_per_hour=600))
    assert total(counts) == 1  # the five are in the jump that was held
    assert [c.what for c in counts] == ["first", "reset", "jump", "confirmed"]


@pytest.mark.parametrize("modulo", [None, 65_536])
def test_without_a_rate_a_small_fall_is_not_believed(modulo: float | None) -> None:
    """A good piece judged again as scrap, or a stale reading: not five thousand pieces."""
    counts = read([5_000, 5_001, 5_000, 5_001, 5_002], CounterRule(modulo=modulo))
    assert [c.what for c in counts] == ["first", "counted", "jump", "counted", "counted"]
    assert total(counts) == 2
    stays = read([5_001, 5_000, 5_000, 5_004], CounterRule(modulo=modulo))
    assert [c.what for c in stays] == ["first", "jump", "confirmed", "counted"]
    assert total(stays) == 4


def test_without_a_rate_a_value_that_comes_back_at_once_is_not_believed() -> None:
    """A server that has just started shows 0 until the controller answers."""
    counts = read([12_000, 0, 0, 12_005, 12_006, 12_010])
    told_apart = ["first", "reset", "counted", "jump", "confirmed", "counted"]
    assert [c.what for c in counts] == told_apart
    assert total(counts) == 5  # the five before are in the jump that was held


def test_a_counter_set_back_goes_on_from_zero_without_a_rate() -> None:
    assert total(read([12_000, 0, 3, 900, 12_005])) == 12_005


def test_a_jump_is_judged_over_the_time_it_had() -> None:
    state, rule = CounterState(), CounterRule(most_per_hour=60)
    state, _ = advance(state, Reading(NOON, 0), rule)
    _, count = advance(state, Reading(NOON + timedelta(hours=5), 300), rule)
    assert (count.what, count.quantity) == ("counted", 300)


def test_one_count_is_always_possible() -> None:
    assert told(read([0, 1], CounterRule(most_per_hour=1), every_s=1))[1] == ("counted", 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -3.0, 1e308])
def test_what_is_no_count_is_set_aside(value: float) -> None:
    counts = read([5, value, 8])
    assert [c.what for c in counts] == ["first", "unreadable", "counted"]
    assert total(counts) == 3


def test_a_value_beyond_the_register_is_set_aside() -> None:
    count = read([5, 70_000], CounterRule(modulo=65_536))[1]
    assert (count.what, count.why) == (
        "unreadable", "70000 does not fit a register of 65536 values",
    )  # fmt: skip


def test_an_older_reading_is_ignored() -> None:
    state, rule = CounterState(), CounterRule()
    state, _ = advance(state, Reading(NOON, 10), rule)
    after, count = advance(state, Reading(NOON - timedelta(seconds=1), 9), rule)
    assert (count.what, after) == ("late", state)


def test_a_lower_value_of_the_same_instant_is_disorder_not_a_reset() -> None:
    state, _ = advance(CounterState(), Reading(NOON, 10), CounterRule())
    assert advance(state, Reading(NOON, 9), CounterRule())[1].what == "late"
    assert advance(state, Reading(NOON, 12), CounterRule())[1].quantity == 2


@pytest.mark.parametrize("values", [[4], [4, 9], [4, 900_000]])
def test_the_state_survives_a_restart_as_json(values: list[float]) -> None:
    state, rule = CounterState(), CounterRule(most_per_hour=600)
    for n, value in enumerate(values):
        state, _ = advance(state, Reading(NOON + timedelta(minutes=n), value), rule)
    assert counter_from_json(counter_to_json(state)) == state
    assert counter_from_json({}) == CounterState()


def test_what_a_counter_fell_from_survives_a_restart_as_json() -> None:
    state = CounterState(Reading(NOON, 0), fell_from=Reading(NOON, 500))
    assert counter_from_json(counter_to_json(state)) == state


def disordered(luck: random.Random, readings: list[Reading]) -> list[Reading]:
    """Readings as a bad line delivers them: some told twice, some again after a later one."""
    told = []
    for n, reading in enumerate(readings):
        told += [reading] * luck.choice([1, 1, 2])
        if n and luck.random() < 0.2:
            told.append(readings[n - 1])
    return told


def counted(readings: list[Reading], rule: CounterRule) -> float:
    state, quantities = CounterState(), []
    for reading in readings:
        state, count = advance(state, reading, rule)
        assert count.what not in SET_ASIDE or count.what == "late"
        quantities.append(count.quantity if count.is_stored else 0)
    return math.fsum(quantities)


@pytest.mark.parametrize("seed", range(10))
def test_a_register_that_rolls_over_counts_every_piece(seed: int) -> None:
    """Through lost, repeated and disordered readings."""
    luck = random.Random(seed)
    made = [0]
    for _ in range(400):
        made.append(made[-1] + luck.randrange(40))
    kept = [n for n in range(401) if n in (0, 400) or luck.random() < 0.7]
    start = luck.randrange(1_000)
    readings = [
        Reading(NOON + timedelta(minutes=n), float((start + made[n]) % 1_000)) for n in kept
    ]
    assert counted(disordered(luck, readings), CounterRule(modulo=1_000)) == made[-1]


@pytest.mark.parametrize("seed", range(10))
def test_a_counter_set_back_again_and_again_counts_every_piece(seed: int) -> None:
    """As long as it was read before it was set back; what is lost later is in the next reading."""
    luck = random.Random(seed)
    shown, made, readings = 500, 0, [Reading(NOON, 500.0)]
    for minute in range(1, 400):
        if luck.random() < 0.05 and shown == readings[-1].value and shown > 100:
            shown = 0
        step = luck.randrange(20)
        made, shown = made + step, shown + step
        is_just_set_back = shown < readings[-1].value
        if is_just_set_back or luck.random() < 0.5 or minute == 399:
            readings.append(Reading(NOON + timedelta(minutes=minute), float(shown)))
    assert sum(b.value < a.value for a, b in pairwise(readings)) > 3
    assert counted(disordered(luck, readings), CounterRule()) == made


@pytest.mark.parametrize("seed", range(10))
def test_sum_of_increments_is_last_less_first(seed: int) -> None:
    luck = random.Random(seed)
    kwh = [round(sum(luck.random() for _ in range(n)), 3) for n in range(200)]
    values = sorted(kwh)
    assert total(read(values)) == pytest.approx(values[-1] - values[0], abs=1e-12)
