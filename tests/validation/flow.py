"""Anchors Q: queues, spares, rework, energy by state, Little's law."""

from __future__ import annotations

import numpy as np

from tests.validation import exact
from tests.validation.anchor import (
    EXPONENTIAL,
    STEADY,
    TICKS_PER_HOUR,
    Anchor,
    Content,
    Figure,
    Run,
    Station,
    constant,
    exponential,
    gamma,
    line,
    mode,
)
from twin.simulation.result import COMPLETE_ROW, JOB, RELEASE_ROW, START_ROW, TICK

Q_ALLOWED = 0.03
DAY = 1 / 60
"""The spares are told in days; a day is a minute here, as nothing else has a length [h]."""


def waiting(run: Run) -> float:
    """Mean wait before the first operation [h]."""
    return float(run.totals.wait_ticks[0] / run.totals.taken[0] / TICKS_PER_HOUR)


def inside(run: Run) -> float:
    """Mean number of jobs inside."""
    return run.mean(run.totals.inside_area)


def flow_time(run: Run) -> float:
    return float(run.totals.flow_ticks[0] / run.totals.completed_jobs[0] / TICKS_PER_HOUR)


def by_job(run: Run, kind: int) -> tuple[np.ndarray, np.ndarray]:
    """Jobs that have rows of a kind, ascending, and the tick of the first."""
    rows = run.rows(kind)
    jobs, first = np.unique(rows[:, JOB], return_index=True)
    return jobs, rows[first, TICK]


def between(run: Run, first: int, then: int) -> np.ndarray:
    """Hours from one kind of row to another, of the jobs that have both."""
    jobs, begin = by_job(run, first)
    others, end = by_job(run, then)
    _, left, right = np.intersect1d(jobs, others, return_indices=True)
    return np.asarray((end[right] - begin[left]) / TICKS_PER_HOUR)


def failing_server() -> list[Anchor]:
    server = exact.FailingServer(0.08, 10, 0.25, 0.01, 8)
    wear = mode(clock="operating", time_to_failure=exponential(100), time_to_repair=exponential(8))
    station = Station(10, None, {"spread": "gamma", "cv": 0.5}, {"failure_modes": [wear]})
    plant = line([station], {"time_between": exponential(12.5)})
    variation = server.effective_variance / server.effective_mean**2

    def effective(run: Run) -> float:
        return flow_time(run) - waiting(run)

    return [
        Anchor(
            "Q1",
            "M/G/1 with failures while working",
            plant,
            [
                Figure("E C", server.effective_mean, effective),
                Figure("rho", server.load, lambda run: run.share("working", "repair")),
                Figure("Wq", server.wait, waiting, Q_ALLOWED),
                Figure("W", server.flow_time, flow_time, Q_ALLOWED),
                Figure("L", server.inside, inside, Q_ALLOWED),
            ],
            hours=1.3e6,
            warm_up=20000,
        ),
        Anchor(
            "Q1c",
            "the same: effective time of each job",
            plant,
            [
                Figure(
                    "var C",
                    server.effective_variance,
                    lambda run: float(between(run, START_ROW, COMPLETE_ROW).var(ddof=1)),
                ),
                Figure("ce2", variation, coefficient),
            ],
            hours=8e5,
            trace=True,
        ),
    ]


def coefficient(run: Run) -> float:
    """Squared coefficient of variation of the effective time."""
    times = between(run, START_ROW, COMPLETE_ROW)
    return float(times.var(ddof=1) / times.mean() ** 2)


def three_servers() -> list[Anchor]:
    waits, mean = exact.erlang_c(3, 2.5, 1)
    plant = line([Station(1, None, EXPONENTIAL, units=3)], {"time_between": exponential(0.4)})
    return [
        Anchor(
            "Q2",
            "M/M/3, arrivals 2.5, rate 1",
            plant,
            [Figure("Wq", mean, waiting)],
            hours=8e5,
            warm_up=500,
        ),
        Anchor(
            "Q2p",
            "the same: who waits",
            plant,
            [
                Figure("all busy", waits, lambda run: float(run.together("working")[-1])),
                Figure(
                    "P(wait)",
                    waits,
                    lambda run: float((between(run, RELEASE_ROW, START_ROW) > 0).mean()),
                ),
            ],
            hours=4e4,
            warm_up=0,
            trace=True,
        ),
    ]


def rework() -> list[Anchor]:
    """Parts that fail go back to the same operation, by a branch or by an inspection."""
    q = 0.08
    branch = line([Station(1, None, STEADY)])
    branch["routes"][0]["branches"] = [{"after": "S0", "to": {"S0": q, "end": 1 - q}}]
    inspection = {"rework_to": "S0", "passes": 1_000_000}
    facts = {"defects": {"*": q}, "inspection": inspection}
    inspected = line([Station(1, None, STEADY, facts)])
    figures = [
        Figure(
            "passes",
            1 / (1 - q),
            lambda run: float(run.totals.taken[0] / run.totals.completed_jobs[0]),
        ),
        Figure("capacity", 1 / (1 - q), lambda run: 1 / run.per_hour),
    ]
    return [
        Anchor("Q3", "rework loop of 8 % by a branch", branch, figures, hours=2000, warm_up=100),
        Anchor(
            "Q3i", "the same by an inspection", inspected, figures, hours=2000, warm_up=100
        ),
    ]  # fmt: skip


