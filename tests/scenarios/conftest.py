"""A small shop with two weeks of log, written once: what the nightly job needs, in one folder."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from scenarios.demo import with_meters
from tests.services.postgres import postgres, postgres_server
from twin.connectors.erp_files import write_orders
from twin.connectors.mes_files import write_log
from twin.model.compiled import compile_plant
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import load_plant
from twin.model.state import ShopState
from twin.simulation.simulate import simulate

__all__ = ["postgres", "postgres_server"]  # fixtures

SMALL = Path(__file__).parents[1] / "plants" / "small.yaml"
PLANT = load_plant(SMALL)
CUT_OFF = datetime(2026, 11, 23, 5, tzinfo=PLANT.zone)
LOG_DAYS = 14

TARIFF = """
id: test
currency: MAD
status: made up
source: a test
demand_charge_per_kw_month: 40
feed_in_per_kwh: 0.2
classes: {peak: 1.4, rest: 0.8}
seasons:
  - name: year
    first: "01-01"
    last: "12-31"
    windows: {peak: ["17:00-22:00"], rest: ["22:00-17:00"]}
"""

CONFIG = """
plant: plant.yaml
mes: {path: mes_log.csv}
orders: orders.csv
tariff: tariff.yaml
carbon: {path: carbon.csv, value_column: kgco2e_per_kwh}
cut_off: 2026-11-23T05:00:00+01:00
stale_after_h: 72
horizon_days: 7
replications: 8
seed: 3
time_limit_s: 20
"""


def orders_from(start: datetime, first: int, count: int, every_h: float) -> list[WorkOrder]:
    return [
        WorkOrder(
            str(first + i), "ABC"[i % 3], 30_000 + 10_000 * (i % 4),
            start + timedelta(hours=every_h * i), start + timedelta(hours=every_h * i + 72),
            1.0 + i % 2, "Atlas",
        )
        for i in range(count)
    ]  # fmt: skip


def carbon_csv(hours: int = 24 * 12) -> str:
    start = CUT_OFF - timedelta(days=1)
    rows = ["time,kgco2e_per_kwh"]
    for h in range(hours):
        instant = start + timedelta(hours=h)
        rows.append(f"{instant.isoformat()},{0.7 if 17 <= instant.hour < 22 else 0.5}")
    return "\n".join(rows) + "\n"


@pytest.fixture(scope="session")
def written_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with every input of the nightly job; copy it, do not write to it."""
    folder = tmp_path_factory.mktemp("shop")
    start = CUT_OFF - timedelta(days=LOG_DAYS)
    past = Horizon(start, LOG_DAYS * 1440, PLANT.timezone)
    done = OrderBook(tuple(orders_from(start, 100, 44, 7.5)))
    log = simulate(compile_plant(PLANT, past), done, state=ShopState(start), seed=5)
    log = with_meters(log, PLANT, past, 5)
    complete = set(log.of_kind("complete")["order"])
    released = {o.id for o in done if o.release_date < CUT_OFF}
    open_orders = [o for o in done if o.id in released - complete]
    open_orders += orders_from(CUT_OFF, 200, 10, 6)
    write_log(log, folder / "mes_log.csv")
    write_orders(OrderBook(tuple(open_orders)), folder / "orders.csv")
    shutil.copy(SMALL, folder / "plant.yaml")
    (folder / "tariff.yaml").write_text(TARIFF)
    (folder / "carbon.csv").write_text(carbon_csv())
    (folder / "replan.yaml").write_text(CONFIG)
    return folder


@pytest.fixture
def shop(written_shop: Path, tmp_path: Path) -> Path:
    """A copy of the small shop's folder, to be written to and broken."""
    return Path(shutil.copytree(written_shop, tmp_path / "shop"))
