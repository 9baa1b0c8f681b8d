"""Anchors R: availability, and machines that share repair crews."""

from __future__ import annotations

import math

from tests.validation import exact
from tests.validation.anchor import (
    Anchor,
    Content,
    Figure,
    Run,
    constant,
    exponential,
    fleet,
    gamma,
    mode,
    weibull,
)


def alternating_renewal() -> list[Anchor]:
    erlang = mode(time_to_failure=exponential(200), time_to_repair=gamma(4, 2.5))
    plain = mode(time_to_failure=exponential(200), time_to_repair=exponential(10))
    deviation = exact.alternating_deviation(200, 10, 4, 2000)
    up = 200 / 210
    return [
        Anchor(
            "R1",
            "up 200 h exponential, down 10 h of cv 0.5",
            fleet(20, [erlang]),
            [
                Figure("A", up, lambda run: 1 - run.share("repair")),
                Figure("1 - A", 1 - up, lambda run: run.share("repair")),
            ],
            hours=7e4,
            warm_up=2000,
        ),
        Anchor(
            "R1d",
            "the same: deviation of the availability of 2000 h",
            fleet(400, [erlang]),
            [
                Figure(
                    "sd A(2000 h)",
                    deviation,
                    lambda run: float(run.shares("repair").std(ddof=1)),
                    allowed=0.03,
                )
            ],
            hours=2000,
            warm_up=1000,
            replications=24,
            once=True,
        ),
        Anchor(
            "R1t",
            "repairs exponential: up 20 h after new",
            fleet(1000, [plain]),
            [
                Figure(
                    "A(20 h)",
                    exact.availability_after(200, 10, 20),
                    lambda run: 1 - run.share("repair"),
                )
            ],
            hours=2 / 60,
            warm_up=20 - 1 / 60,
            replications=40,
            once=True,
        ),
    ]


def shared_crew(groups: int, machines: int, crews: int, fails: float, repairs: float) -> Content:
    """Groups of machines, each with its own crew of so many people."""
    modes = [
        mode(
            time_to_failure=exponential(1 / fails),
            time_to_repair=exponential(1 / repairs),
            crew="fitters",
        )
    ]
    plant = fleet(groups * machines, modes)
    for n, unit in enumerate(plant["work_units"]):
        unit["failure_modes"] = [modes[0] | {"crew": f"fitters{n // machines}"}]
    plant["crews"] = [{"id": f"fitters{g}", "size": crews} for g in range(groups)]
    return plant


def up_machines(run: Run) -> float:
    return len(run.plant.work_units) * (1 - run.share("down", "repair"))


def crew_share(run: Run) -> float:
    people = sum(crew.size for crew in run.plant.crews)
    return float(run.totals.crew_ticks.sum() / people / (run.end - run.begin))


def mean_wait(run: Run) -> float:
    """Of a failure for its crew [h]."""
    return run.share("down") * run.unit_hours / run.failures


def repairmen() -> list[Anchor]:
    found = []
    for crews, groups, hours in ((1, 4, 1.8e5), (2, 8, 5e5), (3, 20, 1.3e6)):
        shop = exact.Repairmen(6, crews, 0.02, 0.2)
        model = f"6 machines, {crews} crew, fail 0.02, repair 0.2"
        found += [
            Anchor(
                f"R2.{crews}",
                model,
                shared_crew(1, 6, crews, 0.02, 0.2),
                [
                    Figure("E up", shop.mean_up, up_machines),
                    Figure("per machine", shop.mean_up / 6, lambda run: up_machines(run) / 6),
                    Figure(
                        "P(all up)",
                        shop.shares[0],
                        lambda run: float(run.together("down", "repair")[0]),
                    ),
                    Figure("crew busy", shop.crew_share, crew_share),
                ],
                hours=8e4,
                warm_up=500,
                trace=True,
            ),
            Anchor(
                f"R2w.{crews}",
                f"the same, {groups} groups: wait for the crew",
                shared_crew(groups, 6, crews, 0.02, 0.2),
                [Figure("mean wait", shop.mean_wait, mean_wait)],
                hours=hours,
                warm_up=500,
            ),
        ]
    return found


def three_down(run: Run) -> float:
    """Share of time at least three units are down."""
    return float(run.together("down", "repair")[3:].sum())


def some_out_of_five() -> list[Anchor]:
    found = []
    for crews, hours in ((1, 5e5), (2, 7e5), (5, 1e6)):
        works = exact.Repairmen(5, crews, 0.01, 0.1).works(3)
        figures = [
            Figure("A", works, lambda run: 1 - three_down(run)),
            Figure("1 - A", 1 - works, three_down, allowed=0.03),
        ]
        model = f"3 out of 5 with {crews} crew, fail 0.01, repair 0.1"
        plant = shared_crew(1, 5, crews, 0.01, 0.1)
        found.append(
            Anchor(f"R3.{crews}", model, plant, figures, hours=hours, warm_up=1000, trace=True)
        )
    return found


def insensitivity() -> list[Anchor]:
    lives = {
        "early failures": weibull(0.8, 200 / math.gamma(1 + 1 / 0.8)),
        "wear-out": weibull(3, 200 / math.gamma(1 + 1 / 3)),
        "lognormal": lognormal(200, 0.6),
        "Erlang": gamma(2, 100),
    }
    repairs = [constant(10), exponential(10), lognormal(10, 1.5), gamma(0.5, 20)]
    found = []
    for n, ((name, life), repair) in enumerate(zip(lives.items(), repairs, strict=True)):
        plant = fleet(20, [mode(time_to_failure=life, time_to_repair=repair)])
        found.append(
            Anchor(
                f"R4.{n + 1}",
                f"{name} lives of 200 h, {repair['law']} repairs of 10 h",
                plant,
                [
                    Figure("A", 200 / 210, lambda run: 1 - run.share("repair")),
                    Figure("1 - A", 10 / 210, lambda run: run.share("repair")),
                ],
                hours=1.5e5,
                warm_up=4000,
            )
        )
    return found


def lognormal(mean: float, cv: float) -> Content:
    variance = math.log1p(cv * cv)
    median = mean * 60 * math.exp(-variance / 2)
    return {"law": "lognormal", "median": median, "sigma": math.sqrt(variance)}


def anchors() -> list[Anchor]:
    return [*alternating_renewal(), *repairmen(), *some_out_of_five(), *insensitivity()]
