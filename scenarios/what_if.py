"""A scenario against its base: replanned, simulated with the same luck, compared in pairs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from scenarios.robust import robust_plan
from scenarios.run import Cancelled, Progress, prove
from scenarios.scenario import Scenario, applied
from twin.accounting.comparison import Difference, compare
from twin.accounting.report import Report
from twin.model.schedule import Schedule

if TYPE_CHECKING:
    from scenarios.archive import Run


@dataclass(frozen=True)
class WhatIf:
    """A replanned scenario beside the plan it started from."""

    scenario: Scenario
    schedule: Schedule
    report: Report
    base_report: Report
    comparison: Mapping[str, Difference]
    """Scenario − base by figure, over paired replications."""

    def to_json(self) -> str:
        content = {
            "scenario": self.scenario.model_dump(),
            "schedule": json.loads(self.schedule.to_json()),
            "report": json.loads(self.report.to_json()),
            "base_report": json.loads(self.base_report.to_json()),
            "comparison": {key: asdict(value) for key, value in self.comparison.items()},
        }
        return json.dumps(content, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> WhatIf:
        content: dict[str, Any] = json.loads(text)
        return WhatIf(
            scenario=Scenario.model_validate(content["scenario"]),
            schedule=Schedule.from_json(json.dumps(content["schedule"])),
            report=Report.from_json(json.dumps(content["report"])),
            base_report=Report.from_json(json.dumps(content["base_report"])),
            comparison={k: Difference(**v) for k, v in content["comparison"].items()},
        )


def what_if(
    run: Run,
    scenario: Scenario,
    *,
    replications: int = 100,
    time_limit: float = 30.0,
    seed: int = 0,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> WhatIf:
    """Replan an archived run under a scenario and compare the two on the same breakdowns.

    The base keeps its archived schedule; both are simulated anew with one seed, so that the
    differences are paired.
    """
    case = applied(scenario, run.case)
    base = prove(
        run.case, run.schedule, name="base", replications=replications, seed=seed,
        progress=progress, cancelled=cancelled,
    )  # fmt: skip
    schedule = robust_plan(
        case, previous=run.previous, seed=seed, time_limit=time_limit, progress=progress,
        cancelled=cancelled,
    )  # fmt: skip
    other = prove(
        case, schedule, name=scenario.name, replications=replications, seed=seed,
        progress=progress, cancelled=cancelled,
    )  # fmt: skip
    return WhatIf(
        scenario=scenario,
        schedule=other.schedule,
        report=other.report,
        base_report=base.report,
        comparison=compare(base.outcomes, other.outcomes),
    )
