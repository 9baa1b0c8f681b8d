"""``noria simulate``: what is asked, warm-up, precision, interruption, and what is printed.

The engine is a fake that makes up totals: what is counted from true ones is tested with them.
"""

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scenarios import simulate as command
from scenarios.cli import main
from scenarios.simulate_text import OEE_ABOVE, _duration
from twin.accounting.indicators import no_totals
from twin.model.compiled import STATE_INDEX, CompiledPlant
from twin.model.horizon import Horizon
from twin.simulation.experiment import Experiment
from twin.simulation.result import Totals

PLANTS = Path(__file__).resolve().parents[2] / "data" / "plants"
LINE, NETWORK = PLANTS / "line.yaml", PLANTS / "network.yaml"
SMALL = Path(__file__).parents[1] / "plants" / "small.yaml"
MINUTE = 60_000_000
ORDERS = (
    "order,product,quantity,release_date,due_date\n"
    "1,A,20000,2026-11-23T06:00,2026-11-24\n2,B,10000,2026-11-23T08:00,2026-11-25\n"
)

TWO_MACHINES = """
id: two
areas: [{id: a}]
sources: [{id: S, product: P}]
operations: [{id: one}, {id: two, buffer_jobs: 0}]
routes: [{id: r, operations: [one, two]}]
products: [{id: P, family: p, route: r, lot_size: 1}]
work_units:
  - id: M1
    area: a
    processing: [{operation: one, basis: piece, time: {"*": 1 min}, spread: exponential}]
  - id: M2
    area: a
    processing: [{operation: two, basis: piece, time: {"*": 1 min}, spread: exponential}]
"""


def made_up(experiment: Experiment, replication: int) -> Totals:
    """Totals of a plant that works two thirds of the time and starts slowly."""
    plant, warm_up = experiment.plant, experiment.warm_up
    luck = np.random.default_rng((experiment.seed, replication))
    minutes = plant.horizon.minutes - warm_up
    found = no_totals(plant, experiment.orders)
    for m, opened in enumerate(plant.unit_open):
        works = 0.6 + 0.01 * m / len(plant.unit_ids) + 0.002 * luck.normal()
        for state, share in (("working", works), ("standby", 0.9 - works), ("repair", 0.1)):
            ticks = share * minutes * MINUTE
            found.state_ticks[m, STATE_INDEX[state]] = ticks  # type: ignore[index]
            share_open = opened.working_minutes(warm_up, plant.horizon.minutes) / minutes
            found.open_ticks[m, STATE_INDEX[state]] = ticks * share_open  # type: ignore[index]
        found.unit_good[m], found.unit_scrap[m] = 1000, 10
        found.planned_minutes[m], found.energy_kwh[m] = works * minutes, minutes / 60
    rate = 50.0 + luck.normal()
    found.completed[:] = found.completed_jobs[:] = found.released[:] = rate * minutes / 60
    found.flow_ticks[:] = found.completed_jobs * 90 * MINUTE
    found.inside_area[:] = 12 * minutes * MINUTE
    found.order_complete[:] = np.int64(luck.integers(60, 30 * 60) * MINUTE)
    buckets = int(plant.horizon.minutes / (experiment.bucket or plant.horizon.minutes))
    start = np.where(np.arange(buckets) < buckets * 0.1, 0.2, 1.0)
    return replace(found, series=np.asarray(luck.poisson(40 * start), dtype=np.int64))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The fake engine; the list has the number of every replication it ran."""
    ran: list[int] = []

    def totals(
        experiment: Experiment, replications: int, *, first: int = 0, progress: Any,
        cancelled: Callable[[], bool], **_: Any,
    ) -> list[Totals]:  # fmt: skip
        results: list[Totals] = []
        for number in range(first, first + replications):
            if cancelled():
                break
            ran.append(number)
            results.append(made_up(experiment, number))
            progress(len(results), replications)
        return results

    monkeypatch.setattr(command, "totals", totals)
    monkeypatch.setattr(command, "engine_name", lambda policy, engine: "fake engine")
    return ran


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS)
    return path


def asked(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    """The JSON that the command prints."""
    code = main(["simulate", *map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    assert err == ""
    found: dict[str, Any] = json.loads(out)
    assert code == (7 if found["shortfall"] else 0)
    return found


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one message of a command that is refused."""
    try:
        code = main(["simulate", *map(str, arguments), "--quiet"])
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert "Traceback" not in err
    return err


