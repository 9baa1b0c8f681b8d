"""Births, numbers and deaths of Sparkplug edge nodes."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from twin.ingest.sparkplug_nodes import EdgeNodes, Said, Topic
from twin.ingest.sparkplug_payload import decode, encode

STATE, GOOD = "G1/P1/State", "G1/P1/Good"
AT = 1_795_447_515_000


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Plant:
    """An edge node and what we know of it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.nodes = EdgeNodes({STATE, GOOD, "G1/Power"}, self.clock)

    def said(
        self, topic: str, *metrics: dict[str, Any], seq: int | None = None, at: int = AT
    ) -> Said:
        found = Topic.of(f"spBv1.0/Rabat/{topic}")
        assert found
        return self.nodes.take(found, decode(encode(list(metrics), seq=seq, milliseconds=at)))

    def born(self, bd_seq: int = 0, aliases: tuple[int, int] = (1, 2)) -> None:
        """Node with number 0, device with number 1."""
        self.said("NBIRTH/G1", {"name": "bdSeq", "datatype": 4, "long_value": bd_seq}, seq=0)
        state, good = aliases
        self.said(
            "DBIRTH/G1/P1",
            {"name": "State", "alias": state, "datatype": 3, "int_value": 0},
            {"name": "Good", "alias": good, "datatype": 7, "int_value": 100},
            seq=1,
        )


def told(said: Said) -> list[tuple[str, object]]:
    return [(v.name, v.value) for v in said.values]


@pytest.mark.parametrize(
    "topic",
    ["spBv1.0/R/NCMD/G1", "spBv1.0/STATE/noria", "spBv1.0/R/NDATA/G1/P1", "spBv1.0/R/DDATA/G1",
     "spAv1.0/R/NDATA/G1", "spBv1.0/R/NDATA/", "", "spBv1.0/R/DDATA/G1/P1/x"],
)  # fmt: skip
def test_other_topics_are_none(topic: str) -> None:
    assert Topic.of(topic) is None


def test_a_birth_tells_the_current_values() -> None:
    plant = Plant()
    plant.said("NBIRTH/G1", seq=0)
    said = plant.said("DBIRTH/G1/P1", {"name": "State", "datatype": 3, "int_value": 9}, seq=1)
    assert told(said) == [(STATE, 9)]
    assert said.born == [STATE]


def test_data_are_named_and_typed_by_the_birth() -> None:
    plant = Plant()
    plant.born()
    said = plant.said("DDATA/G1/P1", {"alias": 1, "int_value": 0xFFFFFFFF}, seq=2)
    assert told(said) == [(STATE, -1)]


def test_the_time_is_the_metrics_own_or_else_the_messages() -> None:
    plant = Plant()
    plant.born()
    said = plant.said(
        "DDATA/G1/P1", {"alias": 1, "timestamp": AT - 5000}, {"alias": 2, "int_value": 1}, seq=2
    )
    assert [round(v.time.timestamp() * 1000) for v in said.values] == [AT - 5000, AT]


def test_numbers_go_round_a_circle_of_256() -> None:
    plant = Plant()
    plant.born()
    for number in range(2, 600):
        said = plant.said("DDATA/G1/P1", {"alias": 2, "int_value": number}, seq=number % 256)
        assert told(said) == [(GOOD, number)]
        assert said.rebirth == said.lost == ""


def test_a_missing_number_asks_for_a_birth_and_takes_nothing_until_then() -> None:
    plant = Plant()
    plant.born()
    said = plant.said("DDATA/G1/P1", {"alias": 2, "int_value": 7}, seq=5)
    assert (told(said), said.missing, said.rebirth, said.lost) == ([], 3, "G1", "G1")
    assert "3 messages missed" in (said.trouble or "")
    assert told(plant.said("DDATA/G1/P1", {"alias": 2, "int_value": 8}, seq=6)) == []
    plant.born(aliases=(2, 1))  # the names may have changed places meanwhile
    assert told(plant.said("DDATA/G1/P1", {"alias": 1, "int_value": 9}, seq=2)) == [(GOOD, 9)]


def test_a_birth_makes_it_well_again() -> None:
    plant = Plant()
    plant.born()
    plant.said("DDATA/G1/P1", seq=5)
    assert plant.said("NBIRTH/G1", seq=0).trouble == ""


def test_data_without_a_birth_ask_for_one() -> None:
    said = Plant().said("DDATA/G1/P1", {"alias": 1, "int_value": 1}, seq=7)
    assert (told(said), said.rebirth) == ([], "G1")


def test_a_device_without_a_birth_asks_for_one() -> None:
    plant = Plant()
    plant.born()
    assert plant.said("DDATA/G1/P2", {"alias": 9, "int_value": 1}, seq=2).rebirth == "G1"


def test_a_birth_is_asked_for_less_and_less_often() -> None:
    plant = Plant()
    plant.nodes.wish("G1")
    asked: list[float] = []
    for _ in range(1200):
        asked += [plant.clock.now for _ in plant.nodes.due()]
        plant.clock.now += 0.5
    gaps = [b - a for a, b in itertools.pairwise(asked)]
    assert asked[0] == 0
    assert gaps == [5, 10, 20, 40, 80, 160]
    plant.nodes.wish("G2")
    assert plant.nodes.due() == ["G2"]  # another node is another matter


def test_a_node_that_is_born_is_not_asked() -> None:
    plant = Plant()
    plant.nodes.wish("G1")
    plant.born()
    assert plant.nodes.due() == []


def test_a_death_makes_a_node_strange_again_and_invents_nothing() -> None:
    plant = Plant()
    plant.born(bd_seq=4)
    said = plant.said("NDEATH/G1", {"name": "bdSeq", "datatype": 4, "long_value": 4})
    assert (told(said), said.lost, said.rebirth) == ([], "G1", "")
    assert "the edge node is away" in (said.trouble or "")
    assert plant.said("DDATA/G1/P1", {"alias": 1, "int_value": 1}, seq=2).rebirth == "G1"


def test_a_death_of_an_earlier_session_told_late_is_none() -> None:
    plant = Plant()
    plant.born(bd_seq=5)
    said = plant.said("NDEATH/G1", {"name": "bdSeq", "datatype": 4, "long_value": 4})
    assert said == Said()
    assert told(plant.said("DDATA/G1/P1", {"alias": 1, "int_value": 1}, seq=2)) == [(STATE, 1)]


def test_a_device_dies_alone() -> None:
    plant = Plant()
    plant.born()
    said = plant.said("DDEATH/G1/P1", seq=2)
    assert (said.lost, said.trouble) == ("G1/P1", "the device is away: its gateway says so")
    assert plant.said("NDATA/G1", {"name": "Power", "double_value": 1.5}, seq=3).values


def test_what_no_signal_asks_for_is_left_out() -> None:
    plant = Plant()
    plant.born()
    said = plant.said("DDATA/G1/P1", {"name": "Temperature", "double_value": 1.5}, seq=2)
    assert said == Said()


def test_an_unknown_alias_asks_for_a_birth_and_the_rest_is_taken() -> None:
    plant = Plant()
    plant.born()
    said = plant.said("DDATA/G1/P1", {"alias": 99}, {"alias": 2, "int_value": 3}, seq=2)
    assert (told(said), said.rebirth) == ([(GOOD, 3)], "G1")


def test_a_value_that_cannot_be_says_so() -> None:
    plant = Plant()
    plant.born()
    said = plant.said("DDATA/G1/P1", {"alias": 1, "int_value": 1, "timestamp": 2**63}, seq=2)
    assert said.refused == [f"{STATE}: {2**63} ms since 1970 is no time"]
