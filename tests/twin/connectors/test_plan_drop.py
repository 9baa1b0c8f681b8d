"""The plan drop: whole or not at all, untouched when nothing changed, repaired after a kill."""

import csv
import io
import json
import os
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from twin.connectors.plan_drop import (
    Difference,
    dry_run,
    publish,
    read_published,
)
from twin.errors import DiskFull, InputError, PublishRefused
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant, load_plant
from twin.model.schedule import Schedule, Segment

SMALL = Path(__file__).resolve().parents[2] / "plants" / "small.yaml"
START = datetime(2026, 11, 23, 4, tzinfo=UTC)
DUE = datetime(2026, 11, 27, 13, tzinfo=UTC)


@dataclass(frozen=True)
class FakeChance:
    mean: float


@dataclass(frozen=True)
class FakeOrderReport:
    order: str
    on_time: FakeChance


@dataclass(frozen=True)
class FakeReport:
    orders: tuple[FakeOrderReport, ...]


def as_stored(schedule: Schedule) -> Schedule:
    """Times as floats, segments in the order of the file."""
    return Schedule.from_json(schedule.to_json())


class Killed(BaseException):
    """The process died here."""


@pytest.fixture(scope="module")
def plant() -> Plant:
    return load_plant(SMALL)


@pytest.fixture
def orders() -> OrderBook:
    return OrderBook(tuple(WorkOrder(id, "C", 1000, START, DUE) for id in ("1", "2")))


@pytest.fixture
def schedule() -> Schedule:
    return Schedule(
        Horizon(START, 10080, "Africa/Casablanca"),
        (
            Segment("P-1", 60, 100, "setup", "1", "press"),
            Segment("P-1", 100, 200, "work", "1", "press"),
            Segment("P-1", 240, 300, "work", "1", "press"),
            Segment("K-1", 300, 330, "work", "1", "pack"),
            Segment("P-1", 300, 390, "maintenance", task="service"),
            Segment("P-2", 60, 90.3, "work", "2", "press"),
        ),
    )


def moved(schedule: Schedule) -> Schedule:
    """The same plan with order 2 an hour later and on the other press."""
    later = Segment("P-1", 400, 430, "work", "2", "press")
    return replace(schedule, segments=(*schedule.segments[:-1], later))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / name).read_text(encoding="utf-8"))))


def test_a_row_for_each_operation(
    tmp_path: Path, schedule: Schedule, plant: Plant, orders: OrderBook
) -> None:
    report = FakeReport((FakeOrderReport("1", FakeChance(0.87654)),))
    publish(schedule, plant, orders, report, tmp_path)
    by_order = {(row["order"], row["operation"]): row for row in rows(tmp_path, "plan.csv")}
    assert by_order["1", "press"] == {
        "order": "1",
        "product": "C",
        "quantity": "1000",
        "operation": "press",
        "work_unit": "P-1",
        "planned_start": "2026-11-23T06:40:00+01:00",
        "planned_end": "2026-11-23T10:00:00+01:00",
        "setup_minutes": "40",
        "due_date": "2026-11-27T14:00:00+01:00",
        "chance_on_time": "0.8765",
    }
    assert by_order["2", "press"]["planned_end"] == "2026-11-23T06:30:18+01:00"
    assert by_order["2", "press"]["chance_on_time"] == ""


def test_a_row_for_each_preventive_task(
    tmp_path: Path, schedule: Schedule, plant: Plant, orders: OrderBook
) -> None:
    publish(schedule, plant, orders, None, tmp_path)
    assert rows(tmp_path, "maintenance.csv") == [
        {
            "work_unit": "P-1",
            "task": "service",
            "crew": "MECH",
            "planned_start": "2026-11-23T10:00:00+01:00",
            "planned_end": "2026-11-23T11:30:00+01:00",
        }
    ]


def test_the_last_plan_is_read_back(
    tmp_path: Path, schedule: Schedule, plant: Plant, orders: OrderBook
) -> None:
    assert read_published(tmp_path) is None
    publish(schedule, plant, orders, None, tmp_path / "erp" / "plan")
    found = read_published(tmp_path / "erp" / "plan")
    assert found is not None
    assert found == as_stored(schedule)


def test_publishing_the_same_plan_again_touches_nothing(
    tmp_path: Path, schedule: Schedule, plant: Plant, orders: OrderBook
) -> None:
    first = publish(schedule, plant, orders, None, tmp_path)
    for path in (*tmp_path.iterdir(), tmp_path):
        os.utime(path, (1, 1))
    again = publish(schedule, plant, orders, None, tmp_path)
    assert (first.changed, again.changed) == (True, False)
    assert first.content == again.content
    assert {p.stat().st_mtime for p in (*tmp_path.iterdir(), tmp_path)} == {1}


