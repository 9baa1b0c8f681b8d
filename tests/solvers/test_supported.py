"""What a plan cannot honour is refused by name, and what it need not honour is not."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from solvers.problem import build_problem
from solvers.supported import refuse_unsupported
from twin.errors import InputError
from twin.model.base import read_yaml
from twin.model.compiled import compile_plant
from twin.model.forecast import Forecast
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook
from twin.model.plant import Plant, checked, load_plant
from twin.model.state import ShopState

PLANTS = Path(__file__).parents[1] / "plants"


def small(**changes: Any) -> Plant:
    """The small plant with keys changed; ``unit``, ``mode``, ``task`` and ``row`` are those of its
    first press."""
    content = read_yaml(PLANTS / "small.yaml")
    press = content["work_units"][0]
    press.update(changes.pop("unit", {}))
    press["failure_modes"][0].update(changes.pop("mode", {}))
    press["maintenance"][0].update(changes.pop("task", {}))
    press["processing"][0].update(changes.pop("row", {}))
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(content.get(key), list):
            content[key][0].update(value)  # the first of the list
        else:
            content[key] = value
    return checked(Plant.model_validate(content), "small")


def refused(plant: Plant) -> list[str]:
    try:
        refuse_unsupported(plant)
    except InputError as error:
        return [str(fault) for fault in error.faults]
    return []


LATER = {"law": "constant", "value": 60}
STOCKS = [{"id": "nuts", "on_hand": 9, "capacity": 20}]
TWO_CREWS = [
    {"id": "MECH", "size": 2, "calendar": "day", "skills": ["repair"]},
    {"id": "ELEC", "size": 1, "skills": ["repair"]},
]
WEAR = {"process": "gamma", "rate": 1, "scale": 1, "limit": 9}
CAUSES = [{"id": "air", "time_between": LATER}]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sources": [{"id": "in", "product": "A"}]},
         "source in: plans cannot honour parts that come without a work order"),
        ({"routes": {"branches": [{"after": "press", "to": {"harden": 0.9, "scrap": 0.1}}]}},
         "route hard: plans cannot honour a branch after press"),
        ({"products": {"moves_by": "piece"}}, "product A: plans cannot honour orders cut"),
        ({"operations": {"buffer_jobs": 3}}, "operation press: plans cannot honour room counted"),
        ({"operations": {"carriage": {"by": "fork", "time": 5}},
          "transports": [{"id": "fork", "vehicles": 1}]}, "carriage by fork"),
        ({"operations": {"uses": {"nuts": 1}}, "stocks": STOCKS}, "parts from stock (nuts)"),
        ({"products": {"into": "nuts"}, "operations": {"uses": {"nuts": 1}}, "stocks": STOCKS},
         "a stock that may be full (nuts)"),
        ({"row": {"basis": "order", "load": {"max_jobs": 2}}}, "a load of several jobs"),
        ({"row": {"operators": "MECH"}}, "P-1, operation press: plans cannot honour operators"),
        ({"unit": {"setup": {"by": "family", "crew": "MECH"}}}, "setups by a crew (MECH)"),
        ({"unit": {"inspection": {"rework_to": "press"}}, "routes": {}}, "rework (press)"),
        ({"crews": TWO_CREWS, "task": {"crew": "repair"}},
         "people by skill (repair: MECH, ELEC; name one crew)"),
        ({"crews": TWO_CREWS, "task": {"people": 2}}, "a task of 2 people"),
        ({"task": {"due_by": "operating"}}, "P-1, maintenance service: plans cannot honour a task "
         "due by operating; by calendar it can be planned"),
        ({"mode": {"clock": "count"}}, "by lots (clock count)"),
        ({"mode": {"detected": "at_inspection"}}, "failures that nobody sees at once"),
        ({"mode": {"time_to_failure": None, "degradation": WEAR}}, "failures by degradation"),
        ({"mode": {"time_to_failure": None, "common_cause": "air"}, "common_causes": CAUSES},
         "failures by common cause air"),
        ({"mode": {"repair_effect": "partial", "restores": 0.5}}, "repairs that leave it partial"),
        ({"mode": {"repair_effect": "old"}}, "repairs that leave it old"),
    ],
)  # fmt: skip
def test_what_would_make_a_plan_wrong_is_refused(changes: dict[str, Any], words: str) -> None:
    assert [words in fault for fault in refused(small(**changes))].count(True) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"stocks": STOCKS, "mode": {"spare": "nuts"}},
        {"stocks": [{"id": "nuts"}], "products": {"into": "nuts"}},
        {"crews": TWO_CREWS, "mode": {"crew": "repair", "people": 2}},
        {"unit": {"inspection": {"sensitivity": 0.9}, "defects": {"*": 0.1}}},
        {"row": {"spread": "exponential"}},
        {"row": {"basis": "order", "load": {"max_jobs": 1}}},
        {"mode": {"interrupted": "scrap"}},
        {"mode": {"repair_effect": "chance", "restores": 1}},
        {"mode": {"repair_effect": "old", "time_to_failure": {"law": "exponential", "scale": 9}}},
        {"mode": {"time_to_failure": None, "degradation": WEAR, "cost": 0}},
        {"mode": {"clock": "count", "detected": "at_inspection", "cost": 0}},
        {"mode": {"time_to_failure": None, "degradation": WEAR, "cost": 0},
         "task": {"due_by": "condition", "condition": {"mode": "spindle", "level": 5}}},
        {"task": {"opportunity": 600}},
    ],
)  # fmt: skip
def test_what_plans_need_not_foresee_is_not_refused(changes: dict[str, Any]) -> None:
    assert refused(small(**changes)) == []


def test_all_that_is_refused_comes_in_one_message_that_says_what_to_do() -> None:
    found = refused(load_plant(PLANTS / "all_features.yaml"))
    assert len(found) == 17
    assert all(fault.endswith("; leave it out to plan, or only simulate this plant")
               for fault in found)  # fmt: skip


def test_a_plan_is_refused_where_plans_are_made() -> None:
    plant = small(sources=[{"id": "in", "product": "A"}])
    start = datetime(2026, 11, 23, 5, tzinfo=UTC)
    horizon = Horizon(start, 1440)
    forecast = Forecast(horizon, *(horizon.edges[:-1] * 0 for _ in range(3)))
    with pytest.raises(InputError, match="plant small: source in: plans cannot honour parts"):
        build_problem(compile_plant(plant, horizon), OrderBook(), forecast, ShopState(start))


def test_a_task_due_by_condition_is_nothing_to_plan() -> None:
    free = {"time_to_failure": None, "degradation": WEAR, "cost": 0}
    by_condition = {"due_by": "condition", "condition": {"mode": "spindle", "level": 5}}
    start = datetime(2026, 11, 23, 5, tzinfo=UTC)
    horizon = Horizon(start, 14 * 1440)
    forecast = Forecast(horizon, *(horizon.edges[:-1] * 0 for _ in range(3)))
    for changes, tasks in (({}, 2), ({"mode": free, "task": by_condition}, 0)):
        plant = compile_plant(small(**changes), horizon)
        problem = build_problem(plant, OrderBook(), forecast, ShopState(start))
        assert len(problem.pms) == tasks
