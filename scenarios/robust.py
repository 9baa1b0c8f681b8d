"""Plans that survive breakdowns: rehearsed on the twin, given time where it was missing.

A plan that is best on paper finishes orders just in time, and the first breakdown makes them late.
So the plan is rehearsed on the stochastic twin, and made again, with another seed, with each order
charged the tardiness to be expected from how far it ran ahead of or behind the best plan so far,
from which every round begins. Of all plans rehearsed, the naive one included, the cheapest
on the twin that keeps every hard demand is kept; the luck of rehearsals is not the luck of the
proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from scenarios.conflicts import refuse_conflicts, unmet
from scenarios.risk import within_risk
from scenarios.run import Cancelled, Progress, naive_plan, plan, problem_of, simulate_case
from scenarios.scenario import Case
from twin.accounting.demand_rules import broken_demands
from twin.accounting.outcome import Outcome
from twin.errors import Infeasible
from twin.model.schedule import Schedule

ROUNDS = 10
"""Plans made one after another, the first on paper, in equal shares of the time. On the twin of the
demonstration ten short rounds beat four long ones by 2 % of the cost: what more search gains on
paper, breakdowns take away."""
ROUND_SECONDS = 3.0
"""No round is sized for less; a short time has fewer rounds."""
REHEARSALS = 24
"""Replications of one rehearsal."""
MOST_DELAY = 24 * 60.0
"""No order is reckoned to run further ahead of its plan or behind it than this [min]."""
CHANCE_REPLICATIONS, RISK_SHARE = 100, 0.3
"""Replications that judge limits on risk, and the share of the time for a plan made for them."""
REHEARSAL_SEED = 1_000_003
"""Added to the seed of the proof."""


@dataclass(frozen=True)
class Rehearsed:
    """A plan and what it cost on the twin, replication by replication."""

    name: str
    schedule: Schedule
    outcomes: tuple[Outcome, ...]

    @property
    def cost(self) -> float:
        """Mean total cost with that of changing last night's plan [currency]."""
        ran = float(np.mean([outcome.value.total_cost for outcome in self.outcomes]))
        return ran + (self.schedule.value.change_cost if self.schedule.value else 0.0)


