"""Alerts are raised once, kept in their band, cleared when over; a new plan is not asked twice."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scenarios.settings import ReplanConfig
from scenarios.watch_alerts import FILE, Alert, AlertBook, Finding
from scenarios.watch_commands import _refuse_vain_trigger
from scenarios.watch_replan import LOG, Replanning, starter
from scenarios.watch_settings import Trigger
from tests.live_twin import config_of
from twin.errors import InputError
from twin.model.base import validate

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
STOP = Finding("stop", "P-1", "alarm", NOW, "P-1 is down", "60 min", "ask", work_unit="P-1")


def later(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def test_an_alert_is_raised_once_and_keeps_its_id_and_its_beginning(tmp_path: Path) -> None:
    book = AlertBook(tmp_path)
    first = book.look([STOP], NOW)
    second = book.look([replace(STOP, since=later(5), what="P-1 is still down")], later(5))
    assert [alert.id for alert in first.raised] == ["stop:P-1:20261123T060000Z"]
    assert second.raised == second.cleared == ()
    (standing,) = book.sorted()
    assert standing.id == first.raised[0].id
    assert standing.finding.since == NOW
    assert standing.finding.what == "P-1 is still down"
    assert len((tmp_path / FILE).read_text().splitlines()) == 1


def test_below_its_limit_but_in_its_band_an_alert_is_kept_and_none_is_raised(
    tmp_path: Path,
) -> None:
    book, band = AlertBook(tmp_path), replace(STOP, raises=False)
    assert book.look([band], NOW).raised == ()
    book.look([STOP], later(1))
    assert book.look([band], later(2)).cleared == ()
    assert len(book.look([], later(3)).cleared) == 1
    assert book.sorted() == []


def test_an_alert_that_comes_back_has_another_id(tmp_path: Path) -> None:
    book = AlertBook(tmp_path)
    ids = [book.look(found, later(n)).raised for n, found in enumerate([[STOP], [], [STOP]])]
    assert len({alert.id for raised in ids for alert in raised}) == 2


def test_the_file_is_the_memory(tmp_path: Path) -> None:
    book = AlertBook(tmp_path)
    book.look([STOP, replace(STOP, subject="P-2")], NOW)
    book.look([STOP], later(1))
    again = AlertBook(tmp_path)
    assert again.sorted() == book.sorted()
    assert again.look([STOP], later(2)).raised == ()


def test_the_gravest_stands_first(tmp_path: Path) -> None:
    book = AlertBook(tmp_path)
    note = replace(STOP, kind="late_events", severity="note")
    book.look([note, STOP], NOW)
    assert [alert.finding.severity for alert in book.sorted()] == ["alarm", "note"]


class Job:
    """A nightly job that ends when it is told to."""

    def __init__(self) -> None:
        self.code: int | None = None

    def poll(self) -> int | None:
        return self.code


def alert(kind: Any = "stop") -> Alert:
    return Alert(f"{kind}:P-1", NOW, replace(STOP, kind=kind))


def replanning(jobs: list[Job], **past: Any) -> Replanning:
    def start() -> Any:
        jobs.append(Job())
        return jobs[-1]

    trigger = Trigger(on=frozenset({"stop"}), at_most_every=120)
    return Replanning(trigger, start, past)


def test_only_the_alerts_named_ask_for_a_plan() -> None:
    jobs: list[Job] = []
    job = replanning(jobs)
    job.look([alert("drift")], NOW)
    assert jobs == []
    job.look([alert("stop")], NOW)
    assert len(jobs) == 1
    assert job.facts()["is_running"]


def test_a_second_plan_is_not_begun_beside_the_first_nor_too_soon_after_it() -> None:
    jobs: list[Job] = []
    job = replanning(jobs)
    job.look([alert()], NOW)
    job.look([alert()], later(130))
    assert len(jobs) == 1, "the first still runs"
    jobs[0].code = 0
    job.look([alert()], later(131))
    assert len(jobs) == 2
    jobs[1].code = 0
    job.look([alert()], later(140))
    assert len(jobs) == 2


def test_a_restart_remembers_when_it_last_asked() -> None:
    jobs: list[Job] = []
    replanning(jobs, started=NOW.isoformat()).look([alert()], later(60))
    assert jobs == []


def test_an_archive_that_is_locked_is_no_failure() -> None:
    jobs: list[Job] = []
    job = replanning(jobs)
    job.look([alert()], NOW)
    jobs[0].code = 3
    job.look([], later(1))
    facts = job.facts()
    assert facts["is_locked_out"]
    assert not facts["is_running"]


def test_the_job_is_noria_in_a_process_of_its_own(tmp_path: Path) -> None:
    process = starter(["--version"], tmp_path)()
    assert isinstance(process, subprocess.Popen)
    assert process.args[0] == sys.executable  # type: ignore[index]
    assert process.wait(timeout=60) == 0
    assert (tmp_path / LOG).read_text().strip()


class Options:
    config = "replan.yaml"


def test_a_plan_cannot_be_asked_for_from_a_cut_off_that_never_moves(tmp_path: Path) -> None:
    config = config_of(tmp_path, replan={"on": ["stop"], "at_most_every": "2 h"})
    _refuse_vain_trigger(Options, config)  # type: ignore[arg-type]
    fixed = config.model_copy(update={"cut_off": NOW})
    with pytest.raises(InputError, match="cut_off: now"):
        _refuse_vain_trigger(Options, fixed)  # type: ignore[arg-type]


def test_an_unknown_alert_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="watch"):
        config_of(tmp_path, replan={"on": ["stopp"]})
    with pytest.raises(InputError, match="behind"):
        config_of(tmp_path, behind="2 h")


def test_the_configuration_is_complete_without_a_word_about_watching() -> None:
    assert "watch" in ReplanConfig.model_fields
    assert validate({}, Trigger, "test").on == frozenset()
