"""What a backtest reads, and what was known at each of its origins.

An order book is an extract of today, and names neither the orders of last week nor when they were
due. Those are read from the log: its *release* rows, or where an order has none its first lots. An
order that the book does not name is due as long after its release as most orders took, so that the
shop takes them in the order of their release; how it really chose is not in a log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from scenarios.backtest import Footing, PlantDraws, Prepare, Standing
from scenarios.backtest_discovered import discovered
from scenarios.input_uncertainty import plant_draws
from scenarios.inputs import read_inputs
from scenarios.run import Progress
from scenarios.settings import ReplanConfig
from twin.calibration.calibrate import calibrate, calibrated
from twin.calibration.diagnosis import diagnose
from twin.calibration.replay import operation_progress, shop_state
from twin.calibration.reports import shows_states
from twin.errors import UnfitData
from twin.model.events import EventLog
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant
from twin.model.state import ShopState

FAILED = ("down", "repair")
USUAL_FLOW = 0.9
"""An order is due when this share of the log's orders had been completed."""


@dataclass(frozen=True)
class History:
    """The whole of a past that can be tested on."""

    log: EventLog
    """Clean, up to ``until``: what forecasts are compared with."""
    plant: Plant
    until: datetime
    prepare: Prepare
    notes: tuple[str, ...]

    @property
    def begin(self) -> datetime:
        """Of the log."""
        first: datetime = self.log.table["time"].min().to_pydatetime()
        return first


Fit = Callable[[EventLog, datetime], tuple[Plant, PlantDraws | None]]
"""From a clean log before an origin to the twin, and to twins as uncertain as that."""


def read_history(config: ReplanConfig, progress: Progress) -> History:
    """Read a nightly job's inputs as something to test on.

    Raises
    ------
    InputError, UnfitData
        As the nightly job does.
    """
    progress("read log and orders", 0, 1)
    inputs = read_inputs(config)
    progress("diagnose the log", 0, 1)
    diagnosis = diagnose(inputs.log, inputs.plant, inputs.cut_off)
    if diagnosis.refusal:
        raise UnfitData(f"{inputs.log.source}: {diagnosis.refusal}")
    until = _end(diagnosis.clean, inputs.cut_off)
    raw = inputs.log.until(until)
    given = "orders released inside a forecast stretch are given, as they came"
    if config.discover is not None and not shows_states(raw):
        prepare = discovered(raw, config)
        note = "product and route of an order not yet begun are not in the log: by their frequency"
        return History(diagnosis.clean, inputs.plant, until, prepare, (*inputs.notes, given, note))
    plant = without_sources(inputs.plant)
    book = orders_of_log(diagnosis.clean, plant, inputs.orders)
    known = sum(order.id in {o.id for o in inputs.orders} for order in book)
    note = (
        f"{len(book)} orders of the log; {len(book) - known} of them are not in the order book: "
        "taken in the order of their release"
    )
    notes = [given, note]
    if config.discover is not None:
        notes.append(
            "what there is (work units, products, routes, shifts) was found in the whole log; "
            "times, lives and power only in what came before each origin"
        )
    prepare = described(raw, plant, book, fitted(plant, config.seed))
    return History(diagnosis.clean, plant, until, prepare, tuple(notes))


def _end(log: EventLog, cut_off: datetime) -> datetime:
    """The cut-off, or where the log ends more than a day before it, the end of its last day."""
    last: datetime = log.table["time"].max().to_pydatetime()
    days = (cut_off - last) // timedelta(days=1)
    return cut_off - timedelta(days=days)


def without_sources(plant: Plant) -> Plant:
    """What sources brought is in the log, as orders; they shall not bring it twice."""
    return plant.model_copy(update={"sources": []}) if plant.sources else plant


def fitted(plant: Plant, seed: int = 1) -> Fit:
    """Calibrates the plant on what was known, as the nightly job does."""

    def fit(log: EventLog, origin: datetime) -> tuple[Plant, PlantDraws | None]:
        calibration = calibrate(log, plant, origin)
        return calibrated(plant, calibration), plant_draws(log, plant, calibration, seed)

    return fit


def described(log: EventLog, plant: Plant, orders: OrderBook, fit: Fit | None = None) -> Prepare:
    """A shop whose plant is described: diagnosed, fitted and replayed at each origin."""
    fit = fit or fitted(plant)

    def prepare(origin: datetime, end: datetime) -> Footing:
        diagnosis = diagnose(log.until(origin), plant, origin)
        if diagnosis.refusal:
            raise UnfitData(diagnosis.refusal)
        clean = diagnosis.clean
        twin, draws = fit(clean, origin)
        state, book = standing_at(clean, twin, orders, origin, end)
        return Footing.of_plants(Standing(twin, book, state, not_down(clean, state)), draws)

    return prepare


