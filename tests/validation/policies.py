"""Anchors A: replacement, minimal and imperfect repair, inspection, wear."""

from __future__ import annotations

import math

import numpy as np

from tests.validation import exact
from tests.validation.anchor import (
    HOUR,
    TICKS_PER_HOUR,
    Anchor,
    Content,
    Figure,
    Run,
    constant,
    exponential,
    fleet,
    gamma,
    mode,
    task,
    weibull,
)
from twin.behaviour.randomness import Luck
from twin.model.plant import STATES
from twin.simulation.result import STATE, STATE_ROW, TICK, UNIT, Integers

FOREVER = constant(1e7)
"""A repair longer than any horizon: one life a unit [h]."""


def age_replacement() -> list[Anchor]:
    law = exact.Weibull(2.5, 1000)
    life = {"time_to_failure": weibull(2.5, 1000)}
    cheap, kept = law.best_age(1000, 8000), law.best_age(8, 48)
    wear = mode(**life, cost=8000)
    stop = mode(**life, time_to_repair=constant(48))
    lost = 1 - law.age_availability(kept, 8, 48)
    lost_without = 48 / (law.mean + 48)
    return [
        Anchor(
            "A1",
            "age replacement, Weibull(2.5, 1000), 1000 / 8000",
            fleet(20, [wear], [task(cheap, "age", cost=1000)]),
            (
                Figure("C*", law.age_cost(cheap, 1000, 8000), lambda run: run.cost_per_hour),
                Figure("mean cycle", law.mean_up_to(cheap), lambda r: r.unit_hours / r.renewals),
                Figure(
                    "fails in cycle",
                    1 - law.survival(cheap),
                    lambda run: run.failures / run.renewals,
                ),
            ),
            hours=6.5e5,
            warm_up=8000,
        ),
        Anchor(
            "A1r",
            "the same, run to failure",
            fleet(20, [wear]),
            (Figure("C", 8000 / law.mean, lambda run: run.cost_per_hour),),
            hours=5e4,
            warm_up=8000,
        ),
        Anchor(
            "A2",
            "availability under age replacement, 8 h / 48 h",
            fleet(20, [stop], [task(kept, "age", duration=8 * HOUR)]),
            (
                Figure("A*", 1 - lost, lambda run: 1 - run.share("repair", "maintenance")),
                Figure("1 - A*", lost, lambda run: run.share("repair", "maintenance")),
            ),
            hours=1.5e5,
            warm_up=8000,
        ),
        Anchor(
            "A2r",
            "the same, run to failure",
            fleet(20, [stop]),
            (
                Figure("A", 1 - lost_without, lambda run: 1 - run.share("repair")),
                Figure("1 - A", lost_without, lambda run: run.share("repair")),
            ),
            hours=6e4,
            warm_up=8000,
        ),
    ]


def block_replacement() -> list[Anchor]:
    """Figures of Erlang-2 lives renewed at fixed instants, at 600 h and at the best interval."""
    found = []
    best = exact.best_block(0.002, 500, 3000)
    for id, interval in (("A3", 600.0), ("A3*", best)):
        renewals = exact.erlang2_renewals(0.002, interval)
        cost = exact.block_cost(0.002, interval, 500, 3000)
        wear = mode(time_to_failure=gamma(2, 500), cost=3000)
        figures = (
            Figure("M(T)", renewals, lambda run: run.failures / run.executions),
            Figure("C(T)", cost, lambda run: run.cost_per_hour),
        )
        model = f"block replacement each {interval:.2f} h, Erlang-2 lives of 1000 h"
        plant = fleet(20, [wear], [task(interval, "calendar", cost=500)])
        # From the middle of a block to the middle of another, so that no task lies at an edge.
        hours, warm_up = 700 * interval, 5.5 * interval
        found.append(Anchor(id, model, plant, figures, hours=hours, warm_up=warm_up))
    return found


