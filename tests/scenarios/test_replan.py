"""The nightly job: the same answer every time, nothing half-written, and bad data refused."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from scenarios.archive import latest_run, list_runs, load_run, run_folders
from scenarios.cli import main
from scenarios.replan import Replanned, replan
from scenarios.settings import load_config
from twin.accounting.check import check
from twin.connectors.plan_drop import read_published


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of change of every file below a folder."""
    return {
        str(p.relative_to(folder)): (p.read_bytes(), p.stat().st_mtime_ns)
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@pytest.fixture(scope="module")
def planned(written_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Replanned]:
    """One whole run of the small shop."""
    out = tmp_path_factory.mktemp("out")
    return out, replan(load_config(written_shop / "replan.yaml", out=out))


def test_a_run_is_archived_published_and_in_the_ledger(planned: tuple[Path, Replanned]) -> None:
    out, done = planned
    assert latest_run(out / "runs").schedule == done.run.schedule
    assert read_published(out / "erp_drop") == done.run.schedule
    (row,) = list_runs(out / "runs")
    assert (row["status"], row["exit_code"], row["run_id"]) == ("ok", 0, done.run.id)
    assert set(row["inputs"]) == {
        "plant.yaml", "mes_log.csv", "orders.csv", "tariff.yaml", "carbon.csv",
    }  # fmt: skip
    assert done.report_html.read_text().startswith("<!DOCTYPE html>")


def test_the_plan_passes_check_and_agrees_with_the_optimiser(
    planned: tuple[Path, Replanned],
) -> None:
    run = planned[1].run
    case = run.case
    found = check(run.schedule, case.plant, case.orders, case.forecast, case.state, run.previous)
    assert found.faults == ()
    assert found.disagreement is not None
    assert found.disagreement <= 1e-6


def test_every_order_is_planned_or_named_as_having_no_place(
    planned: tuple[Path, Replanned],
) -> None:
    run = planned[1].run
    with_work = {s.order for s in run.schedule.segments if s.kind == "work"}
    assert with_work | set(run.schedule.unplaced) == {order.id for order in run.case.orders}


def test_the_same_inputs_and_seed_give_the_same_run_and_leave_the_drop_alone(
    written_shop: Path, planned: tuple[Path, Replanned]
) -> None:
    out, first = planned
    drop = snapshot(out / "erp_drop")
    before = {k: v[0] for k, v in snapshot(first.run.folder).items()}
    again = replan(load_config(written_shop / "replan.yaml", out=out))
    assert again.run.id == first.run.id
    assert again.published is not None
    assert not again.published.changed
    assert snapshot(out / "erp_drop") == drop
    assert {k: v[0] for k, v in snapshot(again.run.folder).items()} == before


def test_a_dry_run_publishes_nothing(shop: Path) -> None:
    assert main(["replan", str(shop / "replan.yaml"), "--dry-run", "--quiet"]) == 0
    assert not (shop / "erp_drop").exists()
    assert run_folders(shop / "runs")


STEPS = (
    *(pytest.param(step, marks=pytest.mark.slow) for step in ("diagnose", "replay", "check",
                                                              "simulate: naive")),
    "calibrate", "optimise", "simulate: plan", "archive", "publish",
)  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_a_job_killed_at_any_step_leaves_nothing_half_written(
    shop: Path, step: str, planned: tuple[Path, Replanned]
) -> None:
    code = f"""
        import os, signal
        from pathlib import Path
        from scenarios.replan import replan
        from scenarios.settings import load_config

        def kill(step, done, total):
            if step.startswith({step!r}):
                os.kill(os.getpid(), signal.SIGKILL)

        replan(load_config(Path({str(shop / "replan.yaml")!r})), progress=kill)
    """
    dead = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=False, capture_output=True
    )
    assert dead.returncode == -signal.SIGKILL, dead.stderr.decode()
    assert read_published(shop / "erp_drop") is None
    for folder in run_folders(shop / "runs"):
        load_run(folder)

    done = replan(load_config(shop / "replan.yaml"))
    assert done.run.schedule == planned[1].run.schedule
    assert [row["status"] for row in list_runs(shop / "runs")] == ["ok", "interrupted"]
    folders = sorted(p.name for p in (shop / "runs").iterdir() if p.is_dir())
    assert folders == [done.run.id, "parameters"]


