"""The exact values agree with those printed with the anchors."""

import math

import pytest

from tests.validation import exact, exact_lines
from tests.validation.exact import GammaWear, Repairmen, Weibull, WienerWear


def agrees(found: float, printed: str) -> bool:
    """Equal to the last printed digit."""
    digits = len(printed.partition(".")[2])
    return abs(found - float(printed)) <= 0.5000001 * 0.1**digits


def test_age_replacement() -> None:
    law = Weibull(2.5, 1000)
    age = law.best_age(1000, 8000)
    assert agrees(age, "392.547")
    assert agrees(law.age_cost(age, 1000, 8000), "4.30404")
    assert agrees(8000 / law.mean, "9.01648")
    assert agrees(law.mean_up_to(age), "382.017")
    assert agrees(1 - law.survival(age), "0.092031")
    age = law.best_age(8, 48)
    assert agrees(age, "450.083")
    assert agrees(law.age_availability(age, 8, 48), "0.970690")
    assert agrees(law.mean / (law.mean + 48), "0.948678")


def test_block_replacement_and_overhaul() -> None:
    assert agrees(exact.erlang2_renewals(0.002, 600), "0.372679")
    assert agrees(exact.block_cost(0.002, 600, 500, 3000), "2.69673")
    best = exact.best_block(0.002, 500, 3000)
    assert agrees(best, "572.32")
    assert agrees(exact.block_cost(0.002, best, 500, 3000), "2.69598")
    interval, cost = exact.overhaul(2.2, 500, 4000, 600)
    assert agrees(interval, "1090.14")
    assert agrees(cost, "6.72696")
    assert agrees((interval / 500) ** 2.2, "5.55556")


def test_repairs_that_do_not_renew() -> None:
    assert agrees(math.exp(-((300 / 500) ** 1.5)), "0.628287")
    assert agrees(exact.power_law_arrival(1.5, 500, 1), "451.373")
    assert agrees(exact.power_law_arrival(1.5, 500, 5), "1430.28")
    rate = Weibull(2, 500).perfect_by_chance_rate(0.3)
    assert agrees(rate, "0.00412026")
    assert agrees(1 / rate / 0.3, "809.011")


def test_competing_modes_and_conditional_life() -> None:
    scale, shares = exact.competing(1.8, [800, 1200, 2000])
    assert agrees(scale, "600.838")
    assert all(map(agrees, shares, ("0.597312", "0.287897", "0.114791")))
    assert agrees(Weibull(1.8, scale).mean, "534.317")
    assert agrees(Weibull(2.5, 1000).mean_residual(600), "438.012")
    assert agrees(Weibull(2.5, 1000).fails_within(600, 168), "0.211830")


def test_hidden_failures() -> None:
    best = exact.best_inspection(1 / 2000, 2)
    assert agrees(best, "88.781")
    assert agrees(exact.hidden_unavailability(1 / 2000, best, 2), "0.0434197")


def test_wear() -> None:
    wear = GammaWear(0.05, 1, 10)
    assert agrees(wear.mean, "210.00")
    assert agrees(wear.deviation, "62.98")
    assert agrees(wear.fails_by(150), "0.171933")
    assert wear.mean_on_grid(1) == pytest.approx(wear.mean + 0.5, abs=1e-3)
    path = WienerWear(0.05, 0.3, 10)
    assert (path.mean, path.deviation) == pytest.approx((200, 84.8528), abs=1e-4)
    assert agrees(path.fails_by(150), "0.311965")


def test_watched_wear() -> None:
    wear, costs = GammaWear(0.05, 1, 10), (50, 2000, 10000)
    for level, cost, inspections, failed in (
        (7, "17.49046", "6.75000", "0.061994"),
        (6.5, "17.26029", "6.33334", "0.038362"),
    ):
        found = wear.watched(level, 24)
        assert agrees(found[0], inspections)
        assert agrees(found[1], failed)
        assert agrees(wear.watch_cost(level, 24, *costs), cost)
    assert agrees(wear.watch_cost(6.55, 24, *costs), "17.25991")
    assert wear.best_level(24, *costs) == pytest.approx(6.55, abs=0.025)  # printed on a grid
    assert agrees(wear.watch_cost(9.999, 24, *costs), "47.10")  # steep towards the limit


def test_availability() -> None:
    rough = exact.alternating_deviation_asymptotic(200, 10, 200, 5, 2000)
    assert agrees(rough, "0.01643")
    assert exact.alternating_deviation(200, 10, 4, 2000) == pytest.approx(rough, rel=0.02)
    assert agrees(exact.availability_after(200, 10, 20), "0.958212")
    for crews, printed in {
        1: ("5.15485", "0.484515", "0.515485", "3.19761"),
        2: ("5.43395", "0.560233", "0.271697", "0.208465"),
        3: ("5.45338", "0.564290", "0.181779", "0.0117962"),
    }.items():
        shop = Repairmen(6, crews, 0.02, 0.2)
        found = (shop.mean_up, shop.shares[0], shop.crew_share, shop.mean_wait)
        assert all(map(agrees, found, printed))
    for crews, works in {1: "0.958719", 2: "0.989747", 5: "0.993474"}.items():
        assert agrees(Repairmen(5, crews, 0.01, 0.1).works(3), works)