def minimal_repair() -> list[Anchor]:
    interval, cost = exact.overhaul(2.2, 500, 4000, 600)
    wear = mode(time_to_failure=weibull(2.2, 500), repair_effect="old", cost=600)
    count = (interval / 500) ** 2.2
    process = mode(time_to_failure=weibull(1.5, 500), repair_effect="old")
    law = exact.Weibull(2, 500)
    chance = mode(time_to_failure=weibull(2, 500), repair_effect="chance", restores=0.3)
    rate = law.perfect_by_chance_rate(0.3)
    return [
        Anchor(
            "A4",
            "minimal repair, overhaul at the best interval",
            fleet(20, [wear], [task(interval, "calendar", cost=4000)]),
            (
                Figure("C*", cost, lambda run: run.cost_per_hour),
                Figure("repairs a cycle", count, lambda run: run.failures / run.executions),
            ),
            hours=50 * interval,
            warm_up=2.5 * interval,
        ),
        Anchor(
            "A5",
            "power-law process, blocks of 4000 h",
            fleet(20, [process], [task(4000, "calendar")]),
            (
                Figure("E N(2000)", 8, lambda run: float(counts(run, 2000).mean())),
                Figure("var N(2000)", 8, lambda run: float(counts(run, 2000).var(ddof=1))),
                Figure(
                    "P(N(300)=0)",
                    math.exp(-(0.6**1.5)),
                    lambda run: float((counts(run, 300) == 0).mean()),
                ),
                Figure("E T1", exact.power_law_arrival(1.5, 500, 1), lambda r: nth_arrival(r, 1)),
                Figure("E T5", exact.power_law_arrival(1.5, 500, 5), lambda r: nth_arrival(r, 5)),
            ),
            hours=4000 * 380,
            trace=True,
        ),
        Anchor(
            "A6",
            "imperfect repair, perfect with chance 0.3",
            fleet(2, [chance]),
            (
                Figure("failures an hour", rate, lambda run: run.failures / run.unit_hours),
                Figure("time to perfect", 1 / rate / 0.3, lambda r: r.unit_hours / perfect(r)),
                Figure("failures to perfect", 1 / 0.3, lambda run: run.failures / perfect(run)),
            ),
            hours=2.2e6,
        ),
    ]