def not_down(clean: EventLog, state: ShopState) -> dict[str, float]:
    """Hours for which units are unavailable at first that have not failed: see ``Standing``."""
    states = clean.of_kind("state")
    last = states.sort_values("time", kind="stable").drop_duplicates("work_unit", keep="last")
    failed = set(last.loc[last["state"].isin(FAILED), "work_unit"])
    return {
        id: unit.unavailable_minutes / 60
        for id, unit in state.units.items()
        if unit.unavailable_minutes > 0 and id not in failed
    }


def standing_at(
    clean: EventLog, twin: Plant, orders: OrderBook, origin: datetime, end: datetime
) -> tuple[ShopState, OrderBook]:
    """Where the shop stood at an origin, by the log before it, and what it had to make by ``end``.

    Orders that were finished by then are left out.
    """
    finished = set(clean.of_kind("complete")["order"])
    wanted = [o for o in orders if o.release_date < end and o.id not in finished]
    state = shop_state(clean, twin, OrderBook(tuple(wanted)), origin)
    return state, OrderBook(tuple(as_they_are(wanted, clean, twin, state)))


def as_they_are(
    orders: list[WorkOrder], log: EventLog, plant: Plant, state: ShopState
) -> list[WorkOrder]:
    """Orders with the pieces they still have: what an operation scrapped is not made up for."""
    progress = operation_progress(log)
    found = []
    for order in orders:
        done = state.order(order.id).operations_done
        route = plant.route_of(plant.product(order.product))
        step = progress.get((order.id, route[done - 1])) if 0 < done <= len(route) else None
        pieces = round(step.good) if step else 0
        found.append(replace(order, quantity=min(pieces, order.quantity)) if pieces else order)
    return found


def orders_of_log(log: EventLog, plant: Plant, book: OrderBook) -> OrderBook:
    """Every order that a log speaks of, then those that only the book knows."""
    known = {order.id: order for order in book}
    products = {product.id for product in plant.products}
    released = log.of_kind("release").drop_duplicates("order")
    due = usual_flow(log)
    found: dict[str, WorkOrder] = {}
    for id, product, quantity, time in zip(
        *(released[name].tolist() for name in ("order", "product", "quantity", "time")), strict=True
    ):
        if product in products and quantity >= 1:
            since = pd.Timestamp(time).to_pydatetime()
            order = WorkOrder(id, product, int(quantity), since, since + due)
            at_book = known.get(id)
            found[id] = replace(order, due_date=at_book.due_date, weight=at_book.weight,
                                customer=at_book.customer) if at_book else order  # fmt: skip
    for order in _unreleased(log, products, due):
        found.setdefault(order.id, known.get(order.id, order))
    return OrderBook((*found.values(), *(o for o in book if o.id not in found)))


def _unreleased(log: EventLog, products: set[str], due: timedelta) -> list[WorkOrder]:
    """Orders without a release row: released when first worked, as large as their largest step."""
    rows = log.table[
        log.table["event"].isin(("start", "end")) & log.table["product"].isin(products)
    ]
    if rows.empty:
        return []
    pieces = rows["quantity"].fillna(0) + rows["scrap"].fillna(0)
    steps = pieces.groupby([rows["order"], rows["operation"]], sort=False).sum()
    largest = steps.groupby(level=0, sort=False).max()
    firsts = rows.groupby("order", sort=False)[["time", "product"]].first()
    return [
        WorkOrder(str(id), product, max(int(largest[id]), 1), time, time + due)
        for id, product, time in zip(
            firsts.index.tolist(), firsts["product"].tolist(),
            firsts["time"].dt.to_pydatetime().tolist(), strict=True,
        )
    ]  # fmt: skip


def usual_flow(log: EventLog) -> timedelta:
    """How long most orders took from release to completion; three days when none is seen whole."""
    times = [
        log.of_kind(kind).drop_duplicates("order").set_index("order")["time"]
        for kind in ("release", "complete")
    ]
    took = (times[1] - times[0]).dropna()
    if took.empty:
        return timedelta(days=3)
    return timedelta(seconds=round(float(np.quantile(took.dt.total_seconds(), USUAL_FLOW))))
