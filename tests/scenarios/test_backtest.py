"""The backtest: nothing after an origin is known, and right forecasts are found right."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from scenarios.backtest import (
    Backtest,
    Effort,
    Footing,
    Standing,
    backtest,
    experiment_of,
    naive_forecasts,
    origins_of,
    to_dict,
)
from scenarios.backtest_inputs import History, described, orders_of_log, read_history
from scenarios.backtest_text import backtest_text
from scenarios.backtest_verdict import judged, verdicts
from scenarios.cli import main
from scenarios.settings import load_config
from tests.slow_plants import slowed
from twin.accounting.indicators import Key
from twin.accounting.scoring import Verified, score
from twin.calibration.calibrate import calibrate, calibrated
from twin.errors import UnfitData
from twin.model.events import EventLog
from twin.model.orders import OrderBook

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
FEW = Effort(replications=12, draws=3)


def silent(step: str, done: int, total: int) -> None:
    """Tell nobody."""


@pytest.fixture(scope="module")
def history(written_shop: Path) -> History:
    return read_history(load_config(written_shop / "replan.yaml"), silent)


def run_backtest(history: History, count: int = 2, **options: object) -> Backtest:
    origins = origins_of(history.begin, history.until, "day", count)
    return backtest(
        history.log, history.plant, history.until, history.prepare, origins, ["day"], FEW,
        **options,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(history: History) -> Backtest:
    return run_backtest(history)


# --- origins ---


def test_origins_are_whole_days_before_the_end_of_the_later_part() -> None:
    until = BEGIN + 56 * DAY
    found = origins_of(BEGIN, until, "week", 8)
    assert len(found) == 8
    assert found[-1] == until - 7 * DAY
    assert found[0] >= BEGIN + 0.4 * 56 * DAY
    assert {(until - origin) % DAY for origin in found} == {timedelta(0)}


def test_a_short_log_has_its_origins_between_days() -> None:
    found = origins_of(BEGIN, BEGIN + 21 * DAY, "week", 8)
    assert len(set(found)) == 8


def test_too_short_a_log_is_refused_with_what_would_do() -> None:
    with pytest.raises(UnfitData, match=r"10.0 days long.*--horizon day"):
        origins_of(BEGIN, BEGIN + 10 * DAY, "week", 8)


# --- what is known ---


def test_nothing_after_the_origin_is_looked_at(history: History, written_shop: Path) -> None:
    """The log after it turned into nonsense: the same footing."""
    origin = history.until - 3 * DAY
    config = load_config(written_shop / "replan.yaml")
    from scenarios.inputs import read_inputs

    raw = read_inputs(config).log
    table = raw.table.copy()
    later = table["time"] >= origin
    table.loc[later, ["quantity", "scrap"]] = 77.0
    table.loc[later & (table["event"] == "state"), "state"] = "down"
    orders = orders_of_log(history.log, history.plant, OrderBook())
    prepare = [
        described(log, history.plant, orders)(origin, origin + DAY)
        for log in (raw, EventLog(table, raw.source))
    ]
    assert prepare[0].standing == prepare[1].standing


def test_orders_are_those_open_and_those_released_inside(history: History) -> None:
    origin = history.until - 4 * DAY
    standing = history.prepare(origin, origin + DAY).standing
    done = history.log.until(origin).of_kind("complete")["order"]
    assert not {o.id for o in standing.orders} & set(done)
    assert all(o.release_date < origin + DAY for o in standing.orders)
    assert any(o.release_date >= origin for o in standing.orders)


def test_orders_of_the_log_have_its_quantities_and_the_books_due_dates(history: History) -> None:
    released = history.log.of_kind("release")
    book = orders_of_log(history.log, history.plant, OrderBook())
    assert {o.id: float(o.quantity) for o in book if o.id in set(released["order"])} == dict(
        zip(released["order"], released["quantity"], strict=True)
    )
    first = next(iter(book))
    named = replace(first, due_date=first.due_date + 9 * DAY, quantity=1)
    again = orders_of_log(history.log, history.plant, OrderBook((named,)))
    assert again[first.id].due_date == named.due_date
    assert again[first.id].quantity == first.quantity


# --- forecasts ---


def test_naive_forecasts_by_hand() -> None:
    days = np.arange(1.0, 16.0)
    assert naive_forecasts(days, "day") == {
        "yesterday": 15.0, "mean of all days": 8.0, "mean of the weekday": (9.0 + 2.0) / 2,
    }  # fmt: skip
    assert naive_forecasts(days[:3], "week") == {"last week": 3.0, "mean of all weeks": 2.0}
    assert naive_forecasts(days[:0], "day") == {}


def test_actual_values_are_those_of_the_log(history: History, found: Backtest) -> None:
    for check in found.of(Key("plant", "", "orders_completed"), "day"):
        complete = history.log.of_kind("complete")["time"]
        inside = (complete >= check.origin) & (complete < check.origin + DAY)
        assert check.verified.actual == inside.sum()


def test_drawn_inputs_widen_the_forecast_and_chance_is_kept_apart(history: History) -> None:
    def prepare(origin: datetime, end: datetime) -> Footing:
        known = history.prepare(origin, end).standing
        return Footing.of_plants(
            known, lambda n: [slowed(known.plant, f) for f in np.linspace(0.5, 2, n)]
        )

    found = run_backtest(replace(history, prepare=prepare), count=4)
    assert found.has_draws
    keys = found.groups("day")["work_unit", "working_h"]
    both, chance = found.score(keys, "day"), found.score_by_chance(keys, "day")
    assert both.width[0.9] > 1.5 * chance.width[0.9]
    assert "by chance" in backtest_text(found)


def test_a_cancelled_backtest_tells_the_origins_it_finished(history: History) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 40

    found = run_backtest(history, count=6, cancelled=cancelled)
    assert 0 < len(found.origins) < 6
    assert {check.origin for check in found.checks} == set(found.origins)
    assert f"forecast from {len(found.origins)} of 6 origins" in backtest_text(found)


def test_a_refused_origin_is_left_out_and_named(history: History) -> None:
    origins = origins_of(history.begin, history.until, "day", 3)

    def prepare(origin: datetime, end: datetime) -> Footing:
        if origin == origins[1]:
            raise UnfitData("the clock stood still")
        return history.prepare(origin, end)

    found = run_backtest(replace(history, prepare=prepare), count=3)
    assert found.origins == (origins[0], origins[2])
    assert any("the clock stood still" in note for note in found.notes)


def test_without_any_origin_the_reason_is_given(history: History) -> None:
    def prepare(origin: datetime, end: datetime) -> Footing:
        raise UnfitData("the clock stood still")

    with pytest.raises(UnfitData, match=r"no origin.*stood still"):
        run_backtest(replace(history, prepare=prepare))


def test_the_same_backtest_twice_is_the_same(history: History, found: Backtest) -> None:
    assert json.dumps(to_dict(run_backtest(history))) == json.dumps(to_dict(found))


def test_orders_of_later_days_are_left_out_of_a_day(history: History) -> None:
    origin = history.until - 7 * DAY
    standing: Standing = history.prepare(origin, origin + 7 * DAY).standing
    day, week = (experiment_of(standing, days, FEW) for days in (1, 7))
    assert len(day.orders) < len(week.orders)


def test_the_rest_of_a_setup_is_not_time_down(history: History) -> None:
    origin = history.until - 7 * DAY
    standing = history.prepare(origin, origin + DAY).standing
    unit = replace(standing.state.units["P-1"], unavailable_minutes=120.0)
    units = {**standing.state.units, "P-1": unit}
    busy = replace(standing, state=replace(standing.state, units=units), not_down_h={})
    down = Key("work_unit", "P-1", "down_h")

    def mean_down(standing: Standing) -> float:
        prepare = replace(history, prepare=lambda origin, end: Footing(standing)).prepare
        found = backtest(
            history.log, history.plant, history.until, prepare, [origin], ["day"], FEW
        )  # fmt: skip
        return float(found.of(down, "day")[0].verified.samples.mean())

    assert mean_down(busy) >= 2.0
    assert mean_down(replace(busy, not_down_h={"P-1": 1.5})) == pytest.approx(mean_down(busy) - 1.5)


# --- verdicts ---


def a_score(error: float, spread: float, naive: float, share: float = 1.0) -> tuple[str, str]:
    luck = np.random.default_rng(5)
    cases = [
        Verified(
            100 + error + spread * luck.standard_normal(60), 100 + 10 * luck.standard_normal(),
            {"last week": 100.0 + naive},
        )
        for _ in range(60)
    ]  # fmt: skip
    return judged(score([cases]), share)


@pytest.mark.parametrize(
    ("error", "spread", "naive", "trust", "why"),
    [
        (0, 10, 20, "trusted", "errs"),
        (0, 10, 3, "with care", "hardly better"),
        (0, 2, 20, "not", "reality differs by more"),
        (15, 15, 40, "with care", "too high on average"),
        (0, 10, 0.0, "not", "says it as well without a twin"),
        (40, 30, 1.0, "not", "without a twin"),
    ],
)
def test_a_verdict_says_why(
    error: float, spread: float, naive: float, trust: str, why: str
) -> None:
    found, words = a_score(error, spread, naive)
    assert (found, why in words) == (trust, True), words


@pytest.mark.parametrize(
    ("separate", "said"),
    [
        (1, "only 1 forecast that does not overlap"),
        (3, "only 3 forecasts that do not overlap"),
        (7 / 3, "only 2.3 forecasts that do not overlap"),
    ],
)
def test_a_whole_number_of_forecasts_is_written_without_decimals(
    separate: float, said: str
) -> None:
    """All the sixty hang together, but for so many."""
    trust, words = a_score(0, 10, 20, share=separate / 60)
    assert (trust, said in words) == ("with care", True), words


def test_enough_forecasts_are_not_counted_out() -> None:
    assert "only" not in a_score(0, 10, 20, share=5 / 60)[1]


def test_few_forecasts_are_not_trusted_yet(found: Backtest) -> None:
    assert all(v.trust != "trusted" for v in verdicts(found) if v.score.n * 1 < 5)


# --- the command ---


def test_the_command_writes_a_page_that_needs_no_network(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--out", str(tmp_path / "out"), "--origins", "2", "--horizon", "day"]
    config = str(shop / "replan.yaml")
    assert main(["backtest", config, *arguments, "--replications", "8", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    page = (tmp_path / "out" / "backtest" / "backtest.html").read_text()
    assert len(values["origins"]) == 2
    assert json.loads((tmp_path / "out" / "backtest" / "backtest.json").read_text())["scores"]
    assert page.startswith("<!DOCTYPE html>")
    assert 'src="http' not in page
    assert "What this twin can be trusted with" in page


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--horizon", "month"], 2, "invalid choice"),
        (["--origins", "0"], 2, "at least 1"),
        (["--draws", "-1"], 2, "at least 0"),
    ],
)
def test_bad_arguments_are_refused(
    shop: Path, arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["backtest", str(shop / "replan.yaml"), *arguments])
    assert ended.value.code == code
    assert said in capsys.readouterr().err


def test_a_place_that_cannot_be_written_to_is_refused_first(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("")
    arguments = ["backtest", str(shop / "replan.yaml"), "--out", str(tmp_path / "taken")]
    assert main(arguments) == 2
    assert "--out" in capsys.readouterr().err


def test_an_interrupted_backtest_leaves_no_folder(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("scenarios.backtest.backtest", interrupted)
    out = tmp_path / "out"
    assert main(["backtest", str(shop / "replan.yaml"), "--out", str(out), "--quiet"]) == 130
    assert not out.exists()


def test_a_log_that_is_too_short_ends_with_8(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (shop / "mes_log.csv").read_text().splitlines()
    late = [line for line in lines[1:] if line >= "2026-11-20"]
    (shop / "mes_log.csv").write_text("\n".join([lines[0], *late]) + "\n")
    assert main(["backtest", str(shop / "replan.yaml"), "--horizon", "week", "--quiet"]) == 8
    assert "can be tested from" in capsys.readouterr().err


# --- the truth ---


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_with_the_true_plant_ranges_hold_as_often_as_they_say() -> None:
    from tests.benchmarks.backtest_simulated import backtested, summary
    from tests.benchmarks.known_truth import truth_case

    effort = Effort(replications=100, draws=0)
    found = [backtested(truth_case(seed), 3, effort, is_exact=True) for seed in range(6)]
    told = summary(found)
    assert 0.82 <= float(str(told["coverage_90"])) <= 0.97
    assert abs(float(str(told["mean_error"]))) <= 0.02


@pytest.mark.slow
def test_calibration_is_what_the_nightly_job_does(history: History) -> None:
    origin = history.until - 3 * DAY
    known = history.log.until(origin)
    twin = calibrated(history.plant, calibrate(known, history.plant, origin))
    assert history.prepare(origin, origin + DAY).standing.plant == twin
