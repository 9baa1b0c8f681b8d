"""Reliability tables are recognised by their columns, and published fits come out of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.benchmarks.acceleration import fit_accelerated, transforms
from tests.benchmarks.fit_reliability import main
from tests.benchmarks.lifetime_recovery import main as recover
from tests.benchmarks.reliability_tables import (
    Paths,
    Recurrences,
    Sample,
    kind_of,
    read_cases,
)
from twin.calibration.lifetimes import Lives
from twin.errors import NoriaError


def written(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text.strip().replace(" ", "") + "\n", encoding="utf-8")
    return path


def lives(folder: Path, text: str, case: str = "") -> Lives:
    found = next(c for c in read_cases(written(folder, text)) if c.case == case)
    assert isinstance(found, Sample)
    return found.lives


@pytest.mark.parametrize("failed", ["Fail", "Failed", "Failure", "1"])
@pytest.mark.parametrize("censored", ["Censored", "Survived", "0"])
def test_words_and_codes_of_events(failed: str, censored: str, tmp_path: Path) -> None:
    if failed.isdigit() != censored.isdigit():
        pytest.skip("no file mixes words and codes")
    found = lives(tmp_path, f"hours,event\n5,{failed}\n7,{censored}\n9,{failed}")
    assert found.failed.tolist() == [1, 0, 1]
    assert found.ages.tolist() == [5, 7, 9]


def test_a_column_called_censored_has_its_one_for_a_life_cut_short(tmp_path: Path) -> None:
    assert lives(tmp_path, "kcycles,censored\n5,0\n7,1").failed.tolist() == [1, 0]


def test_counts_are_weights_and_numbered_rows_are_not(tmp_path: Path) -> None:
    assert lives(tmp_path, "hours,event,count\n5,Fail,2\n7,Censored,9").weight.tolist() == [2, 9]
    found = lives(tmp_path, "number,hours,event\n1,5,Fail\n2,7,Fail\n3,8,Fail")
    assert found.weight.tolist() == [1, 1, 1]


def test_rows_without_a_time_are_counted(tmp_path: Path) -> None:
    (case,) = read_cases(written(tmp_path, "hours;event\n5;Fail\n;Fail\n0;Fail\n9;Censored"))
    assert isinstance(case, Sample)
    assert (len(case.lives.ages), case.left_out) == (2, 2)


def test_other_modes_cut_a_life_short(tmp_path: Path) -> None:
    text = "miles,mode\n10,Spring\n20,Wear\n30,Censored"
    assert lives(tmp_path, text).failed.tolist() == [1, 1, 0]
    assert lives(tmp_path, text, "Spring").failed.tolist() == [1, 0, 0]


def test_inspections_bound_a_failure_on_both_sides_or_one(tmp_path: Path) -> None:
    text = "lower,upper,event,count\n,1,Left,2\n1,2,Interval,3\n3,,Right,9\n4,4,Exact,1"
    found = lives(tmp_path, text)
    assert found.ages.tolist() == [0, 1, 3, 4]
    assert found.latest.tolist() == [1, 2, 3, 4]
    assert found.failed.tolist() == [1, 1, 0, 1]


def test_items_counted_once_each_had_failed_some_time_before(tmp_path: Path) -> None:
    rows = [f"{t},{word},{n}" for t in (4, 10, 14, 18) for word, n in (("Failed", 2), ("OK", 9))]
    found = lives(tmp_path, "\n".join(["hours,condition,count", *rows]))
    assert found.ages[found.failed > 0].tolist() == [0] * 4
    assert lives(tmp_path, "hours,event\n5,Left\n7,Right").ages.tolist() == [0, 7]


def test_groups_are_fitted_apart_and_together(tmp_path: Path) -> None:
    rows = [f"{10 * i + 1},Fail,{'old' if i % 2 else 'new'}" for i in range(8)]
    cases = read_cases(written(tmp_path, "\n".join(["days,event,base", *rows])))
    assert [c.case for c in cases] == ["", "base new", "base old"]


def test_repairs_of_systems_have_windows(tmp_path: Path) -> None:
    text = (
        "unit,days,event\n1,10,Start\n1,15,Repair\n1,20,End\n1,30,Start\n1,40,End\n"
        "2,5,Repair\n2,9,End"
    )
    (case,) = read_cases(written(tmp_path, text))
    assert isinstance(case, Recurrences)
    assert [(t.tolist(), a, b) for t, a, b in case.systems] == [
        ([15], 10, 20), ([], 30, 40), ([5], 0, 9)
    ]  # fmt: skip


def test_failures_of_a_unit_until_it_is_censored_are_recurrences(tmp_path: Path) -> None:
    text = "car,days,event\na,5,Fail\na,8,Fail\na,9,Censored\nb,7,Censored"
    (case,) = read_cases(written(tmp_path, text))
    assert isinstance(case, Recurrences)
    assert [(t.tolist(), b) for t, _, b in case.systems] == [([5, 8], 9), ([], 7)]


def test_event_words_of_no_known_kind_are_modes(tmp_path: Path) -> None:
    cases = read_cases(written(tmp_path, "hours,event\n5,Seal\n8,Bearing\n9,Seal"))
    assert [c.case for c in cases] == ["", "Bearing", "Seal"]


def test_readings_without_events_are_paths(tmp_path: Path) -> None:
    rows = [f"{u},{t},{u * t}" for u in (1, 2, 3) for t in (0, 10, 20)]
    (case,) = read_cases(written(tmp_path, "\n".join(["unit,hours,wear", *rows])))
    assert isinstance(case, Paths)
    assert case.level == "wear"
    assert case.units[1][1].tolist() == [0, 20, 40]


def test_a_column_pair_for_each_mode_is_a_sample_each(tmp_path: Path) -> None:
    text = "celsius,turn_hours,turn_event,phase_hours,phase_event\n190,5,Fail,9,Censor"
    assert {c.case for c in read_cases(written(tmp_path, text))} == {"turn", "phase"}


def test_a_table_without_times_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NoriaError, match="expected one with times"):
        read_cases(written(tmp_path, "name,colour\nx,red"))


def test_unknown_words_are_no_event() -> None:
    assert kind_of("Bearing") == ""
    assert kind_of("Right censored") == "censored"


def test_stress_shortens_lives_by_its_slope() -> None:
    rng = np.random.default_rng(1)
    celsius = np.repeat([40.0, 60.0, 80.0], 800)
    (x,) = transforms("celsius", celsius).values()
    ages = np.exp(-13.0 + 0.6 * x + 0.5 * rng.standard_normal(2400))
    limit = float(np.quantile(ages, 0.6))
    seen = Lives(np.minimum(ages, limit), (ages <= limit).astype(float))
    found = fit_accelerated(seen, "Arrhenius", x, "lognormal")
    assert found.slope == pytest.approx(0.6, abs=0.06)
    assert np.log(found.fit.parameters["median"]) == pytest.approx(-13.0, abs=2.0)
    assert found.fit.parameters["sigma"] == pytest.approx(0.5, rel=0.1)


@pytest.mark.slow
def test_lives_are_recovered_through_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    recover(["--seeds", "1", "--weeks", "3"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["what"] == "summary"
    assert abs(lines[-1]["mtbf_bias"]) < 0.5
    assert {g["group"] for g in lines if g["what"] == "group"} >= {
        "direct, cut short", "machine, count", "machine, as bad as old"
    }  # fmt: skip


def told(capsys: pytest.CaptureFixture[str], *paths: Path) -> tuple[list[Any], dict[str, Any]]:
    assert main([str(path) for path in paths]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return lines[:-1], lines[-1]["best"]


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "case", "law", "published"),
    [
        ("lzbearing", "", "weibull", {"beta": 2.1018, "eta": 81.87}),
        ("shockabsorber", "", "weibull", {"beta": 3.1605, "eta": 27719}),
        ("shockabsorber", "Mode1", "weibull", {"beta": 3.384, "eta": 31206}),
        ("shockabsorber", "Mode2", "weibull", {"beta": 2.822, "eta": 40866}),
        ("fan", "", "weibull", {"beta": 1.058, "eta": 26297}),
        ("bearingcage", "", "weibull", {"beta": 2.035, "eta": 11792}),
        ("locomotivecontrol", "", "lognormal", {"mu": 5.117, "sigma": 0.7055}),
        ("grampus", "", "power law", {"beta": 1.1351, "eta": 0.46128}),
        ("repairtimes", "", "lognormal", {"mu": 2.089, "sigma": 0.925}),
    ],
)
def test_published_fits(
    name: str, case: str, law: str, published: dict[str, float], shared_dir: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Values of Meeker & Escobar (1998) as checked by several implementations."""
    path = shared_dir / "datasets" / "meeker-escobar" / f"{name}.csv"
    if not path.exists():
        pytest.skip(f"no reliability data: {path} is missing")
    fits, _ = told(capsys, path)
    fit = next(f for f in fits if f["case"] == case and f["law"] == law)
    for parameter, value in published.items():
        assert fit[parameter] == pytest.approx(value, rel=6e-4)


