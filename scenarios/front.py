"""The cost–carbon front of tonight's plan: whole plans from the cleanest to the cheapest."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from scenarios import archive
from scenarios.run import Cancelled, Progress, problem_of
from scenarios.scenario import Case
from twin.accounting.check import check
from twin.errors import InputError, PublishRefused
from twin.model.schedule import Schedule


@dataclass(frozen=True)
class FrontPoint:
    """One plan of the front, by its figures; costs in the plant's currency."""

    name: str
    """``cleanest``, ``2``, … , ``cheapest``."""
    cap_kg: float | None
    """Cap on carbon under which it is the cheapest plan known; none for the cheapest of all."""
    total_cost: float
    carbon_kg: float
    bound: float
    """No plan within the cap costs less."""
    gap: float
    """Share by which the cost could be lower at most."""
    saving_cost_per_t: float | None
    """What each tonne less costs against the next point, with the plant's carbon price in it."""
    energy_cost: float
    tardiness_cost: float
    peak_kw: float
    import_kwh: float
    orders_late: int
    orders_left_out: int


@dataclass(frozen=True)
class Front:
    """A front with its plans, the cleanest first."""

    plant: str
    currency: str
    cut_off: str
    horizon_days: float
    seed: int
    time_limit_s: float
    asked: int
    """Points asked for; equal and dominated ones are left out."""
    points: tuple[FrontPoint, ...]
    schedules: tuple[Schedule, ...]
    shortfall: str = ""
    """What is missing when it was stopped early."""

    def to_dict(self) -> dict[str, Any]:
        """Everything but the plans."""
        rest = {k: v for k, v in vars(self).items() if k not in ("points", "schedules")}
        return {**rest, "points": [asdict(point) for point in self.points]}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False)


def make_front(
    case: Case,
    *,
    previous: Schedule | None = None,
    tonight: Schedule | None = None,
    points: int = 9,
    time_limit: float = 300.0,
    seed: int = 0,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Front:
    """Search the front of a case on paper and check every plan of it.

    The plans are not rehearsed on the twin. The search begins from ``tonight``, a plan of the same
    case, where there is one. When ``cancelled`` returns true the points found so far
    come back, with the shortfall in words.

    Raises
    ------
    PublishRefused
        If a plan breaks a rule: an error of the program.
    """
    from solvers.front import front

    found, is_complete = front(
        problem_of(case, previous), points=points, time_limit=time_limit, seed=seed, warm=tonight,
        tell=progress, cancelled=cancelled,
    )  # fmt: skip
    schedules = tuple(point.schedule for point in found)
    for schedule in schedules:
        _refuse_faults(schedule, case, previous)
    caps = [None if point.cap == float("inf") else point.cap for point in found]
    shortfall = "" if is_complete else f"stopped early: {len(found)} of up to {points} points"
    return Front(
        plant=case.plant.name or case.plant.id,
        currency=case.plant.currency,
        cut_off=case.horizon.local(0).isoformat(),
        horizon_days=case.horizon.minutes / 1440,
        seed=seed,
        time_limit_s=time_limit,
        asked=points,
        points=_points(case, schedules, caps),
        schedules=schedules,
        shortfall=shortfall,
    )


def tonights_plan(folder: Path, case: Case) -> Schedule | None:
    """The plan that the archive has for the same cut-off; None if there is none."""
    for candidate in reversed(archive.run_folders(folder)):
        try:
            schedule = archive.load_run(candidate).schedule
        except InputError:  # damaged: nothing to begin from
            continue
        if schedule.horizon == case.horizon:
            return schedule
    return None


def _refuse_faults(schedule: Schedule, case: Case, previous: Schedule | None) -> None:
    found = check(
        schedule, case.plant, case.orders, case.forecast, case.state, previous, case.demands
    )
    if found.faults:
        lines = "\n".join(str(fault) for fault in found.faults)
        raise PublishRefused(f"front: a plan breaks its own rules, nothing was written:\n{lines}")


def _points(
    case: Case, schedules: tuple[Schedule, ...], caps: list[float | None]
) -> tuple[FrontPoint, ...]:
    savings = [*(_saving_cost(a, b) for a, b in pairwise(schedules)), None]
    last = len(schedules) - 1
    found = []
    for n, (schedule, cap, saving) in enumerate(zip(schedules, caps, savings, strict=True)):
        value = schedule.value
        assert value is not None
        assert schedule.bound is not None
        name = "cheapest" if n == last else "cleanest" if n == 0 else str(n + 1)
        found.append(
            FrontPoint(
                name=name,
                cap_kg=cap,
                total_cost=value.total_cost,
                carbon_kg=value.carbon_kg,
                bound=schedule.bound,
                gap=schedule.gap or 0.0,
                saving_cost_per_t=saving,
                energy_cost=value.energy_cost,
                tardiness_cost=value.tardiness_cost,
                peak_kw=value.peak_kw,
                import_kwh=value.import_kwh,
                orders_late=_late(case, schedule),
                orders_left_out=len(schedule.unplaced),
            )
        )
    return tuple(found)


def _saving_cost(clean: Schedule, cheap: Schedule) -> float | None:
    """Cost of each tonne by which one plan is cleaner than the next [currency/t]."""
    assert clean.value
    assert cheap.value
    tonnes = (cheap.value.carbon_kg - clean.value.carbon_kg) / 1000
    return (clean.value.total_cost - cheap.value.total_cost) / tonnes if tonnes > 0 else None


def _late(case: Case, schedule: Schedule) -> int:
    """Orders that end after their due date, or are left out."""
    ends = {o.id: schedule.completion(o.id) for o in case.orders}
    return sum(
        o.id in schedule.unplaced
        or ((end := ends[o.id]) is not None and end > case.horizon.to_minutes(o.due_date) + 1e-6)
        for o in case.orders
    )
