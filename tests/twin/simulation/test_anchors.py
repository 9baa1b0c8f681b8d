"""The engine against closed forms: the exact value lies in the 99 % interval, and that is narrow.

Each anchor states the half-width it allows as a share of the value. Lines with exponential work are
left out, as the plant's lot times are lognormal; a serial line is held to the max-plus recursion
instead (``test_flow.py``).
"""

import math
from typing import Any

import numpy as np
import pytest

from twin.model.compiled import compile_plant
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant
from twin.model.state import UnitState

HOUR = 60.0
Z99 = 2.576


def assert_anchor(samples: list[float], expected: float, share: float) -> None:
    """The mean of independent replications agrees with a value, and the interval says something."""
    assert len(samples) >= 20
    half_width = Z99 * float(np.std(samples, ddof=1)) / math.sqrt(len(samples))
    assert half_width <= share * abs(expected), f"half-width {half_width:.4g} of {expected:.6g}"
    assert float(np.mean(samples)) == pytest.approx(expected, abs=half_width)


def exponential(hours: float) -> dict[str, Any]:
    return {"law": "exponential", "scale": hours * HOUR}


def failing(life: dict[str, Any], repair: dict[str, Any], **facts: Any) -> list[dict[str, Any]]:
    mode = {"id": "wear", "clock": "calendar", "time_to_failure": life, "time_to_repair": repair}
    return [mode | facts]


def lognormal(mean: float, cv: float) -> dict[str, Any]:
    """A lognormal law of a mean [h] and coefficient of variation."""
    variance = math.log1p(cv * cv)
    median = mean * HOUR * math.exp(-variance / 2)
    return {"law": "lognormal", "median": median, "sigma": math.sqrt(variance)}


def up_share(result: Any) -> float:
    """Share of unit time neither waiting for repair nor under it."""
    rows = result.intervals()
    down = rows.loc[rows["state"].isin(("down", "repair")), "minutes"].sum()
    return float(1 - down / rows["minutes"].sum())


@pytest.mark.parametrize(
    ("life", "repair"),
    [
        (exponential(200), lognormal(10, 0.5)),
        ({"law": "weibull", "shape": 0.8, "scale": 200 * HOUR / math.gamma(2.25)}, exponential(10)),
    ],
    ids=["R1 exponential lives", "R4 any shapes"],
)
def test_availability_of_an_alternating_renewal_process(
    workshop: Any, book: Any, run: Any, life: dict[str, Any], repair: dict[str, Any]
) -> None:
    """A = U / (U + D) = 200 / 210."""
    works = workshop({"cut": None})
    for n in range(20):
        works.unit(f"C{n}", "cut", 1, failure_modes=failing(life, repair))
    compiled = works.compiled(6000 * 60)
    shares = [up_share(run(compiled, book(0), replication=r)) for r in range(20)]
    assert_anchor(shares, 200 / 210, 0.005)


def test_machine_repairman_with_one_crew(workshop: Any, book: Any, run: Any) -> None:
    """R2: 6 machines, λ = 0.02/h, μ = 0.2/h, one crew: availability, crew's share, wait for it."""
    works = workshop({"cut": None}, crews=[{"id": "M", "size": 1}])
    for n in range(6):
        modes = failing(exponential(50), exponential(5), crew="M")
        works.unit(f"C{n}", "cut", 1, failure_modes=modes)
    compiled = works.compiled(16_000 * 60)
    up, busy, wait = [], [], []
    for replication in range(30):
        result = run(compiled, book(0), replication=replication)
        rows = result.intervals()
        minutes = rows.groupby("state")["minutes"].sum()
        repairs = (rows["state"] == "repair").sum()
        up.append(up_share(result))
        busy.append(minutes["repair"] / compiled.horizon.minutes)
        wait.append(minutes["down"] / repairs / HOUR)
    assert_anchor(up, 0.859142, 0.01)
    assert_anchor(busy, 0.515485, 0.015)
    assert_anchor(wait, 3.19761, 0.05)


def renewals(shape: float, scale: float, until: float, steps: int = 4000) -> float:
    """Expected Weibull renewals M(until): M(t) = F(t) + ∫ M(t − x) dF(x) on a fine grid.

    The integral is a Riemann-Stieltjes sum with mid-points (Xie 1989, the RS method).
    """
    grid = np.linspace(0, until, steps + 1)
    at_points = 1 - np.exp(-((grid / scale) ** shape))
    at_middles = 1 - np.exp(-(((grid[1:] + grid[:-1]) / 2 / scale) ** shape))
    count = np.zeros(steps + 1)
    for i in range(1, steps + 1):
        earlier = np.dot(np.diff(count[:i]), at_middles[i - 1 : 0 : -1])
        own = at_points[i] + earlier - at_middles[0] * count[i - 1]
        count[i] = own / (1 - at_middles[0])
    return float(count[-1])