@pytest.mark.real_data
def test_repair_times_prefer_the_lognormal_by_three(
    shared_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shared_dir / "datasets" / "meeker-escobar" / "repairtimes.csv"
    if not path.exists():
        pytest.skip(f"no reliability data: {path} is missing")
    _, best = told(capsys, path)
    found = best["repairtimes.csv"]["all"]
    assert found["law"] == "lognormal"
    assert found["loglik_better_by"]["weibull"] == pytest.approx(3.3, abs=0.05)


@pytest.mark.real_data
def test_components_replaced_on_schedule_are_censored(
    shared_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The anchors are of a hundred machines; two thirds of them are at hand."""
    path = shared_dir / "datasets" / "azure-pdm" / "PdM_failures.csv"
    if not path.exists():
        pytest.skip(f"no failures of components: {path} is missing")
    fits, best = told(capsys, path)
    anchors = {"comp1": (1.80, 177), "comp2": (1.50, 153), "comp3": (1.90, 213),
               "comp4": (1.95, 181)}  # fmt: skip
    for comp, (beta, eta) in anchors.items():
        found = best["PdM_failures.csv"][comp]["fits"]["weibull"]
        assert found["beta"] == pytest.approx(beta, rel=0.06)
        assert found["eta"] == pytest.approx(eta, rel=0.09)
        fit = next(f for f in fits if f["case"] == comp and f["law"] == "weibull")
        assert fit["mean_without_censored"] < 0.7 * fit["mean"]