def edit(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")


def empty_log(shop: Path) -> None:
    edit(shop / "mes_log.csv", lambda rows: rows[:1])


def unknown_unit(shop: Path) -> None:
    edit(shop / "mes_log.csv", lambda rows: [r.replace(",P-1,", ",PRESS-9,") for r in rows])


def negative_quantity(shop: Path) -> None:
    def change(rows: list[str]) -> list[str]:
        at = next(i for i, r in enumerate(rows) if ",end," in r)
        cells = rows[at].split(",")
        cells[9] = "-5"
        return [*rows[:at], ",".join(cells), *rows[at + 1 :]]

    edit(shop / "mes_log.csv", change)


def broken_clock(shop: Path) -> None:
    edit(
        shop / "mes_log.csv", lambda rows: [*rows[:50], "last tuesday" + rows[50][10:], *rows[51:]]
    )


def stale_log(shop: Path) -> None:
    edit(shop / "mes_log.csv", lambda rows: [rows[0], *(r for r in rows[1:] if r < "2026-11-17")])


def unknown_product(shop: Path) -> None:
    def change(rows: list[str]) -> list[str]:
        order, _, *rest = rows[1].split(",")
        return [rows[0], ",".join([order, "AA", *rest]), *rows[2:]]

    edit(shop / "orders.csv", change)


def hole_in_the_series(shop: Path) -> None:
    edit(shop / "carbon.csv", lambda rows: [*rows[:60], *rows[63:]])


def clock_change_in_local_times(shop: Path) -> None:
    """Zone-less hours of Paris over the night the clock goes back: one hour stands twice."""
    hours = ["2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00", "2026-10-25T02:00"]
    hours += [f"2026-10-25T{h:02}:00" for h in range(3, 24)]
    (shop / "carbon.csv").write_text("time,kgco2e_per_kwh\n" + "".join(f"{h},0.5\n" for h in hours))
    config = shop / "replan.yaml"
    config.write_text(
        config.read_text().replace("kgco2e_per_kwh}", "kgco2e_per_kwh, timezone: Europe/Paris}")
    )


def short_series(shop: Path) -> None:
    edit(shop / "carbon.csv", lambda rows: rows[:100])


def no_series(shop: Path) -> None:
    (shop / "carbon.csv").unlink()


def empty_series(shop: Path) -> None:
    edit(shop / "carbon.csv", lambda rows: rows[:1])


def no_tariff(shop: Path) -> None:
    (shop / "tariff.yaml").unlink()


def half_of_the_units_silent(shop: Path) -> None:
    """The feed of two units went down on Friday morning."""

    def is_lost(row: str) -> bool:
        return row > "2026-11-20T06" and (",F-1," in row or ",K-1," in row)

    edit(shop / "mes_log.csv", lambda rows: [rows[0], *(r for r in rows[1:] if not is_lost(r))])


def every_second_event_missing(shop: Path) -> None:
    edit(shop / "mes_log.csv", lambda rows: [rows[0], *rows[1::2]])


def five_faults(shop: Path) -> None:
    path = shop / "plant.yaml"
    text = path.read_text()
    for good, bad in (
        ("timezone: Africa/Casablanca", "timezone: Africa/Casablnca"),
        ("area: heat", "area: haet"),
        ("crew: MECH, renews: [spindle]", "crew: MECK, renews: [spindel]"),
        ("route: soft", "route: sotf"),
    ):
        assert good in text
        text = text.replace(good, bad)
    path.write_text(text)


@pytest.mark.parametrize(
    ("breaks", "code", "words"),
    [
        (empty_log, (2, 8), ["mes_log.csv", "no event"]),
        (unknown_unit, (8,), ["PRESS-9"]),
        (negative_quantity, (2,), ["mes_log.csv", "line", "-5"]),
        (broken_clock, (2,), ["mes_log.csv", "line 51", "last tuesday"]),
        (stale_log, (4,), ["mes_log.csv"]),
        (unknown_product, (2,), ["orders.csv", '"AA"']),
        (hole_in_the_series, (2,), ["carbon.csv"]),
        (clock_change_in_local_times, (11,), ["carbon.csv"]),
        (short_series, (11,), ["carbon.csv", "covers"]),
        (no_series, (11,), ["carbon.csv", "no such file"]),
        (empty_series, (11,), ["carbon.csv", "nothing is in it"]),
        (no_tariff, (11,), ["tariff.yaml", "no such file"]),
        (half_of_the_units_silent, (8,), ["of 4 work units", "F-1", "K-1", "silent"]),
        (every_second_event_missing, (8,), ["both a start and an end"]),
        (five_faults, (2,), ["Casablnca", "haet", "MECK", "spindel", "sotf", "did you mean"]),
    ],
)
def test_bad_input_gets_one_clear_message_and_no_output(
    shop: Path,
    breaks: Callable[[Path], None],
    code: tuple[int, ...],
    words: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    breaks(shop)
    assert main(["replan", str(shop / "replan.yaml"), "--quiet"]) in code
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    for word in words:
        assert word in err
    assert not (shop / "erp_drop").exists()
    assert run_folders(shop / "runs") == []
    assert list_runs(shop / "runs")[0]["exit_code"] in code


def test_check_refuses_a_planted_fault_by_name(
    planned: tuple[Path, Replanned], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = planned[1].run
    content = json.loads(run.schedule.to_json())
    moved = next(s for s in content["segments"] if s["kind"] == "maintenance")
    moved["start"] += 6 * 1440
    moved["end"] += 6 * 1440
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(content))
    assert main(["check", str(run.folder), "--schedule", str(bad)]) == 2
    assert moved["task"] in capsys.readouterr().out
    assert main(["check", str(run.folder)]) == 0


def test_json_answers_are_json(
    planned: tuple[Path, Replanned], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(planned[0] / "runs"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run"] == planned[1].run.id


def test_the_plan_does_not_depend_on_the_machines_linear_algebra(shop: Path) -> None:
    """The same processor, told to use another set of instructions, ends with the same plan."""
    plans = []
    for core in ("Haswell", "Nehalem"):
        out = shop / f"{core}.json"
        subprocess.run(
            [sys.executable, "-m", "scenarios.cli", "optimize", str(shop / "replan.yaml"),
             "--time-limit", "4", "-o", str(out), "--quiet"],
            env={**os.environ, "OPENBLAS_CORETYPE": core}, check=True, capture_output=True,
        )  # fmt: skip
        plans.append(out.read_text())
    assert plans[0] == plans[1]
