"""The plan as the ERP reads it back: a folder of files, published whole or not at all.

``plan.csv`` has a row for each operation, ``maintenance.csv`` one for each preventive task,
``plan.json`` is the whole schedule for the next run, ``changes.json`` what moved since last night's
plan and why (null where there was none), ``manifest.json`` the hash of each of them.

New files are first written to the folder ``.incoming`` inside, its manifest last; from then on the
plan is decided. (Inside, not beside: the folder may be a mounted share, and a rename cannot cross
file systems.) Then they are moved up one by one, the manifest last again. A kill before the
decision leaves the old plan. A kill after it leaves files that disagree with the manifest until the
next run has moved up the rest; :func:`read_published` already finds the new plan in both places.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from twin.connectors.csv_files import csv_text, number_text
from twin.connectors.whole_files import is_full, room_for
from twin.errors import Fault, InputError, PublishRefused
from twin.model.orders import OrderBook
from twin.model.plant import Plant
from twin.model.schedule import Schedule

PLAN, MAINTENANCE, SCHEDULE = "plan.csv", "maintenance.csv", "plan.json"
CHANGES = "changes.json"
MANIFEST, INCOMING = "manifest.json", ".incoming"

PLAN_COLUMNS = (
    "order", "product", "quantity", "operation", "work_unit", "planned_start", "planned_end",
    "setup_minutes", "due_date", "chance_on_time",
)  # fmt: skip
MAINTENANCE_COLUMNS = ("work_unit", "task", "crew", "planned_start", "planned_end")


class Chance(Protocol):
    """An estimated probability."""

    @property
    def mean(self) -> float: ...


class OrderChance(Protocol):
    """What the plan's report says about one order."""

    @property
    def order(self) -> str: ...
    @property
    def on_time(self) -> Chance | None: ...


class PlanReport(Protocol):
    """What is read of a report; :class:`twin.accounting.report.Report` is one."""

    @property
    def orders(self) -> Sequence[OrderChance]: ...


@dataclass(frozen=True)
class Difference:
    """How a plan differs from the one published before, in operations and preventive tasks."""

    new: int
    """In this plan only."""
    moved: int
    """Start moved by a minute or more, or another work unit."""
    removed: int
    """In the plan before only."""
    same: int


@dataclass(frozen=True)
class Published:
    """What publishing did."""

    folder: Path
    changed: bool
    """False when the folder already held exactly this plan; nothing was touched then."""
    content: str
    """Hash of the whole content; equal plans have equal hashes."""
    difference: Difference


def publish(
    schedule: Schedule,
    plant: Plant,
    orders: OrderBook,
    report: PlanReport | None,
    folder: Path,
    changes: Mapping[str, Any] | None = None,
) -> Published:
    """Publish a plan into a folder; it is made if it does not exist.

    ``changes`` is what moved since last night's plan, as plain JSON values.

    Raises
    ------
    PublishRefused, DiskFull
        When the folder cannot be written; the message says whether the old plan still stands.
    """
    folder = Path(folder)
    files = contents(schedule, plant, orders, report, changes)
    manifest = _manifest(files)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _finish(folder)
        before = _before(folder)
        changed = not _holds(folder, manifest)
        if changed:
            _write_incoming(folder / INCOMING, files, manifest)
    except OSError as error:
        _abandon(folder / INCOMING)
        with room_for(folder, "the plan published before still stands"):
            if is_full(error):
                raise
        raise PublishRefused(
            f"{folder}: cannot be written ({error.strerror}); the plan published before still "
            "stands; check the path and its rights"
        ) from None
    try:
        _finish(folder)
    except OSError as error:
        raise PublishRefused(
            f"{folder}: the new plan waits in {INCOMING} and could not be moved up whole "
            f"({error.strerror}); the next run finishes it once the folder can be written"
        ) from None
    return Published(folder, changed, _hash(manifest), _difference(before, schedule))


def dry_run(schedule: Schedule, folder: Path) -> Difference:
    """What publishing would change; nothing is written."""
    return _difference(_before(Path(folder)), schedule)


def read_published(folder: Path) -> Schedule | None:
    """The schedule last published into a folder; None when there was none.

    Raises
    ------
    InputError
        When what is there is not what was published.
    """
    folder = Path(folder)
    hashes = _hashes(folder / INCOMING / MANIFEST) or _hashes(folder / MANIFEST)
    if not hashes:
        return None
    for path in (folder / INCOMING / SCHEDULE, folder / SCHEDULE):
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if text and _hash(text) == hashes.get(SCHEDULE):
            return Schedule.from_json(text)
    found = "missing, or not as it was published"
    remedy = f"publish again, or delete {MANIFEST} to start afresh"
    raise InputError(str(folder / SCHEDULE), [Fault("", found, remedy)])


