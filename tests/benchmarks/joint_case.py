"""What planning orders, maintenance and energy together is worth, on the demonstration plant.

    python tests/benchmarks/joint_case.py [--time-limit 150] [--replications 200] [--seed 1]

The joint plan of the nightly job is compared with what the same components give one after another:
orders first (tardiness and setups only), then maintenance into gaps and the orders around it, then
start times to cheaper hours. *sequential* plans once, on paper; *sequential, rehearsed* is given
time against breakdowns by as many rehearsals on the twin as the joint plan has. All are simulated
with the same luck. A line a figure and baseline: baseline − joint, mean over paired replications
with its 95 % interval; positive is what the joint plan saves.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scenarios.demo import make_demo
from scenarios.joint_case import rehearsed_sequential_plan, sequential_plan
from scenarios.replan import prepare
from scenarios.robust import robust_plan
from scenarios.run import PlanOnTwin, prove
from scenarios.scenario import Case
from scenarios.settings import load_config
from tests.benchmarks.measure import rounded, tell, tell_setting
from twin.accounting.check import check
from twin.accounting.comparison import Difference, compare
from twin.errors import NoriaError
from twin.model.schedule import Schedule

LEVEL = 0.95
FIGURES = {
    "total_cost": "currency", "energy_cost": "currency", "demand_cost": "currency",
    "setup_cost": "currency", "maintenance_cost": "currency", "failure_cost": "currency",
    "tardiness_cost": "currency", "energy_kwh": "kWh", "import_kwh": "kWh", "carbon_kg": "kgCO2e",
    "peak_kw": "kW", "failures": "breakdowns", "tardiness_h": "h, weighted",
    "orders_on_time": "orders",
}  # fmt: skip


def proven(case: Case, name: str, schedule: Schedule, replications: int, seed: int) -> PlanOnTwin:
    """A plan that keeps every rule, on the twin; its value on paper is told."""
    found = check(schedule, case.plant, case.orders, case.forecast, case.state)
    if found.faults:
        raise NoriaError(f"{name}: the plan breaks a rule: {found.faults[0]}")
    proof = prove(case, schedule, name=name, replications=replications, seed=seed)
    value = schedule.value
    tell(
        what="plan",
        plan=name,
        unplaced=len(schedule.unplaced),
        on_paper=value and {k: rounded(v, 6) for k, v in value.as_dict().items()},
        on_twin={k: rounded(proof.report.figures[k].mean, 6) for k in FIGURES},
    )
    return proof


def tell_difference(name: str, found: dict[str, Difference]) -> None:
    """What the joint plan saves against a baseline; the sign says who is better."""
    for figure, unit in FIGURES.items():
        d = found[figure]
        tell(
            what="difference",
            baseline=name,
            figure=figure,
            unit=unit,
            baseline_mean=rounded(d.base_mean, 6),
            joint_mean=rounded(d.other_mean, 6),
            saved=rounded(-d.mean, 6),
            low=rounded(-d.high, 6),
            high=rounded(-d.low, 6),
            saved_share=rounded(-d.mean / d.base_mean) if d.base_mean else None,
            is_clear=d.is_clear,
            replications=d.n,
            level=d.level,
        )


def measured(options: argparse.Namespace, folder: Path) -> None:
    """Make the plant's night, plan it in three ways, simulate and compare."""
    config = load_config(make_demo(folder, seed=options.data_seed))
    case = prepare(config).case
    seed, seconds = options.seed, options.time_limit
    plans: dict[str, Callable[[], Schedule]] = {
        "joint": lambda: robust_plan(case, seed=seed, time_limit=seconds),
        "sequential": lambda: sequential_plan(case, seed=seed, time_limit=seconds),
        "sequential, rehearsed": lambda: rehearsed_sequential_plan(
            case, seed=seed, time_limit=seconds
        ),
    }
    proofs = {}
    for name, make in plans.items():
        began = process_time()
        schedule = make()
        tell(what="planned", plan=name, cpu_seconds=rounded(process_time() - began),
             note=schedule.note)  # fmt: skip
        proofs[name] = proven(case, name, schedule, options.replications, seed)
    joint = proofs.pop("joint")
    for name, proof in proofs.items():
        tell_difference(name, compare(proof.outcomes, joint.outcomes, LEVEL))
    tell(
        what="summary",
        orders=len(case.orders),
        work_units=len(case.plant.work_units),
        saved={
            name: [rounded(-d.mean, 6), rounded(-d.high, 6), rounded(-d.low, 6)]
            for name, proof in proofs.items()
            for d in [compare(proof.outcomes, joint.outcomes, LEVEL)["total_cost"]]
        },
        currency=case.plant.currency,
    )


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--time-limit", type=float, default=150.0, help="of each plan [s]")
    parser.add_argument("--replications", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of search and luck")
    parser.add_argument("--data-seed", type=int, default=1, help="of the demonstration")
    options = parser.parse_args(words)
    tell_setting(**vars(options))
    try:
        with tempfile.TemporaryDirectory() as folder:
            measured(options, Path(folder))
    except NoriaError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
