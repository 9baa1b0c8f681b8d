"""A plant found in a full log: what the simulated plant was comes out, and what cannot be told is
said so."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.known_truth import MICRO_LENGTH, MICRO_SHARE, ZONE, TruthCase, truth_case
from twin.calibration.discover import Discovery, discover, open_orders, plant_yaml
from twin.calibration.discover_buffers import buffers_of
from twin.calibration.discover_crews import Job, crews_of
from twin.calibration.discover_jobs import Flow, able_units, lots_of, routes_of, with_branches
from twin.calibration.discover_setups import UnitSetups, guess_families, setup_keys
from twin.calibration.discover_times import masses, times_of, unseen_minutes
from twin.calibration.discover_words import sureness
from twin.calibration.plant_text import Note, commented_yaml
from twin.calibration.reports import shows_states
from twin.errors import UnfitData
from twin.model.events import EventLog
from twin.model.plant import load_plant

START = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def case() -> TruthCase:
    return truth_case(2, weeks=5)


@pytest.fixture(scope="module")
def found(case: TruthCase) -> Discovery:
    return discover(case.log, id="found", timezone=ZONE, until=case.until)


# --- the plant of known_truth ---


def test_the_network_comes_out(case: TruthCase, found: Discovery) -> None:
    plant, truth = found.plant, case.truth
    assert [o.id for o in plant.operations] == ["press", "mill", "pack"]
    assert [r.operations for r in plant.routes] == [["press", "mill", "pack"]]
    assert {p.id: p.lot_size for p in plant.products} == {p.id: 100 for p in truth.products}
    assert {p.moves_by for p in plant.products} == {"order"}
    pairs = {(u.id, row.operation, row.basis) for u in plant.work_units for row in u.processing}
    assert pairs == {(u.id, r.operation, r.basis) for u in truth.work_units for r in u.processing}


def test_rooms_are_told_where_units_stood_blocked(found: Discovery) -> None:
    assert {o.id: o.buffer_jobs for o in found.plant.operations} == {
        "press": None, "mill": 2, "pack": 2,
    }  # fmt: skip


def test_repairs_that_wait_for_each_other_share_a_crew(found: Discovery) -> None:
    (crew,) = found.plant.crews
    assert crew.size == 1
    users = {m.crew for u in found.plant.work_units for m in u.failure_modes}
    users |= {t.crew for u in found.plant.work_units for t in u.maintenance}
    assert users == {crew.id}


def test_tasks_are_due_by_the_age_of_what_they_renew(found: Discovery) -> None:
    tasks = [t for u in found.plant.work_units for t in u.maintenance]
    assert [(t.due_by, t.renews[0], t.duration) for t in tasks] == [("age", "spindle", 15.0)] * 2


def test_what_is_taken_for_known_of_a_mode_is_not_the_unit_s_own_figure(found: Discovery) -> None:
    """Else the log would count twice, and few failures would look like certainty."""
    assert found.calibration is not None
    lives = [e for e in found.calibration.of("time_to_failure") if e.key == "jam"]
    assert len(lives) == 4
    assert len({e.nominal for e in lives}) == 1


def test_times_are_near_the_truth(case: TruthCase, found: Discovery) -> None:
    slower = 1 + MICRO_SHARE * MICRO_LENGTH
    errors = []
    for unit in case.truth.work_units:
        times = found.plant.unit(unit.id).processing[0].time
        true = unit.processing[0].time
        errors += [abs(times[p] / (true[p] * slower) - 1) for p in times]
    assert np.quantile(errors, 0.9) < 0.05


def test_a_written_plant_is_read_back_the_same(found: Discovery, tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(plant_yaml(found), encoding="utf-8")
    assert load_plant(path) == found.plant


def test_every_kind_of_value_says_what_it_rests_on(found: Discovery) -> None:
    lines = plant_yaml(found).splitlines()

    def after(start: str) -> str:
        return next(line for line in lines if line.strip().startswith(start)).partition("# ")[2]

    assert after("lot_size").endswith("sure")
    assert "blocked stretches; " in after("buffer_jobs")
    assert after("time_to_failure").startswith("from ")
    assert "meter intervals; 95 % " in after("working")
    assert "lots; without short stops" in after("A1: 0.")


def test_nothing_after_the_cut_off_is_looked_at(case: TruthCase) -> None:
    cut = case.begin + timedelta(weeks=3)
    whole, part = (
        discover(log, id="f", timezone=ZONE, until=cut) for log in (case.log, case.log.until(cut))
    )
    assert whole == part


def test_open_orders_of_a_full_log_are_those_not_completed(
    case: TruthCase, found: Discovery
) -> None:
    at = case.begin + timedelta(weeks=4, hours=36)
    book, states = open_orders(case.log, found.plant, at)
    seen = case.log.until(at)
    wanted = set(seen.of_kind("release")["order"]) - set(seen.of_kind("complete")["order"])
    assert {o.id for o in book} == wanted
    true = {o.id: o for o in case.orders}
    assert all((o.product, o.quantity) == (true[o.id].product, true[o.id].quantity) for o in book)
    running = {s.running_on for s in states.values()} - {""}
    assert running <= {u.id for u in found.plant.work_units}


def test_a_unit_that_hardly_worked_is_left_out_and_named(case: TruthCase) -> None:
    ghost = case.log.table[case.log.table["event"] == "start"].head(2).assign(work_unit="GHOST")
    log = EventLog(pd.concat([ghost, case.log.table]))
    short = discover(
        log.until(case.begin + timedelta(weeks=2)), id="f", timezone=ZONE,
        until=case.begin + timedelta(weeks=2),
    )  # fmt: skip
    assert "GHOST" not in {u.id for u in short.plant.work_units}
    assert any("GHOST (2 events)" in note.text for note in short.notes)


def test_a_log_without_a_whole_order_is_refused(case: TruthCase) -> None:
    table = case.log.table
    log = EventLog(table[~table["event"].isin(["complete", "end"])], "half.csv")
    with pytest.raises(UnfitData, match=r"half\.csv: no order is complete"):
        discover(log, id="f", timezone=ZONE)


@pytest.mark.parametrize(
    ("column", "empty", "told"), [("order", "", "name no order"), ("quantity", 0.0, "no pieces")]
)
def test_a_log_without_orders_or_pieces_says_what_is_missing(
    case: TruthCase, column: str, empty: Any, told: str
) -> None:
    log = EventLog(case.log.table.assign(**{column: empty, "scrap": 0.0}), "short.csv")
    with pytest.raises(UnfitData, match=rf"short\.csv: \d+ of \d+ lots .*{told}"):
        discover(log, id="f", timezone=ZONE)


def test_a_log_of_reports_is_not_taken_for_a_full_one(case: TruthCase) -> None:
    table = case.log.table
    assert shows_states(case.log)
    assert not shows_states(EventLog(table[table["event"] != "state"]))
    assert not shows_states(EventLog(table.assign(product="")))


# --- flow ---


def lots_table(rows: Iterable[tuple[str, str, str, str, float, float, int]]) -> pd.DataFrame:
    """Lots: unit, order, operation, product, start, end, pieces; nothing scrapped."""
    table = pd.DataFrame(
        list(rows), columns=["work_unit", "order", "operation", "product", "start", "end", "pieces"]
    )
    table["lot"] = [f"L{n}" for n in range(len(table))]
    table["scrap"], table["good"] = 0.0, table["pieces"]
    table["working"] = table["end"] - table["start"]
    table["is_first"] = ~table.duplicated(["work_unit", "order", "operation"])
    return table


def chain(order: str, *operations: str, at: float = 0.0, product: str = "P") -> list[Any]:
    return [
        (o.upper(), order, o, product, at + 10 * n, at + 10 * n + 9, 5)
        for n, o in enumerate(operations)
    ]


def test_a_product_goes_the_way_most_of_its_orders_went() -> None:
    rows = [row for n in range(9) for row in chain(f"{n}", "cut", "turn", at=100 * n)]
    flow = Flow(lots_table([*rows, *chain("9", "cut", at=900)]), frozenset(), frozenset())
    (route,) = routes_of(flow).values()
    assert (route.operations, route.orders, route.share) == (("cut", "turn"), 10, 0.9)


def test_rework_becomes_a_branch_with_its_share() -> None:
    plain, again = ("cut", "test", "pack"), ("cut", "test", "cut", "test", "pack")
    rows = [row for n in range(40) for row in chain(f"{n}", *plain, at=100 * n)]
    flow = Flow(lots_table(rows), frozenset(), frozenset())
    routes = routes_of(flow)
    jobs = {"P": [plain] * 30 + [again] * 10}
    (branch,) = with_branches(routes, flow, jobs)["P"].branches
    assert (branch.after, branch.to) == ("test", {"cut": 0.2, "pack": 0.8})


def test_two_odd_orders_make_no_branch() -> None:
    plain = ("cut", "test")
    rows = [row for n in range(9) for row in chain(f"{n}", *plain, at=100 * n)]
    flow = Flow(lots_table(rows), frozenset(), frozenset())
    odd = {"P": [plain] * 30 + [("cut", "test", "cut")] * 2}
    assert with_branches(routes_of(flow), flow, odd)["P"].branches == ()


@pytest.mark.parametrize(("start", "moves"), [(21.0, "order"), (12.0, "lot")])
def test_what_moves_is_told_by_when_the_next_operation_begins(start: float, moves: str) -> None:
    rows = []
    for n in range(10):
        at = 100.0 * n
        rows += [("A", f"{n}", "cut", "P", at, at + 10, 50), ("A", f"{n}", "cut", "P", at + 10,
                                                             at + 20, 30)]  # fmt: skip
        rows += [("B", f"{n}", "turn", "P", at + start, at + start + 5, 50)]
    flow = Flow(lots_table(rows), frozenset(), frozenset())
    (lots,) = lots_of(flow, routes_of(flow), set()).values()
    assert (lots.moves_by, lots.size) == (moves, 50)


def test_a_rare_product_may_be_made_where_chance_kept_it_away() -> None:
    rows = [row for n in range(40) for row in [("A" if n % 2 else "B", f"{n}", "cut", "P" if n < 20
            else "Q", 10.0 * n, 10.0 * n + 9, 5)]]  # fmt: skip
    rows += [("A", "r1", "cut", "R", 500.0, 509.0, 5)]
    rows += [("A", f"s{n}", "cut", "S", 600.0 + n, 601.0 + n, 5) for n in range(20)]
    flow = Flow(lots_table(rows), frozenset(), frozenset())
    able = able_units(flow, routes_of(flow))
    assert able["B", "cut"] == {"P", "Q", "R"}
    times = {unit: times_of(mine) for unit, mine in flow.lots.groupby("work_unit")}
    assert unseen_minutes("B", "R", {str(u): t for u, t in times.items()}) == pytest.approx(9 / 5)


# --- times ---


def lots_of_size(minutes: Any, several: bool, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows, at = [], 0.0
    for n in range(60):
        sizes = [40, int(rng.integers(5, 30))] if several else [int(rng.integers(5, 80))]
        for size in sizes:
            took = minutes(size) * float(rng.lognormal(0, 0.1))
            rows.append(("A", f"{n}", "cut", "P", at, at + took, size))
            at += took
    return lots_table(rows)


def test_what_lots_scale_with_is_told_by_unlike_lots() -> None:
    assert times_of(lots_of_size(lambda n: 0.5 * n, True)).basis == "piece"
    assert times_of(lots_of_size(lambda n: 20.0, True)).basis == "load"
    assert times_of(lots_of_size(lambda n: 20.0, False)).basis == "order"


def test_lots_all_alike_leave_the_basis_open() -> None:
    rows = [("A", f"{n}", "cut", "P", 10.0 * n, 10.0 * n + 9, 5) for n in range(30)]
    row = times_of(lots_table(rows))
    assert row.basis == "piece"
    assert "left open" in row.basis_note


def test_pieces_of_full_loads_weigh_the_same() -> None:
    rows = [("A", f"{n}", "heat", "P" if n % 2 else "Q", 10.0 * n, 10.0 * n + 9, size)
            for n in range(40)
            for size in ((100, 30 + n % 7) if n % 2 else (25, 5 + n % 7))]  # fmt: skip
    row = times_of(lots_table(rows))
    mass = masses({("A", "heat"): row})
    assert row.basis == "load"
    assert mass["Q"] / mass["P"] == pytest.approx(4.0)


# --- setups ---


def setups(between: float, within: float) -> UnitSetups:
    family = {"A": 1, "B": 1, "C": 2, "D": 2}
    rng = np.random.default_rng(3)
    rows = [
        (a, b, (within if family[a] == family[b] else between) * float(rng.lognormal(0, 0.15)))
        for a in family for b in family if a != b for _ in range(3)
    ]  # fmt: skip
    return UnitSetups({}, pd.DataFrame(rows, columns=["before", "after", "minutes"]), {})


def test_products_with_short_setups_between_them_are_a_family() -> None:
    of = guess_families([setups(20, 8)], ["A", "B", "C", "D"], {}).of
    assert of["A"] == of["B"] != of["C"] == of["D"]


def test_setups_all_alike_make_no_families() -> None:
    of = guess_families([setups(10, 10)], ["A", "B", "C", "D"], {}).of
    assert len(set(of.values())) == 4


def test_units_set_up_for_the_same_keys_share_an_attribute() -> None:
    none = pd.DataFrame({"before": [], "after": [], "minutes": []})
    units = {
        "ROLL": UnitSetups({"P": "M6", "Q": "M6", "R": "M8"}, none, {}),
        "SORT": UnitSetups({"P": "M6", "R": "M8"}, none, {}),
        "OVEN": UnitSetups({"P": "850", "R": "900"}, none, {}),
        "SAW": UnitSetups({"P": "P", "R": "R"}, none, {}),
    }
    operation = {"ROLL": "roll", "SORT": "sort", "OVEN": "heat", "SAW": "cut"}
    keys = setup_keys(units, operation, ["P", "Q", "R"])
    assert keys.by == {
        "ROLL": "roll_setup", "SORT": "roll_setup", "OVEN": "heat_setup", "SAW": "product",
    }  # fmt: skip
    assert keys.attributes["P"] == {"roll_setup": "M6", "heat_setup": "850"}
    assert keys.attributes["Q"] == {"roll_setup": "M6"}


# --- rooms and crews ---


def rooms(capacity: int) -> Any:
    """A saw that feeds a slow mill through a room, each job an order."""
    rows, blocked, mill_free = [], [], 0.0
    leaves: list[float] = []
    saw = 0.0
    for n in range(40):
        ended = saw + 5.0
        begins = max(ended, mill_free)
        leave = ended if n < capacity else max(ended, leaves[n - capacity])
        leaves.append(begins)
        rows.append(("SAW", f"{n}", "cut", "P", saw, ended, 5))
        rows.append(("MILL", f"{n}", "mill", "P", begins, begins + 9.0, 5))
        if leave > ended:
            blocked.append((f"{n}", "cut", "P", ended, leave))
        saw, mill_free = leave, begins + 9.0
    stops = pd.DataFrame(blocked, columns=["order", "operation", "product", "start", "end"])
    return buffers_of(lots_table(rows), stops, {"P": ("cut", "mill")}, {"P": "order"}, {})


@pytest.mark.parametrize("capacity", [1, 2, 4])
def test_the_room_is_what_waits_while_the_unit_before_is_blocked(capacity: int) -> None:
    (room,) = rooms(capacity)
    assert (room.operation, room.jobs) == ("mill", capacity)


def test_without_blocked_units_the_room_stays_unlimited_and_is_said_so() -> None:
    rows = [row for n in range(9) for row in chain(f"{n}", "cut", "mill", at=100 * n)]
    none = pd.DataFrame({c: [] for c in ("order", "operation", "product", "start", "end")})
    (room,) = buffers_of(lots_table(rows), none, {"P": ("cut", "mill")}, {"P": "order"}, {})
    assert room.jobs is None
    assert "left unlimited" in room.note


def test_a_stop_repaired_when_another_repair_ends_waits_for_the_same_people() -> None:
    jobs = []
    for n in range(6):
        at = 100.0 * n
        jobs += [Job("A", "jam", at, at + 20, 0.0), Job("B", "fuse", at + 20, at + 30, 12.0)]
        jobs += [Job("C", "lamp", at + 5, at + 50, 0.0)]
    (crew,) = crews_of(jobs, [])
    assert (crew.kinds, crew.size, crew.full) == (frozenset({"jam", "fuse"}), 1, 1.0)


def test_tasks_without_waits_get_a_crew_that_is_called_a_guess() -> None:
    jobs = [Job("A", "service", 100.0 * n, 100.0 * n + 9, 0.0) for n in range(5)]
    (crew,) = crews_of(jobs, ["service"])
    assert crew.is_guess
    assert "a guess" in crew.note


# --- words ---


def test_how_sure_a_value_is_follows_its_interval() -> None:
    limits = ((10.0, 9.6, 10.4), (10.0, 9.0, 11.0), (10.0, 7.0, 13.0), (10.0, 2.0, 30.0))
    words = [sureness(*limit, 50) for limit in limits]
    assert words == ["sure", "fairly sure", "unsure", "a guess"]
    assert sureness(10.0, 9.9, 10.1, 0) == "a guess"


def test_a_note_on_a_value_stands_behind_it(case: TruthCase, tmp_path: Path) -> None:
    place = "work_units.PRESS.processing.press.time.A1"
    text = commented_yaml(case.truth, [Note(place, "from 12 lots"), Note("areas.shop", "all")])
    lines = text.splitlines()
    assert any(
        line.strip().startswith("A1: ") and line.endswith("# from 12 lots") for line in lines
    )
    assert lines[lines.index("  - id: shop") - 1] == "  # all"
    path = tmp_path / "plant.yaml"
    path.write_text(text)
    assert load_plant(path) == case.truth


def test_defaults_are_left_out_but_for_the_names_of_laws(case: TruthCase) -> None:
    text = commented_yaml(case.truth, [])
    assert "law: weibull" in text
    assert "interrupted" not in text