def robust_plan(
    case: Case,
    *,
    previous: Schedule | None = None,
    seed: int = 0,
    time_limit: float = 60.0,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Schedule:
    """The plan that was cheapest in rehearsal, its note saying which and against what.

    ``time_limit`` [s] is shared by all rounds. The bound of every plan is that of the problem, so
    the best one holds for all.
    """

    def rehearse(name: str, schedule: Schedule) -> Rehearsed:
        outcomes = simulate_case(
            case, schedule, replications=REHEARSALS, seed=seed + REHEARSAL_SEED,
            progress=progress and partial(progress, f"rehearse: {name}"), cancelled=cancelled,
        )  # fmt: skip
        return Rehearsed(name, schedule, tuple(outcomes))

    refuse_conflicts(case, previous)
    tried: list[Rehearsed] = []
    best: Rehearsed | None = None
    bound: float | None = None
    rounds = rounds_in(time_limit)
    for number in range(rounds):
        name = f"after {_times(number)}" if number else "plan on paper"
        schedule = plan(
            case, previous=previous, seed=seed + number,
            warm=best.schedule if best else None,
            delays=delays(case, best.schedule, best.outcomes) if best else None,
            time_limit=time_limit / rounds, progress=_in_round(number + 1, progress),
            cancelled=cancelled,
        )  # fmt: skip
        tried.append(rehearse(name, schedule))
        if not tried[-1].outcomes or (cancelled and cancelled()):
            return _kept(case, previous, best.schedule if best else schedule)
        best = min(tried, key=partial(_rank, case))
        if number == 0:
            bound = _bound(case, previous, schedule, progress, cancelled)
    tried.append(rehearse("naive plan", naive_plan(case, previous)))
    best = min(tried, key=partial(_rank, case))
    _kept(case, previous, best.schedule)
    bounds = [b for b in (bound, *(r.schedule.bound for r in tried)) if b is not None]
    found = replace(best.schedule, bound=max(bounds, default=None), note=_note(best, tried, case))
    again = partial(
        plan, previous=previous, time_limit=time_limit * RISK_SHARE, progress=progress,
        cancelled=cancelled,
    )  # fmt: skip
    return within_risk(
        case, found, partial(problem_of, case, previous), delays_of=delays,
        simulate=partial(
            simulate_case, case, replications=CHANCE_REPLICATIONS, seed=seed + REHEARSAL_SEED
        ),
        replan=lambda hurried, late, warm, number: again(
            hurried, delays=late, warm=warm, seed=seed + ROUNDS + number
        ),
    )  # fmt: skip


def rounds_in(time_limit: float) -> int:
    """How many plans are made one after another in a time [s]."""
    return max(2, min(ROUNDS, int(time_limit / ROUND_SECONDS)))


def _times(number: int) -> str:
    return "1 rehearsal" if number == 1 else f"{number} rehearsals"


def _in_round(number: int, progress: Progress | None) -> Progress | None:
    if progress is None:
        return None
    tell = progress
    prefix = f"optimise, round {number}:"
    return lambda step, done, total: tell(step.replace("optimise:", prefix), done, total)


def _bound(
    case: Case,
    previous: Schedule | None,
    schedule: Schedule,
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> float:
    """What no plan of the case costs less than, by its true due dates."""
    from solvers.optimize import tight_bound

    if progress:
        progress("bound the cost from below", 0, 0)
    return tight_bound(problem_of(case, previous), schedule, cancelled)


def _rank(case: Case, rehearsed: Rehearsed) -> tuple[bool, float]:
    """Plans that keep the hard demands first, then the cheapest on the twin."""
    return bool(broken_demands(rehearsed.schedule, case.orders, case.demands)), rehearsed.cost


def _kept(case: Case, previous: Schedule | None, schedule: Schedule) -> Schedule:
    """The plan, if it keeps the caps and deadlines.

    Raises
    ------
    Infeasible
        Naming what the best plan breaks, and which deadlines conflict as far as can be told: no
        plan was found, which does not prove that none exists.
    """
    broken = broken_demands(schedule, case.orders, case.demands)
    if broken:
        raise Infeasible(
            "plan: no plan was found that keeps every hard demand; the best one breaks\n"
            + "\n".join([*(f"  {fault}" for fault in broken), unmet(case, previous)]).rstrip()
        )
    return schedule


def delays(
    case: Case, schedule: Schedule, outcomes: Sequence[Outcome]
) -> dict[str, tuple[float, ...]]:
    """How far each planned order ran behind its plan, or ahead of it, by replication [min].

    Simulated − planned completion, within ± :data:`MOST_DELAY`, in rising order; an order that did
    not finish counts as the end of the horizon.
    """
    end = float(case.horizon.minutes)
    found = {}
    for order in case.orders:
        planned = schedule.completion(order.id)
        if planned is None:
            continue
        times = [o.completion.get(order.id) for o in outcomes]
        behind = np.array([(end if t is None else t) - planned for t in times])
        found[order.id] = tuple(np.sort(np.clip(behind, -MOST_DELAY, MOST_DELAY)).tolist())
    return found


def _note(best: Rehearsed, tried: Sequence[Rehearsed], case: Case) -> str:
    costs = ", ".join(f"{r.name} {r.cost:,.0f}" for r in tried)
    words = (
        f"chosen in rehearsal on the twin ({case.plant.currency}, mean of {REHEARSALS} "
        f"replications, with other luck than the report's): {costs}"
    )
    nobody = sorted(set(case.demands.risk) - {order.customer_class for order in case.orders})
    if nobody:
        words += f"; no order is of customer class {', '.join(nobody)}, whose limit protects nobody"
    return f"{best.schedule.note}; {words}" if best.schedule.note else words