def test_a_bare_plant_with_sources_is_simulated(
    engine: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(capsys, LINE)
    assert found["replications"] == 20
    assert found["engine"] == "fake engine"
    throughput = found["figures"]["plant"]["throughput_per_h"]
    assert throughput["low"] < 50 < throughput["high"]
    assert found["units"]["throughput_per_h"] == "pieces/h"
    assert found["figures"]["work_unit"]["M-06"]["working_share"]["n"] == 20
    assert found["bottleneck"]["work_unit"] == "M-10"


def test_the_start_of_a_saturated_line_is_cut_off(
    engine: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(capsys, LINE, "--days", "10")
    assert found["warm_up_min"] == pytest.approx(1440, rel=0.1)
    assert "MSER-5" in found["warm_up_rule"]
    assert engine == [*range(5), *range(20)]


def test_with_orders_the_start_is_what_it_is(
    engine: list[int], orders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(capsys, SMALL, "--orders", orders)
    assert found["warm_up_min"] == 0
    assert found["horizon"]["start"] == "2026-11-22T23:00:00+00:00"  # midnight in Casablanca
    assert found["horizon"]["minutes"] == 4 * 1440
    assert [order["order"] for order in found["orders"]] == ["1", "2"]
    assert 0 < found["orders"][0]["on_time"]["low"] < found["orders"][0]["on_time"]["high"] <= 1


@pytest.mark.parametrize(("text", "minutes"), [("8h", 480), ("90 min", 90), ("30", 30), ("0", 0)])
def test_a_warm_up_may_be_named(
    text: str, minutes: float, engine: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(capsys, LINE, "--warm-up", text, "--replications", "2")["warm_up_min"] == minutes


def test_a_half_width_decides_how_many_replications(
    engine: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(capsys, LINE, "--warm-up", "0", "--half-width", "0.4%", "--of", "throughput")
    throughput = found["figures"]["plant"]["throughput_per_h"]
    assert (throughput["high"] - throughput["low"]) / 2 <= 0.004 * throughput["mean"]
    assert engine == list(range(found["replications"]))
    assert found["asked"] == "until ±0.4 % for throughput_per_h"


def test_a_half_width_that_is_not_reached_is_said(
    engine: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(capsys, LINE, "--warm-up", "0", "--half-width", "0.001%", "--at-most", "15")
    assert found["replications"] == 15
    assert "not reached" in found["shortfall"]
    assert "--at-most" in found["shortfall"]


def test_an_absolute_half_width_of_one_unit(
    engine: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(capsys, LINE, "--warm-up", "0", "--half-width", "0.001", "--of", "oee:M-03")
    oee = found["figures"]["work_unit"]["M-03"]["oee"]
    assert (oee["high"] - oee["low"]) / 2 <= 0.001


def test_what_is_printed_has_every_part(
    engine: list[int], orders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", str(SMALL), "--orders", str(orders), "--carbon", "0.5"]) == 0
    out, err = capsys.readouterr()
    for words in (
        "20 replications (asked: 20), seed 1; 90% intervals", "engine: fake engine",
        "earliest due date first (EDD)", "Throughput", "pieces/h", "OEE (ISO 22400)",
        "bottleneck of the simulated days: K-1", "working", "avail.", "F-1", "MECH", "2 orders",
        "Wilson", "kgCO2e", "note: starts on Mon 2026-11-23 00:00",
    ):  # fmt: skip
        assert words in out
    assert "simulate" in err


def test_oee_above_availability_is_explained_where_it_is(
    engine: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the fake engine lots take their mean time; then 2 % less, with 1 % of scrap."""
    slow = command.totals

    def fast(*arguments: Any, **more: Any) -> list[Totals]:
        found = slow(*arguments, **more)
        return [replace(t, planned_minutes=t.planned_minutes * 1.02) for t in found]

    assert main(["simulate", str(LINE), "--quiet"]) == 0
    assert OEE_ABOVE not in capsys.readouterr().out
    monkeypatch.setattr(command, "totals", fast)
    assert main(["simulate", str(LINE), "--quiet"]) == 0
    assert capsys.readouterr().out.count(OEE_ABOVE) == 1


def test_more_parts_than_the_plant_can_take_are_warned_of(
    engine: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "flooded.yaml"
    arrivals = "{id: S, product: P, time_between: {law: exponential, scale: 30 s}}"
    path.write_text(TWO_MACHINES.replace("{id: S, product: P}", arrivals))
    assert "queues grow without end" in asked(capsys, path)["warnings"][0]
    assert main(["simulate", str(path), "--quiet"]) == 0
    assert "warning: one: 120 parts/h come and M1 can take 60" in capsys.readouterr().out
    assert asked(capsys, NETWORK)["warnings"] == []


def test_an_interruption_reports_what_has_finished(
    engine: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = command.totals

    def interrupted(*arguments: Any, progress: Any, **more: Any) -> list[Totals]:
        def tell(done: int, total: int) -> None:
            if done == 3:
                os.kill(os.getpid(), signal.SIGINT)

        return plain(*arguments, progress=tell, **more)

    monkeypatch.setattr(command, "totals", interrupted)
    code = main(["simulate", str(LINE), "--warm-up", "0", "--quiet"])
    out, err = capsys.readouterr()
    assert code == 7
    assert "3 replications (asked: 20)" in out
    assert "stopped after 3 of 20 replications" in out
    assert "once more to stop at once" in err


def test_an_interruption_before_the_first_result_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "totals", lambda *a, **k: [])
    assert main(["simulate", str(LINE), "--quiet"]) == 130
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("length", ["auto", None])
def test_a_run_too_short_to_find_its_start_says_so(
    length: str | None,
    engine: list[int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def rising(experiment: Experiment, count: int, **_: Any) -> list[Totals]:
        buckets = int(experiment.plant.horizon.minutes / (experiment.bucket or 1e9))
        series = np.arange(buckets, dtype=np.int64)
        return [replace(made_up(experiment, i), series=series) for i in range(count)]

    monkeypatch.setattr(command, "totals", rising)
    if length:
        assert "too short to tell its start" in refused(capsys, LINE, "--warm-up", "auto")
    else:
        found = asked(capsys, LINE)
        assert found["warm_up_min"] == 0
        assert any("too short to tell its start" in note for note in found["notes"])


def test_a_rule_of_ones_own_is_taken_from_a_module(
    engine: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "my_rules.py").write_text(
        "class Last:\n    def rank(self, waiting):\n        return -waiting.arrived\n"
        "class Wordy:\n    def __init__(self, a):\n        pass\n"
        "class Gone:\n    def __init__(self):\n        raise SystemExit(5)\n"
    )
    monkeypatch.chdir(tmp_path)
    assert "my_rules:Last" in asked(capsys, LINE, "--policy", "my_rules:Last")["plan"]
    assert "cannot be used" in refused(capsys, LINE, "--policy", "my_rules:Wordy")
    assert "cannot be used" in refused(capsys, LINE, "--policy", "my_rules:Frist")
    assert "no method rank" in refused(capsys, LINE, "--policy", "pathlib:Path")
    gone = refused(capsys, LINE, "--policy", "my_rules:Gone")
    assert '"my_rules:Gone" cannot be used: SystemExit: 5' in gone
    asking = refused(capsys, LINE, "--policy", "my_rules:Last", "--engine", "kernel")
    assert "it knows EDD, FIFO, SPT, ATC and cannot ask my_rules:Last" in asking


def test_a_rule_that_fails_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the true engine: one rule raises, one gives words."""
    (tmp_path / "bad_rules.py").write_text(
        "class Zero:\n    def rank(self, waiting):\n        return 1 / 0\n"
        "class Words:\n    def rank(self, waiting):\n        return 'soon'\n"
        "class Quits:\n    def rank(self, waiting):\n        raise SystemExit(3)\n"
    )
    monkeypatch.chdir(tmp_path)
    plain = (LINE, "--days", "0.1", "--warm-up", "0", "--replications", "2", "--workers", "1")
    zero = refused(capsys, *plain, "--policy", "bad_rules:Zero")
    assert "Zero failed while it was asked: ZeroDivisionError" in zero
    words = refused(capsys, *plain, "--policy", "bad_rules:Words")
    assert "rank gave 'soon'; a number is expected" in words
    for workers in ("1", "2"):
        quits = refused(capsys, *plain[:-1], workers, "--policy", "bad_rules:Quits")
        assert "Quits failed while it was asked: SystemExit: 3" in quits


def test_a_line_without_buffer_makes_what_queueing_theory_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two exponential machines, saturated, no buffer: each is blocked or starved a third of the
    time, so that 2/3 of 60 pieces an hour come out."""
    path = tmp_path / "two.yaml"
    path.write_text(TWO_MACHINES)
    found = asked(capsys, path, "--days", "0.5", "--half-width", "1.5%", "--seed", "2")
    throughput = found["figures"]["plant"]["throughput_per_h"]
    assert throughput["low"] < 40 < throughput["high"]
    assert throughput["high"] - throughput["low"] <= 0.03 * throughput["mean"]
    assert "MSER-5" in found["warm_up_rule"]
    units = found["figures"]["work_unit"]
    assert units["M1"]["blocked_share"]["mean"] == pytest.approx(1 / 3, abs=0.03)
    assert units["M2"]["standby_share"]["mean"] == pytest.approx(1 / 3, abs=0.03)


FUNNEL = """
id: funnel
areas: [{id: a}]
sources: [{id: S, product: P, time_between: {law: constant, value: 10 min}}]
operations: [{id: sort}, {id: pack}]
routes:
  - {id: r, operations: [sort, pack], branches: [{after: sort, to: {pack: 0.75, scrap: 0.25}}]}
products: [{id: P, family: p, route: r, lot_size: 1}]
work_units:
  - id: SORT
    area: a
    startup_time: 3 min
    standby_timeout: 0 min
    processing: [{operation: sort, basis: piece, time: {"*": 1 min}, cv: 0}]
  - id: PACK
    area: a
    processing: [{operation: pack, basis: piece, time: {"*": 1 min}, cv: 0}]
"""
"""A part every ten minutes, for which SORT starts up; a branch scraps a quarter of them."""


def test_parts_scrapped_at_a_branch_are_counted_for_the_plant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "funnel.yaml"
    path.write_text(FUNNEL)
    found = asked(capsys, path, "--days", "2", "--warm-up", "0", "--of", "parts_scrapped")
    plant = found["figures"]["plant"]
    assert plant["scrap_share"]["mean"] == 0
    assert plant["parts_scrapped_share"]["mean"] == pytest.approx(0.25, abs=0.02)
    assert found["units"]["parts_scrapped_share"] == "1"
    product = found["figures"]["product"]["P"]
    scrap, good = (product[name]["mean"] for name in ("scrapped_per_h", "throughput_per_h"))
    assert plant["parts_scrapped_share"]["mean"] == pytest.approx(scrap / (scrap + good), rel=1e-3)


def test_startup_is_told_apart_from_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "funnel.yaml"
    path.write_text(FUNNEL)
    assert main(["simulate", str(path), "--days", "2", "--warm-up", "0", "--quiet"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    head = next(row for row in rows if row[:2] == ["work", "unit"])[1:]
    sort = dict(zip(head, next(row for row in rows if row[:1] == ["SORT"]), strict=True))
    assert float(sort["startup"].split("±")[0]) == pytest.approx(30, abs=0.5)
    assert float(sort["off"].split("±")[0]) == pytest.approx(60, abs=0.5)


def test_the_files_written_tell_the_same_story(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the true engine: the log of the only replication has the indicators of the report."""
    from twin.accounting.kpi import work_unit_kpis
    from twin.connectors.mes_files import read_log
    from twin.model.compiled import compile_plant
    from twin.model.plant import load_plant

    out = tmp_path / "a" / "b"
    found = asked(
        capsys, LINE, "--days", "0.25", "--warm-up", "0", "--replications", "1", "--out", out
    )
    assert sorted(path.name for path in out.iterdir()) == ["log.csv", "report.json", "states.html"]
    report = json.loads((out / "report.json").read_text())
    assert report["figures"] == found["figures"]
    plant = compile_plant(load_plant(LINE), Horizon.from_dict(report["horizon"]))
    counted = work_unit_kpis(read_log(out / "log.csv"), plant)
    for id, unit in found["figures"]["work_unit"].items():
        assert unit["oee"]["mean"] == pytest.approx(counted[id].oee, rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.yaml"], "nowhere.yaml: no such file"),
        ([PLANTS.parent / "demo" / "tariff.yaml"], "neither a plant (no work_units) nor a conf"),
        ([PLANTS.parent], "name the folder of a run"),
        ([LINE, "--orders", "nowhere.csv"], "nowhere.csv"),
        ([LINE, "--schedule", "nowhere.json"], "nowhere.json"),
        ([LINE, "--tariff", "nowhere.yaml"], "nowhere.yaml"),
        ([LINE, "--log", "nowhere.csv"], "nowhere.csv"),
        ([LINE, "--policy", "EED"], 'no rule "EED"; did you mean "EDD"?'),
        ([LINE, "--policy", "nothing:Here"], "cannot be used"),
        ([LINE, "--half-width", "0"], "got '0'; a share of the mean such as 2%"),
        ([LINE, "--half-width=-2%"], "a share of the mean such as 2%"),
        ([LINE, "--half-width", "nan"], "a share of the mean such as 2%"),
        ([LINE, "--days", "-3"], "a number of days above 0"),
        ([LINE, "--days", "inf"], "a number of days above 0"),
        ([LINE, "--days", "1e9"], "at most 3,660 are simulated"),
        ([LINE, "--replications", "0"], "whole number of at least 1"),
        ([LINE, "--seed", "4294967296"], "a whole number from 0 to 4294967295"),
        ([LINE, "--engine", "fast"], "invalid choice"),
        ([LINE, "--of", "thruput"], 'no such figure; did you mean "throughput_per_h"?'),
        ([LINE, "--of", "oee:M-3"], 'nothing is called "M-3"; did you mean "M-03"?'),
        ([LINE, "--start", "yesterday"], '--start: got "yesterday"; a date or time reads'),
        ([LINE, "--start", "2026-05-04", "--until", "2026-05-01"], "--until: got 2026-05-01"),
        ([LINE, "--warm-up", "soon"], "or auto"),
        ([LINE, "--warm-up", "8 d"], "got 11520 min; the run lasts 10080 min"),
        ([LINE, "--warm-up", "-1"], "a duration at or above 0"),
        ([SMALL], "no sources, and there are no orders"),
        ([LINE, "--data", PLANTS], "a plant file has no inputs beside it"),
    ],
)
def test_a_wrong_wish_is_one_clear_message(
    arguments: list[object],
    words: str,
    engine: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    err = refused(capsys, *arguments)
    assert words in err
    assert engine == []
    own = [line for line in err.splitlines() if line.startswith("noria simulate: ")]
    assert len(own) == 1


def test_an_order_for_an_unknown_product_names_its_line(
    engine: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS.replace("2,B,", "2,BB,"))
    err = refused(capsys, SMALL, "--orders", path)
    assert 'orders.csv: line 3: plant small makes no product "BB"; did you mean' in err


def test_a_schedule_of_another_plant_is_refused(
    engine: list[int], orders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from twin.model.schedule import Schedule, Segment

    horizon = Horizon(made_horizon().start, 2880, "Africa/Casablanca")
    path = tmp_path / "plan.json"

    def of(*units: str) -> Schedule:
        work = [
            Segment(id, 60 * i, 60 * i + 60, "work", "1", "press") for i, id in enumerate(units)
        ]
        return Schedule(horizon, tuple(work))

    path.write_text(of("X-1", "X-2").to_json())
    err = refused(capsys, SMALL, "--orders", orders, "--schedule", path)
    assert "it is for other work units (X-1, X-2); small has none of them" in err
    path.write_text(of("P-1", *[f"X-{i}" for i in range(9)]).to_json())
    err = refused(capsys, SMALL, "--orders", orders, "--schedule", path)
    assert 'unknown unit: "X-0"' in err
    assert "4 more like these" in err
    err = refused(capsys, SMALL, "--orders", orders, "--schedule", path, "--start", "2026-11-24")
    assert "the plan starts at" in err


def test_a_log_of_another_plant_is_refused_and_unknown_units_are_named(
    engine: list[int], shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = shop / "mes_log.csv"
    err = refused(capsys, LINE, "--log", log)
    assert "it is of other work units" in err
    assert "line has none of them" in err
    text = log.read_text()
    log.write_text(text + text.splitlines()[-1].replace(text.splitlines()[-1].split(",")[1], "X-9"))
    found = asked(capsys, shop / "plant.yaml", "--orders", shop / "orders.csv", "--log", log)
    note = '1 events of "X-9" are set aside, as the plant has no such work unit'
    assert note in found["notes"]


def test_orders_due_before_the_start_give_no_end(
    engine: list[int], orders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(capsys, SMALL, "--orders", orders, "--start", "2026-12-28")
    assert found["horizon"]["minutes"] == 7 * 1440
    assert "lasts 7 days: every order was due before the start" in found["notes"]


def test_completions_across_the_turn_of_a_year_have_their_year(
    engine: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS.replace("2026-11-25", "2027-01-02T10:00"))
    assert main(["simulate", str(SMALL), "--orders", str(path), "--quiet"]) == 0
    assert "2027-01-02 10:00" in capsys.readouterr().out


def made_horizon() -> Horizon:
    from tests.twin.accounting.conftest import HORIZON

    return HORIZON


def test_what_an_archived_case_decides_cannot_be_asked(
    engine: list[int], shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    err = refused(capsys, shop / "replan.yaml", "--days", "3", "--tariff", "a.yaml")
    assert "--days, --tariff cannot be changed here" in err


def test_a_configuration_is_simulated_from_its_cut_off(
    engine: list[int], shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(capsys, shop / "replan.yaml")
    assert (found["replications"], found["seed"]) == (8, 3)
    assert found["horizon"]["start"] == "2026-11-23T04:00:00+00:00"
    assert found["figures"]["plant"]["carbon_kg"]["mean"] > 0
    assert found["orders"]


def test_a_log_says_where_the_shop_stands(
    engine: list[int], shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (
        shop / "plant.yaml",
        "--orders",
        shop / "orders.csv",
        "--log",
        shop / "mes_log.csv",
    )
    found = asked(capsys, *arguments, "--start", "2026-11-23T05:00:00+01:00", "--days", "5")
    assert found["horizon"]["start"] == "2026-11-23T04:00:00+00:00"
    assert any("where the log ends" in note for note in asked(capsys, *arguments)["notes"])


def test_prices_and_carbon_may_be_added_to_a_plant(
    engine: list[int], shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(capsys, LINE, "--tariff", shop / "tariff.yaml", "--carbon", "0.5")
    plant = found["figures"]["plant"]
    assert plant["energy_cost"]["mean"] > 0
    assert found["units"]["energy_cost"] == "EUR"


def test_shifts_are_cut_into_whole_days(engine: list[int]) -> None:
    from twin.model.compiled import compile_plant
    from twin.model.orders import OrderBook
    from twin.model.plant import load_plant
    from twin.model.state import ShopState

    def bucket(path: Path, days: int) -> float:
        plant: CompiledPlant = compile_plant(load_plant(path), Horizon(start, days * 1440))
        return command._bucket(Experiment(plant, OrderBook(), ShopState(start)))

    start = made_horizon().start
    assert bucket(SMALL, 7) == 288
    assert bucket(LINE, 10) == 14.4


def test_years_are_written_as_days() -> None:
    assert _duration(2000 * 1440) == "2000 days"
    assert _duration(7 * 1440) == "7 days"
