"""Machines with energy states are read as their benchmark means them, and solved to its optima."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solvers.lines.check import check
from solvers.lines.energy_state_files import (
    EnergyStates,
    StatesCase,
    read_energy_states,
    states_case,
)
from solvers.lines.optimum import search_optimum
from solvers.lines.problem import NEVER, Stretch
from tests.benchmarks.energy_states import best_known, main
from twin.errors import InputError

SET = Path("benchmarks/scheduling/ctu-energy-states")
PLAIN: dict[str, Any] = {
    "MachinesCount": 1,
    "Jobs": [{"Id": 0, "MachineIdx": 0, "ProcessingTime": 1}],
    "EnergyCosts": [1, 1, 1, 1, 1, 1, 1],
    "OffOnTime": [2],
    "OnOffTime": [1],
    "OffOnPowerConsumption": [5],
    "OnOffPowerConsumption": [1],
    "OnPowerConsumption": 4,
    "IdlePowerConsumption": 2,
    "OffPowerConsumption": [0],
    "Metadata": {"anything": 1},
}


def case_of(**changes: Any) -> StatesCase:
    return states_case(EnergyStates.model_validate(PLAIN | changes), "states")


def value_of(case: StatesCase) -> float:
    found = search_optimum(case.problem, seconds=60)
    assert found.is_optimal
    assert found.plan is not None
    assert check(case.problem, found.plan, found.bound) == []
    return found.plan.bill.total + case.constant


def test_one_job_costs_start_up_work_and_shut_down() -> None:
    """Two intervals at 5, one at 4, one at 1, at a price of 1."""
    assert value_of(case_of()) == 2 * 5 + 4 + 1


def test_the_first_and_the_last_interval_are_off() -> None:
    """Two off and four of work fit into six intervals and not into five."""
    assert value_of(case_of(EnergyCosts=[1] * 6)) == 15
    assert search_optimum(case_of(EnergyCosts=[1] * 5).problem, seconds=60).is_infeasible


def test_cheap_first_and_last_intervals_are_of_no_use() -> None:
    assert value_of(case_of(EnergyCosts=[0, 1, 1, 1, 1, 0])) == 15


def test_between_two_cheap_stretches_the_cheapest_state_is_waited_in() -> None:
    """Eight dear intervals lie between two jobs that are cheap: idle 2 each, or standby 1 each
    with a way of one interval at 2 in and one at 3 out."""
    prices = [1] * 4 + [1, 9] + [1] * 8 + [1] * 4
    jobs = [{"ProcessingTime": 1}, {"ProcessingTime": 1}]
    idle = case_of(EnergyCosts=prices, Jobs=jobs)
    standby = case_of(
        EnergyCosts=prices,
        Jobs=jobs,
        OffOnTime=[2, 1],
        OffOnPowerConsumption=[5, 3],
        OnOffTime=[1, 1],
        OnOffPowerConsumption=[1, 2],
        OffPowerConsumption=[0, 1],
    )
    assert idle.problem.lines[0].modes == 2
    assert standby.problem.lines[0].modes == 3
    assert value_of(standby) <= value_of(idle)


def test_power_while_off_counts_in_every_interval() -> None:
    """Off for three of seven intervals at 2, besides 15 for the job."""
    assert value_of(case_of(OffPowerConsumption=[2])) == 15 + 3 * 2


def test_idle_that_is_unknown_is_no_state_to_rest_in() -> None:
    assert case_of(IdlePowerConsumption=None).problem.lines[0].hold_kw[-1] == NEVER


def test_two_machines_each_make_their_own_jobs() -> None:
    jobs = [{"MachineIdx": 0, "ProcessingTime": 1}, {"MachineIdx": 1, "ProcessingTime": 2}]
    case = case_of(MachinesCount=2, Jobs=jobs)
    assert value_of(case) == 15 + 19
    found = search_optimum(case.problem, seconds=60).plan
    assert found is not None
    assert {(s.line, s.index) for s in found.stretches if s.kind == "order"} == {(0, 0), (1, 1)}


def test_idle_is_held_and_off_is_not_said() -> None:
    """Two jobs with a dear interval between: the machine idles through it."""
    prices = [1, 1, 1, 1, 9, 1, 1, 1]
    case = case_of(EnergyCosts=prices, Jobs=[{"ProcessingTime": 1}] * 2)
    found = search_optimum(case.problem, seconds=60).plan
    assert found is not None
    assert [s for s in found.stretches if s.kind == "hold"] == [Stretch(0, 4, 5, "hold", 1)]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"EnergyCosts": [1]}, "EnergyCosts"),
        ({"OffOnTime": [2, 3]}, "OffOnTime"),
        ({"OnOffPowerConsumption": [None]}, "OnOffPowerConsumption"),
        ({"Jobs": [{"ProcessingTime": 0}]}, "Jobs.0.ProcessingTime"),
        ({"Jobs": [{"ProcessingTime": 1, "MachineIdx": 4}]}, "MachineIdx"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, changes: Any, word: str) -> None:
    path = tmp_path / "0.json"
    path.write_text(json.dumps(PLAIN | changes), encoding="utf-8")
    with pytest.raises(InputError, match=word):
        read_energy_states(path)


def test_the_script_goes_on_after_a_bad_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(PLAIN), encoding="utf-8")
    bad.write_text("[", encoding="utf-8")
    assert main([str(bad), str(good)]) == 2
    told = capsys.readouterr()
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert "bad.json" in told.err
    assert (lines[0]["status"], lines[0]["objective"], lines[0]["gap"]) == ("optimal", 15.0, 0.0)
    assert lines[-1]["optimal"] == 1


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["medium_nosby/0", "medium_nosby/1", "medium_twosby/0"])
def test_published_optima_are_proven_again(shared_dir: Path, name: str) -> None:
    path = shared_dir / SET / f"benedikt2020a_{name}.json"
    if not path.exists():
        pytest.skip("no instances with energy states in the shared data")
    assert value_of(read_energy_states(path)) == pytest.approx(best_known(path))


@pytest.mark.real_data
def test_the_best_known_is_the_least_of_all_methods(shared_dir: Path) -> None:
    folder = shared_dir / SET
    if not folder.exists():
        pytest.skip("no instances with energy states in the shared data")
    with (folder / "best_known.csv").open(encoding="utf-8", newline="") as rows:
        row = next(csv.DictReader(rows))
    values = [float(row[name]) for name in row if name.endswith("_obj") and row[name]]
    assert best_known(folder / row["dataset"] / f"{row['instance']}.json") == np.min(values)