def test_the_renewal_function_of_exponential_lives_is_a_straight_line() -> None:
    assert renewals(1, 400, 500) == pytest.approx(500 / 400, rel=1e-4)


def test_block_replacement_has_the_failures_of_its_renewal_function(
    workshop: Any, book: Any, run: Any
) -> None:
    """Renewed every 500 h, Weibull(2.5, 400 h) lives give M(500 h) failures a cycle."""
    works = workshop({"cut": None}, crews=[{"id": "M", "size": 99}])
    life = {"law": "weibull", "shape": 2.5, "scale": 400 * HOUR}
    second = {"law": "constant", "value": "1 s"}
    service = {
        "id": "block", "interval": "500 h", "tolerance": 0, "duration": "1 s",
        "crew": "M", "renews": ["wear"],
    }  # fmt: skip
    for n in range(20):
        works.unit(f"C{n}", "cut", 1, failure_modes=failing(life, second), maintenance=[service])
    cycles = 40
    compiled = works.compiled(cycles * 500 * 60)
    failures = []
    for replication in range(20):
        states = run(compiled, book(0), replication=replication).events("state")["state"]
        failures.append((states == "repair").sum() / (20 * cycles))
    assert_anchor(failures, renewals(2.5, 400, 500), 0.015)


def test_waiting_before_a_machine_that_breaks_down(workshop: Any, run: Any) -> None:
    """Q1: M/G/1 with failures while working, preempt-resume (Pollaczek-Khinchine).

    E C = E S (1 + λR), E C² = E S² (1 + λR)² + λ E S E R², Wq = a E C² / 2(1 − ρ).
    """
    arrivals, mean, cv, rate, repair = 0.03, 10.0, 0.5, 0.01, 8.0
    works = workshop({"cut": None})
    life, fixing = exponential(1 / rate / HOUR), exponential(repair / HOUR)
    modes = failing(life, fixing, clock="operating")
    works.unit("C", "cut", mean, cv=cv, failure_modes=modes)
    compiled = works.compiled(50_000)
    stretch = 1 + rate * repair
    second_moment = mean**2 * (1 + cv**2) * stretch**2 + rate * mean * 2 * repair**2
    wait = arrivals * second_moment / (2 * (1 - arrivals * mean * stretch))
    sojourns = []
    for replication in range(24):
        generator = np.random.default_rng([5, replication])
        releases = np.cumsum(generator.exponential(1 / arrivals, 1000))
        at = compiled.horizon.to_datetime
        rows = [WorkOrder(f"O{i}", "A", 1, at(t), at(t)) for i, t in enumerate(releases.tolist())]
        done = run(compiled, OrderBook(tuple(rows)), replication=replication).exact_completions()
        times = [done[f"O{i}"] - releases[i] for i in range(50, 900)]
        sojourns.append(float(np.mean(times)))
    assert_anchor(sojourns, mean * stretch + wait, 0.03)


def test_energy_is_the_sum_of_states_times_power(
    workshop: Any, book: Any, run: Any, shop: Any
) -> None:
    """Q6: 70 % working at 12 kW, 25 % standby at 4, 5 % down at 1.5 make 9.475 kW, exactly."""
    constant = {"law": "constant", "value": 40}
    modes = failing(constant, {"law": "constant", "value": 5}, clock="operating")
    works = workshop({"cut": None})
    power = {"off": 0, "standby": 4, "working": 12, "down": 1.5}
    works.unit("C", "cut", 70, failure_modes=modes, power_kw=power, standby_timeout=100)
    compiled = works.compiled(100)
    rows = run(compiled, book(1), state=shop(units={"C": UnitState(is_on=True)})).intervals()
    draw = compiled.plant.work_units[0].power_kw
    mean_kw = sum(draw.of(r.state) * r.minutes for r in rows.itertuples()) / 100
    assert mean_kw == pytest.approx(9.475, rel=1e-9)


def test_littles_law_holds_for_the_plant(
    run: Any, small_plant: Plant, small_orders: OrderBook
) -> None:
    """L = TH × W on the window in which every order enters and leaves."""
    start = small_orders.orders[0].release_date
    plant = compile_plant(small_plant, Horizon(start, 21 * 1440, small_plant.timezone))
    result = run(plant, small_orders)
    released = dict(
        zip(result.events("release")["order"], result.events("release")["minute"], strict=True)
    )
    done = result.exact_completions()
    assert len(done) == len(small_orders)
    window = max(done.values())
    edges = np.array(sorted([*released.values(), *done.values()]))
    inside = [
        sum(released[o] <= t < done[o] for o in done)
        for t in ((edges[1:] + edges[:-1]) / 2).tolist()
    ]
    held = float(np.dot(inside, np.diff(edges))) / window
    mean_stay = sum(done[o] - released[o] for o in done) / len(done)
    assert held == pytest.approx(len(done) / window * mean_stay, rel=1e-9)