def test_a_damaged_file_is_published_again(
    tmp_path: Path, schedule: Schedule, plant: Plant, orders: OrderBook
) -> None:
    publish(schedule, plant, orders, None, tmp_path)
    good = files(tmp_path)
    (tmp_path / "plan.csv").write_text("order\n", encoding="utf-8")
    assert publish(schedule, plant, orders, None, tmp_path).changed
    assert files(tmp_path) == good


def test_the_difference_counts_operations_and_tasks(
    tmp_path: Path, schedule: Schedule, plant: Plant, orders: OrderBook
) -> None:
    first = publish(schedule, plant, orders, None, tmp_path).difference
    assert first == Difference(new=4, moved=0, removed=0, same=0)
    fewer = replace(moved(schedule), segments=moved(schedule).segments[4:])
    assert dry_run(fewer, tmp_path) == Difference(new=0, moved=1, removed=2, same=1)


def test_a_dry_run_writes_nothing(tmp_path: Path, schedule: Schedule) -> None:
    dry_run(schedule, tmp_path / "plan")
    assert not (tmp_path / "plan").exists()


class Killer:
    """Dies before the n-th call that changes a file; counts the calls."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fatal: int) -> None:
        self.calls, self.fatal = 0, fatal
        for owner, name in (
            (Path, "mkdir"), (Path, "open"), (Path, "replace"), (os, "fsync"), (shutil, "rmtree"),
        ):  # fmt: skip
            monkeypatch.setattr(owner, name, self.wrap(getattr(owner, name)))

    def wrap(self, original: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.fatal >= 0:
                self.calls += 1
                if self.calls == self.fatal:
                    raise Killed
            return original(*args, **kwargs)

        return call


def test_a_kill_at_any_moment_leaves_one_whole_plan(
    tmp_path: Path,
    schedule: Schedule,
    plant: Plant,
    orders: OrderBook,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed before each file operation in turn, the drop holds the old plan or the new one; the
    next run, of either plan, ends as if nothing had happened."""
    target = moved(schedule)
    publish(schedule, plant, orders, None, tmp_path / "old")
    publish(target, plant, orders, None, tmp_path / "new")
    old, new = files(tmp_path / "old"), files(tmp_path / "new")
    seen, fatal = set(), 0
    while True:
        fatal += 1
        folder = tmp_path / f"killed-{fatal}"
        publish(schedule, plant, orders, None, folder)
        with monkeypatch.context() as patch:
            killer = Killer(patch, fatal)
            try:
                publish(target, plant, orders, None, folder)
            except Killed:
                killer.fatal = -1
            else:
                break
        found = read_published(folder)
        assert found is not None
        assert found in (as_stored(schedule), as_stored(target))
        seen.add(found.to_json())
        again = tmp_path / f"again-{fatal}"
        shutil.copytree(folder, again)
        publish(target, plant, orders, None, folder)
        publish(schedule, plant, orders, None, again)
        assert files(folder) == new
        assert files(again) == old
        assert not (folder / ".incoming").exists()
    assert fatal > 15
    assert len(seen) == 2


def test_half_moved_files_disagree_with_the_manifest(
    tmp_path: Path,
    schedule: Schedule,
    plant: Plant,
    orders: OrderBook,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who reads plan.csv of a half moved plan can tell from manifest.json."""
    publish(schedule, plant, orders, None, tmp_path)
    original = Path.replace

    def killed_before_the_schedule(self: Path, target: Path) -> Path:
        if target == tmp_path / "plan.json":
            raise Killed
        return original(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed_before_the_schedule)
        with pytest.raises(Killed):
            publish(moved(schedule), plant, orders, None, tmp_path)
    hashes = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))["files"]
    assert hashes["plan.csv"] != sha256((tmp_path / "plan.csv").read_bytes()).hexdigest()


def test_a_folder_that_cannot_be_made_is_refused(
    tmp_path: Path, schedule: Schedule, plant: Plant, orders: OrderBook
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PublishRefused, match=r"cannot be written .*still stands"):
        publish(schedule, plant, orders, None, tmp_path / "file" / "plan")


def test_a_full_disk_keeps_the_old_plan(
    tmp_path: Path,
    schedule: Schedule,
    plant: Plant,
    orders: OrderBook,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(schedule, plant, orders, None, tmp_path)
    before = files(tmp_path)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DiskFull, match=r"No space left .*still stands"):
            publish(moved(schedule), plant, orders, None, tmp_path)
    assert files(tmp_path) == before
    assert not (tmp_path / ".incoming").exists()
    assert publish(moved(schedule), plant, orders, None, tmp_path).changed


def test_a_plan_changed_by_hand_is_not_read(
    tmp_path: Path, schedule: Schedule, plant: Plant, orders: OrderBook
) -> None:
    publish(schedule, plant, orders, None, tmp_path)
    (tmp_path / "plan.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="not as it was published"):
        read_published(tmp_path)