def blocks(run: Run) -> tuple[Integers, Integers]:
    """Begin of the whole blocks between two tasks, and failures, on one axis for all units."""
    rows = run.rows(STATE_ROW)
    at = rows[:, TICK] + rows[:, UNIT] * (run.end + 1)
    tasks = np.sort(at[rows[:, STATE] == STATES.index("maintenance")])
    last = np.append(np.diff(tasks // (run.end + 1)) > 0, True)
    return tasks[~last], np.sort(at[rows[:, STATE] == STATES.index("repair")])


def counts(run: Run, hours: float) -> Integers:
    """Failures in the first hours of each block."""
    begin, failures = blocks(run)
    end = np.searchsorted(failures, begin + round(hours * TICKS_PER_HOUR))
    return np.asarray(end - np.searchsorted(failures, begin))


def nth_arrival(run: Run, n: int) -> float:
    """Mean time from the begin of a block to its n-th failure [h]."""
    begin, failures = blocks(run)
    nth = failures[np.searchsorted(failures, begin) + n - 1]
    return float((nth - begin).mean() / TICKS_PER_HOUR)


def perfect(run: Run) -> int:
    """Repairs that the luck of each unit made perfect."""
    luck = Luck(run.experiment.seed, run.replication)
    found = 0
    for unit, failures in zip(run.plant.work_units, run.totals.failures, strict=True):
        stream = luck.stream(unit.id, "effect of wear")
        found += sum(stream.uniform(n) < 0.3 for n in range(failures))
    return found


def competing_modes() -> list[Anchor]:
    """A failure of one mode renews all: a task is done at the opportunity of each repair."""
    scales = {"slow": 2000.0, "middle": 1200.0, "fast": 800.0}
    scale, shares = exact.competing(1.8, list(scales.values()))
    modes = [mode(id, time_to_failure=weibull(1.8, eta)) for id, eta in scales.items()]
    renewal = task(1e7, "calendar", renews=list(scales), opportunity=1e7 * HOUR - 1)
    mean = exact.Weibull(1.8, scale).mean

    def share_of(id: str, share: float) -> Figure:
        return Figure(f"P({id})", share, lambda run: run.failures_of(id) / run.failures)

    figures = [
        Figure("eta", scale, lambda run: run.unit_hours / run.failures / mean * scale),
        Figure("MTTF", mean, lambda run: run.unit_hours / run.failures),
        *(share_of(id, share) for id, share in zip(scales, shares, strict=True)),
    ]
    model = "competing Weibull modes of shape 1.8, all renewed by each repair"
    return [Anchor("A7", model, fleet(20, modes, [renewal]), figures, hours=9e5, warm_up=8000)]


def conditional_life() -> list[Anchor]:
    law = exact.Weibull(2.5, 1000)
    plant = fleet(1000, [mode(time_to_failure=weibull(2.5, 1000), time_to_repair=FOREVER)])
    return [
        Anchor(
            "A8",
            "Weibull(2.5, 1000) at age 600: fails in the next 168 h",
            plant,
            [Figure("P", law.fails_within(600, 168), lambda run: run.failures / 1000)],
            hours=168,
            replications=550,
            age=600,
            once=True,
        ),
        Anchor(
            "A8m",
            "the same: mean residual life",
            plant,
            [Figure("MRL", law.mean_residual(600), lambda r: r.hours * (1 - r.share("repair")))],
            hours=6000,
            replications=48,
            age=600,
            once=True,
        ),
    ]


def hidden_failures() -> list[Anchor]:
    tau = exact.best_inspection(1 / 2000, 2)
    wear = mode(time_to_failure=exponential(2000), detected="at_inspection")
    plant = fleet(20, [wear], [task(tau + 2, "calendar", duration=2 * HOUR)])
    lost = exact.hidden_unavailability(1 / 2000, tau, 2)
    figure = Figure("U*", lost, lambda run: run.share("down", "repair", "maintenance"))
    model = "hidden failures, inspected for 2 h each 88.78 h"
    return [Anchor("A9", model, plant, [figure], hours=1600 * (tau + 2), warm_up=50 * (tau + 2))]


def gamma_wear(step: float, **facts: object) -> Content:
    process = {"process": "gamma", "rate": 0.05, "scale": 1, "limit": 10, "step": step * HOUR}
    return mode(degradation=process, **facts)


def wiener_wear(step: float, **facts: object) -> Content:
    process = {"process": "wiener", "rate": 0.05, "scale": 0.3, "limit": 10, "step": step * HOUR}
    return mode(degradation=process, **facts)


def first_passage() -> list[Anchor]:
    """Mean and spread of lives with small steps; the chance of failure by 150 h needs none.

    A failure comes at the end of its step, half a step late on average (0.25 h steps: 0.06 % of
    both means). With steps of 30 h the level at 150 h is the process's own, so P has no bias.
    """
    cases = (
        ("A10", "gamma wear", exact.GammaWear(0.05, 1, 10), gamma_wear, 1000.0, 13000),
        ("A12", "Wiener wear", exact.WienerWear(0.05, 0.3, 10), wiener_wear, 2500.0, 42000),
    )
    found = []
    for id, name, law, wear, longest, hours in cases:
        assert isinstance(law, exact.GammaWear | exact.WienerWear)
        renewed = task(150 + 1 / 60, "age")
        found += [
            Anchor(
                id,
                f"{name} to its limit, steps of 0.25 h",
                fleet(10, [wear(0.25)]),
                [Figure("E T", law.mean, lambda run: run.unit_hours / run.failures)],
                hours=hours,
                warm_up=2000,
            ),
            Anchor(
                id + "d",
                "the same, steps of 2 h, one life a unit",
                fleet(400, [wear(2, time_to_repair=FOREVER)]),
                [Figure("sd T", law.deviation, life_deviation)],
                hours=longest,
                replications=290,
                once=True,
            ),
            Anchor(
                id + "p",
                "the same, renewed at 150 h, steps of 30 h",
                fleet(20, [wear(30)], [renewed]),
                [Figure("P(T<=150)", law.fails_by(150), lambda r: r.failures / r.renewals)],
                hours=2.1e5,
                warm_up=1000,
            ),
        ]
    return found


def life_deviation(run: Run) -> float:
    return float((run.hours * (1 - run.shares("repair"))).std(ddof=1))


def watched_wear() -> list[Anchor]:
    """One step an inspection, a millisecond shorter so that the level is there when it is seen."""
    law, costs = exact.GammaWear(0.05, 1, 10), (50, 2000, 10000)
    best = law.best_level(24, *costs)
    wear = gamma_wear(24 - 1 / 3.6e6, detected="at_inspection", cost=10000)
    # Below the limit failures are rare, and their share takes most of the time.
    cases = (("A11", 7.0, 6e5), ("A11b", 6.5, 1.3e6), ("A11*", best, 1e5), ("A11L", 10.0, 5e4))
    found = []
    for id, level, hours in cases:
        condition = {"mode": "wear", "level": level, "inspection_cost": 50}
        watch = task(24, "condition", condition=condition, cost=2000)
        inspections, failed = law.watched(level, 24)
        figures = [
            Figure("C", law.watch_cost(level, 24, *costs), lambda run: run.cost_per_hour),
            Figure(
                "inspections",
                inspections,
                lambda run: float(run.totals.inspections.sum()) / run.renewals,
            ),
        ]
        if level != best:  # rare, and shown at two levels beside it
            figures.append(Figure("P(failure)", failed, lambda run: run.failures / run.renewals))
        model = f"gamma wear inspected each 24 h, renewed from level {level:.4g}"
        found.append(
            Anchor(id, model, fleet(20, [wear], [watch]), figures, hours=hours, warm_up=2400)
        )
    return found


def anchors() -> list[Anchor]:
    return [
        *age_replacement(),
        *block_replacement(),
        *minimal_repair(),
        *competing_modes(),
        *conditional_life(),
        *hidden_failures(),
        *first_passage(),
        *watched_wear(),
    ]
