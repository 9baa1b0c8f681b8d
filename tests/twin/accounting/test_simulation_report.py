"""Replications as figures with intervals, a bottleneck with a doubt, orders with their chance."""

import json

import pytest

from tests.twin.accounting.conftest import HORIZON, hand_made_orders, small_plant
from twin.accounting.comparison import compare_figures
from twin.accounting.indicators import Key, known_figures, no_totals
from twin.accounting.simulation_report import (
    SimulationReport,
    estimates,
    figure_key,
    find_bottleneck,
    order_reports,
    unit_of,
)
from twin.model.compiled import CompiledPlant, compile_plant
from twin.model.state import OrderState, ShopState

NAN = float("nan")
FLOW = Key("plant", "", "flow_time_h")


def waits(**shares: float) -> dict[Key, float]:
    return {Key("work_unit", id, "waiting_share"): share for id, share in shares.items()}


@pytest.fixture(scope="module")
def plant() -> CompiledPlant:
    return compile_plant(small_plant(), HORIZON)


def test_replications_without_a_value_are_not_counted() -> None:
    found = estimates([{FLOW: 1.0}, {FLOW: NAN}, {FLOW: 3.0}])
    assert (found[FLOW].mean, found[FLOW].n) == (2.0, 2)


def test_a_figure_that_never_has_a_value_is_left_out() -> None:
    assert estimates([{FLOW: NAN}, {FLOW: NAN}]) == {}


def test_the_bottleneck_waits_least() -> None:
    found = find_bottleneck([waits(A=0.30, B=0.10, C=0.5), waits(A=0.32, B=0.13, C=0.5)])
    assert found is not None
    assert (found.work_unit, found.runner_up, found.is_clear) == ("B", "A", True)
    assert found.waiting.mean == pytest.approx(0.115)


def test_two_units_that_wait_alike_leave_a_doubt() -> None:
    found = find_bottleneck([waits(A=0.10, B=0.13), waits(A=0.12, B=0.10), waits(A=0.1, B=0.1)])
    assert found is not None
    assert not found.is_clear


def test_a_unit_that_is_never_open_is_no_bottleneck() -> None:
    found = find_bottleneck([waits(A=NAN, B=0.4), waits(A=NAN, B=0.5)])
    assert found is not None
    assert (found.work_unit, found.runner_up, found.is_clear) == ("B", "", True)
    assert find_bottleneck([waits(A=NAN)]) is None


def test_an_order_is_on_time_as_often_as_it_was(plant: CompiledPlant) -> None:
    runs = [no_totals(plant, hand_made_orders()) for _ in range(10)]
    for i, run in enumerate(runs):
        run.order_complete[0] = (200 + 10 * i) * 60_000_000  # due at 240
    first, second = order_reports(runs, plant, hand_made_orders(), ShopState(HORIZON.start))[:2]
    assert first.on_time is not None
    assert (first.on_time.mean, first.on_time.n) == (0.5, 10)
    assert (first.completion_p10, first.completion_p50, first.completion_p90) == (200, 240, 280)
    assert second.on_time is not None
    assert (second.on_time.mean, second.completion_p50) == (0.0, None)


def test_an_order_finished_before_the_horizon_is_not_reported(plant: CompiledPlant) -> None:
    state = ShopState(HORIZON.start, orders={"O2": OrderState(operations_done=2)})
    found = order_reports([no_totals(plant, hand_made_orders())], plant, hand_made_orders(), state)
    assert [order.order for order in found] == ["O1", "O3", "O4"]


def test_every_figure_has_a_unit(plant: CompiledPlant) -> None:
    for key in known_figures(plant, None, hand_made_orders()):
        unit = unit_of(key.figure, "MAD")
        is_share = key.figure.endswith("_share") or key.figure in (
            "availability", "effectiveness", "quality_ratio", "oee", "utilisation", "fill_rate",
        )  # fmt: skip
        assert (unit == "1") == is_share, key
    assert unit_of("energy_cost", "MAD") == "MAD"


def test_the_report_is_one_json_object() -> None:
    figures = estimates([{FLOW: 1.0, **waits(A=0.1)}, {FLOW: 2.0, **waits(A=0.2)}])
    report = SimulationReport(
        "p", "EDD", "test", 1, 2, HORIZON, 60.0, "MAD", 0.9, figures, (), None, ("a note",)
    )
    found = json.loads(json.dumps(report.to_dict()))
    assert found["figures"]["plant"]["flow_time_h"]["mean"] == 1.5
    assert found["figures"]["work_unit"]["A"]["waiting_share"]["n"] == 2
    assert found["units"] == {"flow_time_h": "h", "waiting_share": "1"}
    assert found["warm_up_min"] == 60.0
    assert report.ids("work_unit") == ["A"]


def test_a_figure_is_found_by_the_beginning_of_its_name() -> None:
    known = [FLOW, Key("plant", "", "oee"), Key("plant", "", "orders_completed"),
             Key("plant", "", "orders_on_time"), Key("work_unit", "A", "oee")]  # fmt: skip
    assert figure_key("flow", known) == FLOW
    assert figure_key("oee:A", known) == known[-1]
    for name in ("orders", "nothing", "", "oee:B", ":A"):
        assert figure_key(name, known) is None


def test_totals_of_two_plans_are_compared_in_pairs() -> None:
    base = [{FLOW: 10.0}, {FLOW: 20.0}, {FLOW: NAN}]
    other = [{FLOW: 9.0}, {FLOW: 18.9}, {FLOW: 1.0}]
    found = compare_figures(base, other)[FLOW]
    assert (found.n, found.base_mean) == (2, 15.0)
    assert found.mean == pytest.approx(-1.05)
    assert found.is_clear
    with pytest.raises(ValueError, match="pairs"):
        compare_figures(base, other[:2])


def test_a_figure_of_one_plan_only_is_not_compared() -> None:
    assert compare_figures([{FLOW: 1.0}], [{Key("plant", "", "oee"): 1.0}]) == {}
