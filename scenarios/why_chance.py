"""What breakdowns cost an order: its chance to be on time with and without them, same luck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scenarios.archive import Run
from scenarios.causes import Cause, without
from scenarios.run import simulate_case
from solvers.problem import Job
from twin.accounting.comparison import Difference, compare_figures
from twin.accounting.intervals import wilson_interval
from twin.accounting.outcome import is_on_time
from twin.accounting.report import Estimate

REPLICATIONS = 100
Ends = Sequence[Mapping[str, float | None]]


@dataclass(frozen=True)
class Chance:
    """The chance to be on time if a unit did not fail (no name: if nothing did)."""

    cause: Cause
    on_time: Estimate
    """With Wilson's interval."""
    gain: Difference
    """Against the plan as it is, paired by replication, as a share."""


class Chances:
    """The plan of a run on the twin, with and without the breakdowns of each unit."""

    def __init__(self, run: Run, replications: int = REPLICATIONS) -> None:
        self.run = run
        self.replications = replications
        self._ends: dict[str | None, Ends] = {}

    def of(self, job: Job, units: Sequence[str]) -> list[Chance]:
        """Without all breakdowns, and without those of each unit it uses; the best unit first."""
        found = [self._chance(job, unit) for unit in units]
        found.sort(key=lambda c: -c.gain.mean)
        return [*found[:3], self._chance(job, "")]

    def _chance(self, job: Job, unit: str) -> Chance:
        is_in_time = self._shares(job, unit)
        then = [{"on_time": float(x)} for x in is_in_time]
        now = [{"on_time": float(x)} for x in self._shares(job, None)]
        return Chance(
            cause=Cause("failures", unit),
            on_time=wilson_interval(sum(is_in_time), len(is_in_time)),
            gain=compare_figures(now, then)["on_time"],
        )

    def _shares(self, job: Job, unit: str | None) -> list[bool]:
        end = self.run.case.horizon.minutes
        return [is_on_time(row.get(job.order), job.due, end) for row in self._simulated(unit)]

    def _simulated(self, unit: str | None) -> Ends:
        """Completion by order in each replication; None: everything fails as it does."""
        if unit not in self._ends:
            case = self.run.case
            if unit is not None:
                case = without(Cause("failures", unit), case, "")
            outcomes = simulate_case(
                case, self.run.schedule, replications=self.replications, seed=self.run.report.seed
            )
            self._ends[unit] = [outcome.completion for outcome in outcomes]
        return self._ends[unit]