def contents(
    schedule: Schedule,
    plant: Plant,
    orders: OrderBook,
    report: PlanReport | None,
    changes: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Text of each file of a plan; equal plans give equal texts."""
    return {
        PLAN: csv_text(PLAN_COLUMNS, _plan_rows(schedule, plant, orders, report)),
        MAINTENANCE: csv_text(MAINTENANCE_COLUMNS, _maintenance_rows(schedule, plant)),
        SCHEDULE: schedule.to_json(),
        CHANGES: json.dumps(changes, indent=1, sort_keys=True, ensure_ascii=False) + "\n",
    }


def _plan_rows(
    schedule: Schedule, plant: Plant, orders: OrderBook, report: PlanReport | None
) -> list[list[str]]:
    chances = {o.order: o.on_time.mean for o in report.orders if o.on_time} if report else {}
    book = {order.id: order for order in orders}
    setups: dict[tuple[str, str, str], float] = {}
    for s in schedule.segments:
        if s.kind == "setup":
            key = (s.order, s.operation, s.work_unit)
            setups[key] = setups.get(key, 0.0) + s.minutes
    rows = []
    for a in schedule.assignments:
        order = book[a.order]
        minutes = setups.get((a.order, a.operation, a.work_unit), 0.0)
        chance = chances.get(a.order, float("nan"))
        figures = number_text([round(minutes, 1), round(chance, 4)])
        rows.append(
            [
                a.order,
                order.product,
                str(order.quantity),
                a.operation,
                a.work_unit,
                _local(schedule, plant, a.start),
                _local(schedule, plant, a.end),
                figures[0],
                order.due_date.astimezone(plant.zone).isoformat(timespec="seconds"),
                figures[1],
            ]
        )
    return rows


def _maintenance_rows(schedule: Schedule, plant: Plant) -> list[list[str]]:
    crews = {(unit.id, t.id): t.crew for unit in plant.work_units for t in unit.maintenance}
    planned = sorted(
        (s for s in schedule.segments if s.kind == "maintenance"),
        key=lambda s: (s.start, s.work_unit, s.task),
    )
    return [
        [
            s.work_unit,
            s.task,
            crews.get((s.work_unit, s.task), ""),
            _local(schedule, plant, s.start),
            _local(schedule, plant, s.end),
        ]
        for s in planned
    ]


def _local(schedule: Schedule, plant: Plant, minute: float) -> str:
    """Instant on the plant's clock, to the nearest second."""
    instant = schedule.horizon.to_datetime(minute) + timedelta(milliseconds=500)
    return instant.astimezone(plant.zone).isoformat(timespec="seconds")


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _manifest(files: Mapping[str, str]) -> str:
    return json.dumps({"files": {name: _hash(files[name]) for name in sorted(files)}}, indent=1)


def _hashes(manifest: Path) -> dict[str, str]:
    """Hash of each file by a manifest; none when there is no readable manifest."""
    try:
        return dict(json.loads(manifest.read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _holds(folder: Path, manifest: str) -> bool:
    """Whether the folder already has exactly the files of a manifest, and that manifest."""
    wanted = {**json.loads(manifest)["files"], MANIFEST: _hash(manifest)}
    return all(
        (folder / name).is_file() and sha256((folder / name).read_bytes()).hexdigest() == hash
        for name, hash in wanted.items()
    )


def _write_incoming(incoming: Path, files: Mapping[str, str], manifest: str) -> None:
    """Write the files, then the manifest that makes them count."""
    incoming.mkdir()
    for name, text in {**files, MANIFEST: manifest}.items():
        part = incoming / f"{name}.part"
        with part.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(incoming / name)
    _flush(incoming)


def _finish(folder: Path) -> None:
    """Move up a decided plan, the manifest last; remove one that was never decided."""
    incoming = folder / INCOMING
    for name in (*_hashes(incoming / MANIFEST), MANIFEST):
        if _hashes(incoming / MANIFEST) and (incoming / name).is_file():
            (incoming / name).replace(folder / name)
            _flush(folder)
    if incoming.exists():
        shutil.rmtree(incoming)


def _abandon(incoming: Path) -> None:
    """Remove what could not be written whole, as far as that is possible; the next run will."""
    if not _hashes(incoming / MANIFEST):
        shutil.rmtree(incoming, ignore_errors=True)


def _flush(folder: Path) -> None:
    """Make renames in a folder survive a power cut, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # not possible on every system; the renames still are atomic
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _before(folder: Path) -> Schedule | None:
    """The plan to compare with; a damaged one counts as none, for it is about to be replaced."""
    try:
        return read_published(folder)
    except (InputError, ValueError, KeyError, TypeError):
        return None


def _difference(before: Schedule | None, after: Schedule) -> Difference:
    old, new = (_placed(before) if before else {}), _placed(after)
    both = old.keys() & new.keys()
    moved = sum(1 for key in both if _is_moved(old[key], new[key]))
    return Difference(
        len(new.keys() - old.keys()), moved, len(old.keys() - new.keys()), len(both) - moved
    )


def _placed(schedule: Schedule) -> dict[tuple[str, ...], tuple[str, datetime]]:
    """Work unit and start of every operation, and of every preventive task by its number."""
    local = schedule.horizon.to_datetime
    found: dict[tuple[str, ...], tuple[str, datetime]] = {
        ("work", a.order, a.operation): (a.work_unit, local(a.start)) for a in schedule.assignments
    }
    for s in sorted(schedule.segments):
        if s.kind == "maintenance":
            n = sum(1 for key in found if key[:3] == ("maintenance", s.work_unit, s.task))
            found["maintenance", s.work_unit, s.task, str(n)] = (s.work_unit, local(s.start))
    return found


def _is_moved(old: tuple[str, datetime], new: tuple[str, datetime]) -> bool:
    return old[0] != new[0] or abs(new[1] - old[1]) >= timedelta(minutes=1)
