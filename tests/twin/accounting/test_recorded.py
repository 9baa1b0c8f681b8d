"""The figures of a backtest: a log counts what the totals of the same replication count."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from scenarios.demo import with_meters
from twin.accounting.indicators import Key
from twin.accounting.recorded import ORDERS, PIECES, Recorded, replicated
from twin.model.compiled import compile_plant
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import load_plant
from twin.model.state import ShopState
from twin.simulation.experiment import Experiment
from twin.simulation.simulate import simulate, totals

PLANT = load_plant(Path(__file__).parents[2] / "plants" / "small.yaml")
START = datetime(2026, 11, 9, 5, tzinfo=PLANT.zone)
HORIZON = Horizon(START, 7 * 1440, PLANT.timezone)
COMPILED = compile_plant(PLANT, HORIZON)
ORDERS_MADE = OrderBook(
    tuple(
        WorkOrder(
            str(n), "ABC"[n % 3], 40_000, START + timedelta(hours=8 * n),
            START + timedelta(hours=8 * n + 72),
        )
        for n in range(14)
    )
)  # fmt: skip
STATE = ShopState(START)


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    log = simulate(COMPILED, ORDERS_MADE, state=STATE, seed=4)
    return Recorded(with_meters(log, PLANT, HORIZON, 4), COMPILED, HORIZON.end)


def test_log_and_totals_of_one_replication_agree(recorded: Recorded) -> None:
    (result,) = totals(Experiment(COMPILED, ORDERS_MADE, STATE, seed=4), 1)
    found = replicated(result, COMPILED, ORDERS_MADE, recorded.metered)
    actual = recorded.figures(START, HORIZON.end)
    assert actual.keys() == found.keys()
    energy = Key("plant", "", "energy_kwh")
    for key in actual.keys() - {energy}:
        assert found[key] == pytest.approx(actual[key], abs=1e-6), key
    assert found[energy] == pytest.approx(actual[energy], rel=0.002)  # meters err by 1 % each
    assert found[Key("plant", "", PIECES)] > 0


def test_stretches_add_up(recorded: Recorded) -> None:
    middle = START + timedelta(hours=61.37)
    whole = recorded.figures(START, HORIZON.end)
    parts = [recorded.figures(START, middle), recorded.figures(middle, HORIZON.end)]
    for key, value in whole.items():
        assert parts[0][key] + parts[1][key] == pytest.approx(value, abs=1e-6), key


def test_who_knows_the_orders_says_that_all_take_the_usual_time(recorded: Recorded) -> None:
    origin = START + timedelta(days=5)
    assert recorded.through(START, origin) == {}
    found = recorded.through(origin, origin + timedelta(days=1))
    assert 0 <= found[Key("plant", "", ORDERS)] <= 14
    products = [found[Key("product", id, PIECES)] for id in "ABC"]
    assert found[Key("plant", "", PIECES)] == pytest.approx(sum(products))
