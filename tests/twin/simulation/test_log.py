"""What every simulated log keeps to, whatever happens in it."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from twin.model.compiled import CompiledPlant
from twin.model.events import COLUMNS, KINDS, EventLog
from twin.model.orders import OrderBook
from twin.model.plant import STATES

REPLICATIONS = range(5)


@pytest.fixture(scope="module")
def runs(run: Any, small: CompiledPlant, small_orders: OrderBook) -> list[Any]:
    return [run(small, small_orders, replication=r) for r in REPLICATIONS]


def test_the_log_has_the_types_of_a_log_from_rows(runs: list[Any]) -> None:
    log = runs[0].log
    rows = log.table.head(200).to_dict("records")
    again = EventLog.of(rows).table
    assert list(log.table.columns) == list(COLUMNS)
    assert log.table.dtypes.to_dict() == again.dtypes.to_dict()
    assert log.table.head(200).equals(again)


def test_time_never_runs_backwards_nor_leaves_the_horizon(runs: list[Any]) -> None:
    for result in runs:
        times = result.log.table["time"]
        assert times.is_monotonic_increasing
        assert times.min() >= result.horizon.start
        assert times.max() < result.horizon.end


def test_only_known_kinds_and_states_occur(runs: list[Any]) -> None:
    table = runs[0].log.table
    assert set(table["event"]) <= set(KINDS)
    assert set(table.loc[table["event"] == "state", "state"]) <= set(STATES)


def test_every_unit_has_a_state_from_the_first_instant(runs: list[Any]) -> None:
    for result in runs:
        first = result.intervals().groupby("work_unit")["begin"].min()
        assert first.to_dict() == dict.fromkeys(result.plant.unit_ids, 0.0)


def test_the_states_of_every_unit_fill_the_horizon(runs: list[Any]) -> None:
    for result in runs:
        minutes = result.intervals().groupby("work_unit")["minutes"].sum()
        assert minutes.to_numpy() == pytest.approx(result.horizon.minutes, abs=1e-6)


def test_pieces_in_equal_pieces_out_scrap_and_inside(
    runs: list[Any], small_orders: OrderBook
) -> None:
    """Every piece launched is good at the end, scrapped on the way, or still inside."""
    scrapped = 0.0
    for result in runs:
        ends = result.events("end")
        good = ends.groupby(["order", "operation"])[["quantity", "scrap"]].sum()
        complete = result.events("complete").set_index("order")["quantity"]
        assert len(complete) > 0
        for order in small_orders:
            route = result.plant.plant.route_of(result.plant.plant.product(order.product))
            entering = float(order.quantity)
            for operation in route:
                if (order.id, operation) not in good.index:
                    break
                row = good.loc[(order.id, operation)]
                assert row["quantity"] + row["scrap"] <= entering
                entering = row["quantity"]
            if order.id in complete.index:
                lost = ends.loc[ends["order"] == order.id, "scrap"].sum()
                assert complete[order.id] + lost == order.quantity
                scrapped += lost
    assert scrapped > 0


def test_work_and_setups_keep_to_the_shifts(runs: list[Any]) -> None:
    for result in runs:
        rows = result.intervals().query("state in ('working', 'setup')")
        for row in rows.itertuples():
            opened = result.plant.unit_open[result.plant.unit_index[row.work_unit]]
            inside = opened.working_minutes(row.begin, row.stop)
            assert inside == pytest.approx(row.minutes, abs=1e-4)


def test_every_lot_ends_on_the_unit_and_under_the_name_it_started(runs: list[Any]) -> None:
    names = ["work_unit", "order", "operation", "product", "lot"]
    for result in runs:
        ended = result.events("end")[names].apply(tuple, axis=1)
        started = result.events("start")[names].apply(tuple, axis=1)
        assert started.is_unique
        assert set(ended) <= set(started)
        assert len(started) - len(ended) <= len(result.plant.unit_ids)


def test_every_finished_container_leads_back_to_its_coils(runs: list[Any]) -> None:
    starts = runs[0].events("start")
    material = dict(zip(starts["lot"], starts["material"], strict=True))
    lots = starts.loc[starts["operation"] == "pack", "lot"]
    assert len(lots) > 0
    for lot in lots:
        sources = [lot]
        while any(source in material for source in sources):
            sources = [s for name in sources for s in material.get(name, name).split("+")]
        assert sources
        assert all(source.startswith("WIRE-") for source in sources)


def test_the_same_luck_gives_the_same_log(run: Any, small: Any, small_orders: Any) -> None:
    first, second = (run(small, small_orders, replication=3).log.table for _ in range(2))
    assert first.equals(second)


def test_other_luck_gives_another_log(runs: list[Any]) -> None:
    ends = {tuple(result.exact_completions().values()) for result in runs}
    assert len(ends) == len(runs)


def test_a_late_horizon_shifts_the_log_and_nothing_else(workshop: Any, book: Any, run: Any) -> None:
    """Luck does not hang on dates."""
    works = workshop({"cut": None})
    works.unit("C", "cut", 50, cv=0.4)
    compiled = works.compiled()
    from twin.model.compiled import compile_plant
    from twin.model.horizon import Horizon

    later = Horizon(compiled.horizon.start + timedelta(days=70), 1440)
    shifted = compile_plant(works.plant(), later)
    first = list(run(compiled, book(9)).exact_completions().values())
    second = list(run(shifted, book(9)).exact_completions().values())
    assert np.allclose(first, second, atol=1e-9)