def demand(stock: Content, per_day: float) -> Content:
    """Poisson demand for single pieces of a stock; what takes them takes no time."""
    source = {"time_between": exponential(DAY / per_day)}
    station = Station(0, None, STEADY, operation={"uses": {"spare": 1}})
    return line([station], source, stocks=[{"id": "spare"} | stock])


def filled(run: Run) -> float:
    return float(run.totals.filled[0] / run.totals.demands[0])


def base_stock() -> list[Anchor]:
    """Whatever the law of the lead time: each stock level has another."""
    found = []
    laws = {5: exponential(21 * DAY), 7: gamma(3, 7 * DAY), 9: constant(21 * DAY)}
    lengths = {5: 6e3, 7: 2e4, 9: 6e4}
    for size, lead_time in laws.items():
        owed, fill = exact.spares(size, 12 * 0.02 * 21)
        stock = {"on_hand": size, "reorder_point": size - 1, "lead_time": lead_time}
        found.append(
            Anchor(
                f"Q4.{size}",
                f"(S-1, S) spares, S = {size}, {lead_time['law']} lead time",
                demand(stock, 12 * 0.02),
                [
                    Figure("EBO", owed, lambda run: run.mean(run.totals.owed_area)),
                    Figure("on hand", fill, filled),
                ],
                hours=lengths[size] * 60 * DAY,
                warm_up=500 * DAY,
            )
        )
    return found


def reorder_point() -> list[Anchor]:
    fill, owed, on_hand = exact.reorder(4, 6, 12 * 0.02 * 21)
    stock = {"on_hand": 8, "reorder_point": 4, "order_quantity": 6}
    plant = demand(stock | {"lead_time": constant(21 * DAY)}, 12 * 0.02)
    return [
        Anchor(
            "Q5",
            "(r, Q) = (4, 6), lead time 21 d",
            plant,
            [
                Figure("fill", fill, filled),
                Figure("EBO", owed, lambda run: run.mean(run.totals.owed_area)),
                Figure("stock", on_hand, lambda run: run.mean(run.totals.stock_area)),
            ],
            hours=7e5 * DAY,
            warm_up=2000 * DAY,
        )
    ]


POWER_KW = {"working": 12.0, "standby": 4.0, "down": 1.5}


def energy_by_state() -> list[Anchor]:
    wear = mode(clock="operating", time_to_failure=exponential(14), time_to_repair=exponential(1))
    facts = {"failure_modes": [wear], "power_kw": POWER_KW}
    plant = line([Station(0.7, None, STEADY, facts)], {"time_between": exponential(1)})

    def by_state(run: Run) -> float:
        power = run.experiment.plant.power_kw[0]
        return float((run.totals.state_ticks[0] * power).sum() / TICKS_PER_HOUR)

    def kwh(run: Run) -> float:
        return float(run.totals.energy_kwh[0])

    return [
        Anchor(
            "Q6",
            "energy by state: 12, 4 and 1.5 kW",
            plant,
            [
                Figure("mean kW", 9.475, lambda run: kwh(run) / run.hours),
                Figure("kWh / (h x kW)", 1, lambda run: kwh(run) / by_state(run), 1e-9),
                Figure("working", 0.70, lambda run: run.share("working")),
                Figure("idle", 0.25, lambda run: run.share("standby")),
                Figure("down", 0.05, lambda run: run.share("repair")),
            ],
            hours=2.8e5,
            warm_up=500,
        )
    ]


def little() -> list[Anchor]:
    """Every part that enters leaves: the number inside and the time inside are one area."""
    stations = [Station(1, None, EXPONENTIAL, units=n) for n in (2, 1, 3)]
    plant = line(stations, {"time_between": exponential(1.2), "limit": 2000})

    def plant_wide(run: Run) -> float:
        return float(run.totals.inside_area[0] / run.totals.flow_ticks[0])

    def at_station(i: int) -> Figure:
        def of(run: Run) -> float:
            return float(run.totals.buffer_area[i] / run.totals.wait_ticks[i])

        return Figure(f"station {i + 1}", 1, of, 1e-9)

    return [
        Anchor(
            "Q7",
            "L = TH x W",
            plant,
            [Figure("plant", 1, plant_wide, 1e-9), at_station(1), at_station(2)],
            hours=6000,
            once=True,
        )
    ]


def anchors() -> list[Anchor]:
    return [
        *failing_server(),
        *three_servers(),
        *rework(),
        *base_stock(),
        *reorder_point(),
        *energy_by_state(),
        *little(),
    ]
