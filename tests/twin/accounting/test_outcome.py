"""A run that follows a plan to the letter costs what the plan says; many runs make a report."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from tests.twin.accounting.conftest import HORIZON, Case, minute
from twin.accounting.comparison import compare
from twin.accounting.outcome import Outcome, is_on_time, outcome, summarize
from twin.accounting.value import STATE_OF_KIND
from twin.model.compiled import compile_plant
from twin.model.events import EventLog
from twin.model.schedule import Schedule, Value
from twin.model.state import OrderState
from twin.simulation.simulate import simulate


def states_of(schedule: Schedule, unit: str) -> list[tuple[float, str, str, str, str]]:
    """(minute, state, order, operation, task) of a unit that follows a plan to the letter."""
    rows, at = [(0.0, "off", "", "", "")], 0.0
    for s in schedule.of_unit(unit):
        if s.start > at:
            rows.append((at, "off", "", "", ""))
        rows.append((s.start, STATE_OF_KIND[s.kind], s.order, s.operation, s.task))
        at = s.end
    return [*rows, (at, "off", "", "", "")]


def log_to_the_letter(case: Case) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for unit in case.plant.work_units:
        for at, state, order, operation, task in states_of(case.schedule, unit.id):
            row = {"time": minute(at), "work_unit": unit.id, "event": "state", "state": state}
            rows.append({**row, "order": order, "operation": operation, "reason": task})
    for order in case.orders:
        end = case.schedule.completion(order.id)
        if end is not None:
            done = {"event": "complete", "order": order.id, "quantity": order.quantity}
            rows.append({"time": minute(end), **done})
    return rows


def without_completion(case: Case, order: str) -> list[dict[str, Any]]:
    rows = log_to_the_letter(case)
    return [row for row in rows if (row["event"], row["order"]) != ("complete", order)]


def run_of(case: Case, rows: list[dict[str, Any]]) -> Outcome:
    plant = compile_plant(case.plant, HORIZON)
    return outcome(EventLog.of(rows), plant, case.orders, case.forecast, case.state, case.schedule)


def assert_same(ours: Value, theirs: Value, but_for: str = "") -> None:
    for field in fields(Value):
        if field.name != but_for:
            expected = getattr(theirs, field.name)
            assert getattr(ours, field.name) == pytest.approx(expected, rel=1e-9), field.name


def test_a_run_to_the_letter_costs_what_the_plan_says_without_its_hazard(case: Case) -> None:
    found = run_of(case, log_to_the_letter(case)).value
    assert_same(found, case.value(), but_for="failure_cost")
    assert found.failure_cost == 0.0


def test_the_simulated_plan_without_luck_costs_what_the_plan_says(case: Case) -> None:
    """The simulator on a plant without failures, scatter and scrap is a third way to count."""
    calm = case.having(plant=without_luck(case))
    plant = compile_plant(calm.plant, HORIZON)
    log = simulate(plant, calm.orders, state=calm.state, schedule=calm.schedule)
    found = outcome(log, plant, calm.orders, calm.forecast, calm.state, calm.schedule)
    assert_same(found.value, calm.value())


def without_luck(case: Case) -> Any:
    units = []
    for unit in case.plant.work_units:
        rows = [row.model_copy(update={"cv": 0.0}) for row in unit.processing]
        calm = {"processing": rows, "failure_modes": [], "scrap": {}}
        tasks = [task.model_copy(update={"renews": []}) for task in unit.maintenance]
        setup = unit.setup and unit.setup.model_copy(update={"cv": 0.0})
        units.append(unit.model_copy(update={**calm, "maintenance": tasks, "setup": setup}))
    return case.plant.model_copy(update={"work_units": units})


def test_a_failure_costs_what_its_mode_costs(case: Case) -> None:
    rows = log_to_the_letter(case)
    for at, state, mode in (
        (100, "down", "spindle"),
        (105, "repair", "spindle"),
        (110, "working", ""),
    ):
        row = {"time": minute(at), "work_unit": "P-1", "event": "state", "state": state}
        rows.append({**row, "reason": mode})
    found = run_of(case, rows)
    assert found.value.failure_cost == 3000.0
    assert found.failures.tolist() == [1, 0, 0, 0]


def test_a_setup_resumed_after_a_failure_costs_once(case: Case) -> None:
    rows = log_to_the_letter(case)
    for at, state, order in ((130, "repair", ""), (140, "setup", "O2")):
        row = {"time": minute(at), "work_unit": "P-1", "event": "state", "state": state}
        rows.append({**row, "order": order, "operation": "press" if order else ""})
    assert run_of(case, rows).value.setup_cost == 200.0


def test_an_order_that_did_not_end_is_late_until_the_end(case: Case) -> None:
    found = run_of(case, without_completion(case, "O2"))
    assert found.completion["O2"] is None
    assert found.tardiness_h == pytest.approx(2 * 0.6 + (2880 - 2000) / 60)


def test_orders_on_time_are_those_that_end_by_their_due_date(case: Case) -> None:
    assert run_of(case, log_to_the_letter(case)).orders_on_time == 3


def test_an_order_that_ends_on_its_due_date_is_on_time(case: Case) -> None:
    just = case.with_order("O1", due_date=minute(276))
    assert run_of(just, log_to_the_letter(just)).orders_on_time == 4


def test_an_order_finished_before_the_cut_off_has_no_completion(case: Case) -> None:
    done = case.having(state=replace(case.state, orders={"O1": OrderState(operations_done=3)}))
    assert "O1" not in run_of(done, log_to_the_letter(done)).completion


def test_load_is_the_energy_of_all_units_and_the_base_load(case: Case) -> None:
    found = run_of(case, log_to_the_letter(case))
    assert found.load_kw.mean() * 48 == pytest.approx(found.unit_kwh.sum() + 40 * 48, rel=1e-12)


def test_the_total_is_the_sum_of_the_costs(case: Case) -> None:
    figures = run_of(case, log_to_the_letter(case)).figures()
    costs = sum(figures[f.name] for f in fields(Value) if f.name.endswith("_cost"))
    assert figures["total_cost"] == pytest.approx(costs)


def test_horizons_must_agree(case: Case) -> None:
    plant = compile_plant(case.plant, replace(HORIZON, minutes=1440))
    with pytest.raises(ValueError, match="horizons"):
        outcome(EventLog.of([]), plant, case.orders, case.forecast, case.state)


# --- many runs ---


@pytest.fixture
def runs(case: Case) -> list[Outcome]:
    """Four runs of the plan; O1 ends at 276, 230, 240 and never, due at 240."""
    found = []
    for end in (276.0, 230.0, 240.0, None):
        rows = [
            r for r in log_to_the_letter(case) if (r["event"], r["order"]) != ("complete", "O1")
        ]
        if end is not None:
            done = {"event": "complete", "order": "O1", "quantity": 9000}
            rows.append({"time": minute(end), **done})
        found.append(run_of(case, rows))
    return found


def summary(case: Case, runs: list[Outcome], **options: Any) -> Any:
    plant = compile_plant(case.plant, HORIZON)
    given = {"seed": 7, "engine": "none", **options}
    return summarize("by hand", runs, plant, case.orders, case.schedule, **given)


def test_the_chance_of_being_on_time_is_the_share_of_runs(case: Case, runs: list[Outcome]) -> None:
    order = summary(case, runs).orders[0]
    assert (order.order, order.on_time.mean, order.on_time.n) == ("O1", 0.5, 4)
    assert order.on_time.low < 0.5 < order.on_time.high


def test_percentiles_of_completion_are_runs_seen(case: Case, runs: list[Outcome]) -> None:
    order = summary(case, runs).orders[0]
    assert (order.completion_p10, order.completion_p50, order.completion_p90) == (230, 240, None)


def test_planned_end_is_that_of_the_plan(case: Case, runs: list[Outcome]) -> None:
    assert [order.planned_end for order in summary(case, runs).orders] == [276, 222, 422, 1660]


def test_an_unplaced_order_has_no_planned_end(case: Case, runs: list[Outcome]) -> None:
    left = case.with_segments(case.schedule.segments, unplaced=("O4",))
    assert summary(left, runs).orders[3].planned_end is None


def test_every_figure_of_a_value_has_an_estimate(case: Case, runs: list[Outcome]) -> None:
    figures = summary(case, runs).figures
    assert {f.name for f in fields(Value)} < set(figures)
    extra = {"total_cost", "orders_on_time", "good_pieces", "failures", "tardiness_h"}
    assert extra == set(figures) - {f.name for f in fields(Value)}


def test_equal_runs_leave_no_doubt_about_a_mean(case: Case, runs: list[Outcome]) -> None:
    energy = summary(case, runs).figures["energy_kwh"]
    assert energy.low == pytest.approx(energy.mean, rel=1e-12)
    assert energy.high == pytest.approx(energy.mean, rel=1e-12)


def test_unit_minutes_fill_the_horizon(case: Case, runs: list[Outcome]) -> None:
    for unit in summary(case, runs).units:
        assert sum(unit.state_minutes.values()) == pytest.approx(HORIZON.minutes, rel=1e-12)


def test_load_of_the_report_is_the_mean_over_runs(case: Case, runs: list[Outcome]) -> None:
    report = summary(case, runs)
    assert report.load_kw == pytest.approx(np.mean([r.load_kw for r in runs], axis=0).tolist())
    assert report.load_kw_high == pytest.approx(report.load_kw)


def test_a_report_comes_back_from_json(case: Case, runs: list[Outcome]) -> None:
    report = summary(case, runs)
    assert type(report).from_json(report.to_json()) == report


def test_no_run_no_report(case: Case) -> None:
    with pytest.raises(ValueError, match="replication"):
        summary(case, [])


# --- two plans ---


def dearer(run: Outcome, by: float) -> Outcome:
    return replace(run, value=replace(run.value, energy_cost=run.value.energy_cost + by))


def test_a_difference_is_other_minus_base(runs: list[Outcome]) -> None:
    found = compare(runs, [dearer(run, 10.0) for run in runs])["energy_cost"]
    assert found.mean == pytest.approx(10.0)
    assert found.other_mean - found.base_mean == pytest.approx(10.0)


def test_luck_shared_by_both_plans_cancels(runs: list[Outcome]) -> None:
    """Runs differ by hundreds in total cost, the plans by 1 in each run."""
    found = compare(runs, [dearer(run, 1.0) for run in runs])["total_cost"]
    assert found.is_clear
    assert found.high - found.low < 1e-6


def test_a_difference_that_may_be_none_is_not_clear(runs: list[Outcome]) -> None:
    found = compare(runs, [dearer(run, by) for run, by in zip(runs, (-3, 4, -2, 2), strict=True)])
    assert not found["energy_cost"].is_clear
    assert not found["failures"].is_clear


def test_one_pair_is_never_clear(runs: list[Outcome]) -> None:
    assert not compare(runs[:1], [dearer(runs[0], 5.0)])["energy_cost"].is_clear


def test_only_pairs_are_compared(runs: list[Outcome]) -> None:
    with pytest.raises(ValueError, match="pairs"):
        compare(runs, runs[:-1])


@pytest.mark.parametrize(
    ("end", "due", "expected"),
    [(90.0, 100.0, True), (110.0, 100.0, False), (None, 100.0, False), (None, 300.0, True)],
)
def test_what_is_due_after_the_horizon_and_unfinished_is_not_called_late(
    end: float | None, due: float, expected: bool
) -> None:
    assert is_on_time(end, due, horizon=200.0) is expected