@pytest.mark.parametrize(
    ("rates", "fails", "repairs", "rooms", "throughput"),
    [
        ([1, 1], [0, 0], [0, 0], [0], "0.666667"),
        ([1, 1], [0, 0], [0, 0], [4], "0.857143"),
        ([1, 1.2], [0, 0], [0, 0], [3], "0.899294"),
        ([1, 1, 1], [0] * 3, [0] * 3, [0, 0], "0.564103"),
        ([1, 1], [0.02] * 2, [0.2] * 2, [5], "0.763800"),
        ([1, 1.2], [0.01, 0.03], [0.1, 0.15], [3], "0.740792"),
        ([1, 1], [0.02] * 2, [0.2] * 2, [20], "0.847126"),
        ([1, 1, 1], [0.02] * 3, [0.2] * 3, [4, 4], "0.684692"),
        ([1.2, 1, 1.1], [0.01, 0.02, 0.05], [0.1, 0.1, 0.25], [2, 6], "0.651549"),
        ([1] * 4, [0.02] * 4, [0.2] * 4, [3] * 3, "0.619723"),
    ],
)
def test_exponential_lines(
    rates: list[float], fails: list[float], repairs: list[float], rooms: list[int], throughput: str
) -> None:
    line = exact_lines.exponential_line(rates, fails, repairs, rooms)
    assert agrees(line.throughput, throughput)
    for states in zip(line.busy, line.down, line.blocked, line.starved, strict=True):
        assert sum(states) == pytest.approx(1)


def test_levels_of_exponential_lines() -> None:
    line = exact_lines.exponential_line([1.2, 1, 1.1], [0.01, 0.02, 0.05], [0.1, 0.1, 0.25], [2, 6])
    assert all(map(agrees, line.levels, ("1.36199", "2.02719")))
    line = exact_lines.exponential_line([1] * 3, [0.02] * 3, [0.2] * 3, [4, 4])
    assert all(map(agrees, line.levels, ("2.42265", "1.60525")))


@pytest.mark.parametrize(
    ("fails", "repairs", "rooms", "throughput", "levels"),
    [
        ([0.01] * 2, [0.1] * 2, [4], "0.840936", ["2.0"]),
        ([0.01] * 2, [0.1] * 2, [10], "0.856175", ["5.0"]),
        ([0.01] * 2, [0.1] * 2, [20], "0.870541", ["10.0"]),
        ([0.01] * 2, [0.1] * 2, [60], "0.890610", ["30.0"]),
        ([0.01, 0.012], [0.1, 0.08], [10], "0.823966", ["5.6358"]),
        ([0.01] * 3, [0.1] * 3, [10, 10], "0.819137", ["5.9834", "4.0166"]),
        ([0.01, 0.02, 0.01], [0.1] * 3, [5, 5], "0.740018", ["3.3428", "1.6572"]),
        ([0.02] * 4, [0.2] * 4, [4] * 3, "0.767915", ["2.4864", "2.0", "1.5136"]),
    ],
)
def test_synchronous_lines(
    fails: list[float], repairs: list[float], rooms: list[int], throughput: str, levels: list[str]
) -> None:
    made, means = exact_lines.synchronous_line(fails, repairs, rooms)
    assert agrees(made, throughput)
    assert all(map(agrees, means, levels))


def test_blocking_after_service_in_step() -> None:
    """With two machines, places are levels less two; longer lines make a little less by it."""
    two = ([0.01, 0.012], [0.1, 0.08])
    after = exact_lines.line_in_step(*two, exact_lines.after_service([8]))
    assert after[0] == pytest.approx(exact_lines.synchronous_line(*two, [10])[0])
    three = ([0.01, 0.02, 0.01], [0.1] * 3)
    made = exact_lines.synchronous_line(*three, [5, 5])[0]
    less = exact_lines.line_in_step(*three, exact_lines.after_service([3, 3]))[0]
    assert 0.999 * made < less < made


def test_bernoulli_lines() -> None:
    assert agrees(exact_lines.bernoulli_pair(0.9, 0.9, 3), "0.870968")
    assert agrees(exact_lines.bernoulli_pair(0.9, 0.85, 2), "0.820076")
    assert exact_lines.bernoulli_line([0.9, 0.85], [2]) == pytest.approx(
        exact_lines.bernoulli_pair(0.9, 0.85, 2)
    )
    assert agrees(exact_lines.bernoulli_line([0.9] * 5, [3] * 4), "0.839467")
    assert agrees(exact_lines.bernoulli_line([0.95, 0.85, 0.9, 0.92], [2, 3, 2]), "0.820394")


def test_queues_and_spares() -> None:
    server = exact.FailingServer(0.08, 10, 0.25, 0.01, 8)
    assert agrees(server.effective_mean, "10.8")
    assert agrees(server.effective_variance, "41.96")
    assert agrees(server.effective_variance / server.effective_mean**2, "0.359739")
    assert agrees(server.load, "0.864")
    assert agrees(server.wait, "46.6471")
    assert agrees(server.flow_time, "57.4471")
    assert agrees(server.inside, "4.59576")
    assert all(map(agrees, exact.erlang_c(3, 2.5, 1), ("0.702247", "1.40449")))
    for stock, printed in {
        5: ("0.899857", "0.433503"), 7: ("0.265111", "0.756311"), 9: ("0.056792", "0.929264"),
    }.items():  # fmt: skip
        assert all(map(agrees, exact.spares(stock, 5.04), printed))
    assert all(map(agrees, exact.reorder(4, 6, 5.04), ("0.759523", "0.313596", "2.773596")))
