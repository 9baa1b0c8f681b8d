"""The parameters in force: who wins, what is kept, and that nothing is accepted by accident."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from scenarios import duel as duels
from scenarios import parameter_store as store
from scenarios import updating
from scenarios.archive import load_run
from scenarios.backtest_inputs import orders_of_log
from scenarios.cli import main
from scenarios.duel import Duel, FigureScore, duel, paired_ratio
from scenarios.inputs import Inputs, read_inputs
from scenarios.parameters_text import history_text, in_force
from scenarios.replan import Prepared, prepare, replan
from scenarios.settings import ReplanConfig, load_config
from tests.benchmarks.cycle_time_recovery import _lone_unit
from tests.fake_erp import FakeErp
from tests.lot_logs import BEGIN, log_of
from tests.slow_plants import slowed
from twin.calibration.calibrate import calibrated
from twin.calibration.diagnosis import diagnose
from twin.calibration.drift import Drift
from twin.calibration.estimates import Calibration, ParameterEstimate
from twin.errors import InputError, PublishRefused
from twin.model.events import EventLog
from twin.model.plant import Plant

DAY = timedelta(days=1)


def silent(step: str, done: int, total: int) -> None:
    """Tell nobody."""


@pytest.fixture(scope="module")
def tonight(written_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> ReplanConfig:
    """The small shop's job; its archive has the night before."""
    config = load_config(written_shop / "replan.yaml", out=tmp_path_factory.mktemp("out"))
    night = prepare(before(config)).parameters.night
    store.save(config.archive, replace(night, run="yesterday"))
    return config


def before(config: ReplanConfig, days: int = 1) -> ReplanConfig:
    return config.model_copy(update={"cut_off": config.cut_off - days * DAY})


@pytest.fixture(scope="module")
def ready(tonight: ReplanConfig) -> Prepared:
    return prepare(tonight)


@pytest.fixture(scope="module")
def clean(tonight: ReplanConfig) -> tuple[Inputs, EventLog]:
    inputs = read_inputs(tonight)
    return inputs, diagnose(inputs.log, inputs.plant, inputs.cut_off).clean


def test_the_first_night_is_accepted_for_want_of_another(tonight: ReplanConfig) -> None:
    first = prepare(before(tonight)).parameters
    assert first.night.verdict == "first"
    assert first.night.duel is None
    assert first.night.drifts == ()
    assert first.earlier == ()


def test_the_second_night_duels_over_seven_days_of_which_one_is_new(ready: Prepared) -> None:
    night = ready.parameters.night
    assert night.duel is not None
    assert len(night.duel.days) == 7
    assert night.duel.unseen == 1
    assert night.duel.days[-1] == night.cut_off - DAY
    assert night.duel.low < night.duel.ratio < night.duel.high
    assert {"working_h", "energy_kwh"} <= {score.figure for score in night.duel.scores}
    assert [n.run for n in ready.parameters.earlier] == ["yesterday"]


def test_the_plan_is_made_with_the_parameters_in_force(ready: Prepared) -> None:
    assert ready.case.plant == calibrated(ready.inputs.plant, ready.parameters.calibration)


def test_parameters_that_foresee_as_well_are_taken_as_they_are_newer(ready: Prepared) -> None:
    night = ready.parameters.night
    assert night.verdict == "accepted"
    assert night.since == night.cut_off
    assert ready.calibration == night.calibration
    assert ready.calibration.end == ready.inputs.cut_off


