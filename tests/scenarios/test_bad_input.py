"""Bad input as a plant's people produce it: a message that helps, the right exit code, no trace."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenarios import commands
from scenarios.archive import (
    CASE,
    COMPARISON,
    HTML,
    LEDGER_ROW,
    PLAN,
    REPORT,
    latest_run,
    load_run,
)
from scenarios.cli import main
from scenarios.ledger import Ledger
from tests.archives import small_run
from twin.accounting.check import foreign_parts
from twin.errors import InputError, NoriaError

Text = Callable[[str], str]


def answer(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit code and error text of a quiet command that prints no result."""
    code = main([*(str(a) for a in arguments), "--quiet"])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert code == 0 or out == ""
    return code, err


def edit(path: Path, change: Text) -> None:
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert after != before
    path.write_text(after, encoding="utf-8")


def last_field(value: str) -> Text:
    """Put a value into the last column of every row."""

    def change(text: str) -> str:
        header, *rows = text.splitlines()
        return "\n".join([header, *(f"{r.rsplit(',', 1)[0]},{value}" for r in rows)]) + "\n"

    return change


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("carbon.csv", last_field("489"), ["got 489 kgCO2e/kWh", "0 to 3", "factor: 0.001"]),
        ("carbon.csv", last_field("-0.4"), ["got -0.4 kgCO2e/kWh"]),
        (
            "carbon.csv",
            lambda t: t.replace(",", ";").replace(".", ","),
            ["not separated by commas"],
        ),
        (
            "replan.yaml",
            lambda t: t + "seed: 4\n",
            ['key "seed" appears twice', "line 13, column 1"],
        ),
        (
            "replan.yaml",
            lambda t: t.replace("carbon: {", "carbon: {timezone: Africa/Casa, "),
            ["carbon.timezone", "Africa/Casa", 'did you mean "Africa/Casablanca"?'],
        ),
        (
            "orders.csv",
            lambda t: t.replace("order,", "Ordre,").replace("product,", "Produit,").upper(),
            ["found columns ORDRE, PRODUIT", "order, product, quantity", "right file"],
        ),
    ],
)
def test_an_input_is_refused_in_words(
    shop: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    change: Text,
    words: list[str],
) -> None:
    edit(shop / file, change)
    code, err = answer(capsys, "diagnose", shop / "replan.yaml")
    assert code == 2
    assert file in err
    for word in words:
        assert word in err


def test_events_after_the_cut_off_are_counted(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (shop / "mes_log.csv").open("a", encoding="utf-8") as log:
        log.write("2030-01-01T00:00:00+00:00,P-1,state,off,,,,,,,,,\n")
    assert main(["diagnose", str(shop / "replan.yaml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["set_aside"] == {"at or after the cut-off": 1}


def test_an_output_that_cannot_be_written_is_one_line(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "taken").mkdir()
    code, err = answer(capsys, "calibrate", shop / "replan.yaml", "-o", shop / "taken")
    assert code == 2
    assert f"{shop / 'taken'}: Is a directory" in err


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_is_told_in_one_line_and_by_its_code(tmp_path: Path, kind: int) -> None:
    pipe = tmp_path / "wait.yaml"
    os.mkfifo(pipe)  # the command waits for its text, for as long as nobody writes it
    job = subprocess.Popen(
        [sys.executable, "-m", "scenarios.cli", "diagnose", str(pipe)], stderr=subprocess.PIPE
    )
    with pipe.open("w"):  # opened by both: the command has begun
        job.send_signal(kind)
        err = job.communicate()[1].decode()
    assert job.returncode == 130
    assert err == "noria diagnose: interrupted; nothing half-written remains\n"


# --- plans and archives ---


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with one run; copy what is to be damaged."""
    folder = tmp_path_factory.mktemp("archive")
    small_run(folder)
    return folder


@pytest.fixture
def run_folder(archived: Path, tmp_path: Path) -> Path:
    """The folder of a run in an archive of its own, to be damaged."""
    copied = Path(shutil.copytree(archived, tmp_path / "runs"))
    return latest_run(copied).folder


@pytest.mark.parametrize("name", [CASE, PLAN, REPORT, COMPARISON, LEDGER_ROW])
@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe"])
def test_a_damaged_file_of_a_run_is_named(run_folder: Path, name: str, content: bytes) -> None:
    (run_folder / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name}: damaged .*; run noria replan again"):
        load_run(run_folder)


def test_a_missing_page_is_told_with_the_figures(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run_folder / HTML).unlink(missing_ok=True)
    assert main(["report", str(run_folder)]) == 0
    assert f"{HTML} is missing; noria replan" in capsys.readouterr().out
    assert main(["report", str(run_folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"] is None


def test_a_damaged_ledger_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.path.write_bytes(b"no database" * 100)
    with pytest.raises(NoriaError, match=r"ledger\.sqlite.*move the file aside"):
        ledger.begin()
    assert ledger.path.read_bytes() == b"no database" * 100


def changed_plan(run_folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The run's plan in a file of its own, with its first work changed."""
    content = json.loads((run_folder / PLAN).read_text(encoding="utf-8"))
    change(content)
    path = run_folder.parent / "mine.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def first_work(content: dict[str, Any]) -> dict[str, Any]:
    return next(s for s in content["segments"] if s["kind"] == "work")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: first_work(c).update(start="six"), "not a plan (could not convert"),
        (lambda c: c.pop("horizon"), "not a plan (it has no 'horizon')"),
        (
            lambda c: c["horizon"].update(start="2026-11-22T04:00:00+00:00"),
            "horizon: got 2026-11-22 05:00 to 2026-11-26 05:00; 2026-11-23 05:00 to",
        ),
    ],
)
def test_a_plan_that_cannot_be_judged_is_refused(
    run_folder: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[dict[str, Any]], object],
    words: str,
) -> None:
    mine = changed_plan(run_folder, change)
    code, err = answer(capsys, "check", run_folder, "--schedule", mine)
    assert code == 2
    assert words in err


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("work_unit", "P-9", 'unknown unit: "P-9"'),
        ("work_unit", "K-1", "wrong unit: K-1 cannot"),
        ("operation", "paint", 'unknown operation: "paint"'),
        ("order", "9999", 'unknown order: "9999"'),
    ],
)
def test_parts_of_another_plant_are_found_before_a_plan_is_simulated(
    run_folder: Path, key: str, value: str, words: str
) -> None:
    run = load_run(run_folder)
    mine = changed_plan(run_folder, lambda c: first_work(c).update({key: value}))
    schedule = commands.schedule_for(run.case, mine)
    found = foreign_parts(schedule, run.case.plant, run.case.orders, run.case.state)
    assert words in str(found[0])


@pytest.mark.parametrize(
    "arguments",
    [
        ["dashboard", "--port", "70000"],
        ["demo", "--seed", "-1"],
        ["demo", "--replications", "1"],
        ["optimize", "a.yaml", "--time-limit", "nan"],
        ["optimize", "a.yaml", "--time-limit", "-5"],
    ],
)
def test_an_option_out_of_range_is_refused_at_once(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert f"got '{arguments[-1]}'; a" in capsys.readouterr().err