def test_a_worse_challenger_is_turned_away(
    tonight: ReplanConfig, ready: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything takes twice as long, says a fit that has gone wrong."""
    fit = updating.calibrate

    def wrong(log: EventLog, plant: Plant, until: datetime) -> Calibration:
        found = fit(log, plant, until)
        return replace(found, estimates=tuple(map(_doubled, found.estimates)))

    monkeypatch.setattr(updating, "calibrate", wrong)
    kept = prepare(tonight).parameters
    assert kept.night.verdict == "kept", kept.night.why
    assert kept.night.duel is not None
    assert kept.night.duel.low > 1.1
    champion = store.champion(tonight.archive, ready.inputs.cut_off)
    assert champion is not None
    assert kept.calibration == champion.calibration
    assert kept.night.calibration is None
    assert kept.night.since == ready.inputs.cut_off - DAY
    assert "the challenger lost" in in_force(kept.night)


def _doubled(e: ParameterEstimate) -> ParameterEstimate:
    return replace(e, value=2 * e.value) if e.quantity == "processing_time" else e


def test_a_changed_description_makes_the_next_parameters_the_first(
    tonight: ReplanConfig, tmp_path: Path
) -> None:
    assert tonight.plant is not None
    text = tonight.plant.read_text()
    plant = tmp_path / "plant.yaml"
    plant.write_text(text.replace("id: small", "id: other", 1))
    assert plant.read_text() != text
    night = prepare(tonight.model_copy(update={"plant": plant})).parameters.night
    assert night.verdict == "first"
    assert "description has changed" in night.why


def test_same_plants_are_equal_and_a_wrong_one_loses(clean: tuple[Inputs, EventLog]) -> None:
    inputs, log = clean
    right = inputs.plant  # the log was simulated with it
    wrong = slowed(right, 1.5)
    days = [inputs.cut_off - n * DAY for n in (7, 6, 5, 4, 3)]
    book = orders_of_log(log, right, inputs.orders)

    def against(plant: Plant) -> Duel:
        found = duel(log, (right, plant), book, days, 5, seed=1, progress=silent)
        assert found is not None
        return found

    same = against(right)
    assert (same.ratio, same.low, same.high) == (1.0, 1.0, 1.0)
    assert not same.is_lost
    assert not same.is_won
    assert against(wrong).is_lost


def test_the_ratio_s_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(2000):
        champion = rng.gamma(20, 0.05, 7)
        challenger = champion * 1.1 + rng.normal(0, 0.1, 7)
        _, low, high = paired_ratio(champion, challenger)
        held += low <= 1.1 <= high
    assert held / 2000 == pytest.approx(0.9, abs=0.03)


def test_what_the_champion_has_seen_is_allowed_for() -> None:
    score = FigureScore("plant", "energy_kwh", 1.0, 1.1)
    days = tuple(datetime(2026, 3, d).astimezone() for d in (1, 2, 3, 4, 5))
    close = Duel(days, 0, 1.08, 1.05, 1.11, (score,))
    assert not close.is_lost
    assert replace(close, unseen=5).is_lost
    assert replace(close, low=1.12).is_lost


def test_a_challenger_that_is_worse_by_far_has_lost_even_in_the_noise() -> None:
    days = tuple(datetime(2026, 3, d).astimezone() for d in (1, 2, 3))
    noisy = Duel(days, 3, 1.08, 0.7, 1.5, ())
    assert not noisy.is_lost
    assert replace(noisy, ratio=1.5, high=2.5).is_lost


# --- the store ---


def test_a_night_comes_back_as_it_was(ready: Prepared, tmp_path: Path) -> None:
    drift = Drift(
        "P-1", "press", "slower", ready.inputs.cut_off - DAY, ready.inputs.cut_off, 12, 1.1, 2
    )
    night = replace(ready.parameters.night, run="r", drifts=(drift,), changes=(drift,))
    store.save(tmp_path, night)
    assert store.history(tmp_path) == (night,)


def test_a_night_that_kept_the_champion_leads_back_to_its_parameters(
    ready: Prepared, tmp_path: Path
) -> None:
    first = ready.parameters.night
    store.save(tmp_path, first)
    for n in (1, 2):
        store.save(
            tmp_path,
            replace(first, cut_off=first.cut_off + n * DAY, verdict="kept", calibration=None),
        )
    champion = store.champion(tmp_path, first.cut_off + 3 * DAY)
    assert champion is not None
    assert champion.calibration == first.calibration
    assert champion.since == first.cut_off


def test_a_night_looks_only_at_those_before_it(ready: Prepared, tmp_path: Path) -> None:
    night = ready.parameters.night
    store.save(tmp_path, night)
    assert store.champion(tmp_path, night.cut_off) is None
    assert store.history(tmp_path, night.cut_off) == ()


def test_writing_the_same_night_again_leaves_the_file_alone(
    ready: Prepared, tmp_path: Path
) -> None:
    path = store.save(tmp_path, ready.parameters.night)
    time = path.stat().st_mtime_ns
    assert store.save(tmp_path, ready.parameters.night) == path
    assert path.stat().st_mtime_ns == time


def test_what_a_kill_left_behind_is_not_read(ready: Prepared, tmp_path: Path) -> None:
    path = store.save(tmp_path, ready.parameters.night)
    path.with_name(f".{path.name}.half").write_text('{"cut_off": ')
    assert len(store.history(tmp_path)) == 1


def test_a_damaged_file_is_named_and_not_passed_over(ready: Prepared, tmp_path: Path) -> None:
    path = store.save(tmp_path, ready.parameters.night)
    path.write_text(path.read_text()[:-200])
    with pytest.raises(InputError, match=path.name):
        store.champion(tmp_path, ready.inputs.cut_off + DAY)


# --- the nightly job ---


def quick(shop: Path) -> ReplanConfig:
    """With a plan nobody would publish, made in no time."""
    few = {"time_limit_s": 0.5, "replications": 2}
    return load_config(shop / "replan.yaml").model_copy(update=few)


def nights_of(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "runs" / "parameters").glob("*"))


def test_a_dry_run_accepts_nothing_and_a_published_one_does(shop: Path) -> None:
    config = quick(shop)
    replan(config, dry_run=True)
    assert nights_of(shop) == []
    done = replan(config)
    assert nights_of(shop) == ["2026-11-23T040000Z.json"]
    (night,) = store.history(config.archive)
    assert night.run == done.run.id
    assert night.verdict == "first"
    assert load_run(done.run.folder).extras["parameters"]["in_force"]["verdict"] == "first"
    assert "Parameters in force" in done.report_html.read_text()


def test_a_night_that_could_not_publish_accepts_nothing(shop: Path, tmp_path: Path) -> None:
    closed = FakeErp(tmp_path / "erp", refuses_all=True)
    with pytest.raises(PublishRefused, match="closed for bookings"):
        replan(quick(shop), targets={"fake": closed})
    assert nights_of(shop) == []


def test_the_history_is_printed_night_by_night(
    ready: Prepared, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["calibrate", str(shop / "replan.yaml"), "--history", "--quiet"]
    assert main(arguments) == 0
    assert "no night has published yet" in capsys.readouterr().out
    for night in ready.parameters.nights:
        store.save(shop / "runs", night)
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert out.index("2026-11-23 05:00") < out.index("2026-11-22 05:00")
    assert main([*arguments, "--json"]) == 0
    nights = json.loads(capsys.readouterr().out)["nights"]
    assert [night["verdict"] for night in nights] == ["first", "accepted"]
    assert "calibration" not in nights[0]


def test_the_history_is_a_row_a_night(ready: Prepared) -> None:
    text = history_text(ready.parameters.nights)
    assert text.count("2026-11-2") >= 4
    assert "first" in text
    assert "new" in text


# --- challengers ---


def estimate(quantity: str, key: str, **more: object) -> ParameterEstimate:
    made: Callable[..., ParameterEstimate] = ParameterEstimate
    return made(quantity, "U", key, 1.0, 0.9, 1.1, "min", 9, **more)


def calibration(*estimates: ParameterEstimate) -> Calibration:
    end = datetime(2026, 3, 2).astimezone()
    return Calibration("p", "log", None, end, 100, estimates)


def test_what_was_not_seen_again_keeps_the_champions_value() -> None:
    old = calibration(estimate("scrap", "A"), estimate("scrap", "B"))
    kept = updating.carried_over(calibration(estimate("scrap", "A")), old)
    assert [e.key for e in kept.estimates] == ["A", "B"]
    assert "nothing seen since" in kept.estimates[1].note
    again = updating.carried_over(calibration(), kept)
    assert [e.note.count("nothing seen since") for e in again.estimates] == [1, 1]


def test_stops_that_are_gone_are_not_carried_over() -> None:
    old = calibration(estimate("processing_time", "op/A"), estimate("micro_stop", "op"))
    new = calibration(estimate("processing_time", "op/B"))
    kept = updating.carried_over(new, old)
    assert [(e.quantity, e.key) for e in kept.estimates] == [
        ("processing_time", "op/B"), ("processing_time", "op/A"),
    ]  # fmt: skip


def test_setups_of_a_unit_are_carried_over_together_or_not_at_all() -> None:
    old = calibration(estimate("setup_time", "A → B"), estimate("setup_ratio", "*"))
    assert len(updating.carried_over(calibration(), old).estimates) == 2
    new = calibration(estimate("setup_time", "B → A"))
    assert updating.carried_over(new, old).estimates == new.estimates


def test_a_lasting_drift_shortens_the_duel_to_the_days_since(
    tonight: ReplanConfig, clean: tuple[Inputs, EventLog]
) -> None:
    inputs, log = clean
    at = inputs.cut_off

    def days(*raised_before: float) -> int:
        raised = [at - n * DAY for n in raised_before]
        changes = [Drift("P-1", "press", "slower", r, r, 12, 1.1, 2) for r in raised]
        return updating.duel_days(tonight, log, changes, at)

    assert days() == 7
    assert days(4.5) == 4
    assert days(6.5, 4.5) == 4
    assert days(0.5) == updating.FEWEST_DAYS


def test_a_change_is_fitted_from_the_lots_since_and_remembered(tonight: ReplanConfig) -> None:
    """The night after, lots from before the change raise no alarm against what knows of it."""
    rng = np.random.default_rng(1)
    times = 10 * np.exp(rng.normal(0, 0.1, 460))
    times[300:] *= 1.2
    log, plant = log_of(times.tolist()), _lone_unit(10, 0.1)
    ends = [BEGIN + timedelta(minutes=float(times[:n].sum())) for n in (300, 380, 460)]

    first = updating.challenge(tonight, log, plant, None, ends[0])
    champion = store.Champion(ends[0], "", first.calibration)
    second = updating.challenge(tonight, log, plant, champion, ends[1])
    assert [(d.direction, d.is_lasting) for d in second.drifts] == [("slower", True)]
    assert mean_of(second.calibration) == pytest.approx(12.06, rel=0.04)
    assert mean_of(updating.calibrate(log.until(ends[1]), plant, ends[1])) < 11

    champion = store.Champion(ends[1], "", second.calibration, second.changes)
    third = updating.challenge(tonight, log, plant, champion, ends[2])
    assert third.drifts == ()
    assert [d.place for d in third.changes] == [("U", "op")]
    assert mean_of(third.calibration) == pytest.approx(12.06, rel=0.03)


def mean_of(found: Calibration) -> float:
    estimate = found.find("processing_time", "U", "op/P")
    assert estimate is not None
    return estimate.value


def test_no_duel_takes_a_fifth_of_the_night() -> None:
    """Its share was measured with so many replications; see the benchmarks before raising it."""
    assert duels.REPLICATIONS <= 40
