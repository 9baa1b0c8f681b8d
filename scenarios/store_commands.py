"""``noria store``: what is in the event store, and what is done with it by hand."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from scenarios.answer import Answer
from twin.errors import Fault, InputError, did_you_mean
from twin.model.base import read_yaml, validate
from twin.secrets import Keyring
from twin.store.settings import StoreSettings

if TYPE_CHECKING:
    from scenarios.run import Progress
    from twin.accounting.kpi import Indicators
    from twin.model.plant import Plant
    from twin.store.store import EventStore

PARTLY = 7
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Place:
    """Which store, and the plant it belongs to, where it is known."""

    settings: StoreSettings
    keyring: Keyring
    plant: Plant | None


def store(options: Namespace, progress: Progress) -> Answer:
    """Do one action on the event store."""
    from twin.store.store import open_store

    action = _ACTIONS[options.action]
    place = _place(options)
    _check_arguments(options)
    makes_store = options.action == "import"
    with open_store(place.settings, place.keyring, migrate=makes_store) as opened:
        return action(opened, place, options, progress)


def _place(options: Namespace) -> Place:
    """The store of an ingest configuration or a nightly job's, or the one at a URL."""
    if "://" in options.config:
        settings = validate({"url": options.config}, StoreSettings, "CONFIG")
        return Place(settings.located(Path.cwd()), Keyring(os.environ, Path.cwd()), _plant(options))
    path = Path(options.config)
    content = read_yaml(path)
    if isinstance(content, dict) and "mes" in content:
        return _nightly(path, options)
    from twin.ingest.settings import load_ingest

    config = load_ingest(path)
    return Place(config.store, Keyring(os.environ, path.parent), _plant(options, config.plant))


def _nightly(path: Path, options: Namespace) -> Place:
    """The store that a nightly job reads."""
    from scenarios.settings import load_config

    config = load_config(path, environ=os.environ)
    if config.mes.store is None:
        found = "mes is a file, and this command is about an event store"
        raise InputError(str(path), [Fault("mes", found, "name the configuration of noria ingest")])
    return Place(config.mes.store, config.keyring, _plant(options, config.plant))


def _plant(options: Namespace, named: Path | None = None) -> Plant | None:
    path = options.plant or named
    if path is None or options.action != "oee":
        return None
    from twin.model.plant import load_plant

    return load_plant(path)


_WITH_PATH = {"export": "FOLDER", "retain": "FOLDER", "import": "FILE"}


def _check_arguments(options: Namespace) -> None:
    """What an action needs is there, and nothing that it does not know."""
    action, faults = options.action, []
    if action in _WITH_PATH and options.path is None:
        faults.append(Fault(action, f"needs {_WITH_PATH[action]}"))
    if action not in _WITH_PATH and options.path is not None:
        faults.append(Fault(action, f"takes no path, got {options.path}"))
    if action == "retain" and (options.before is None) == (options.keep_days is None):
        faults.append(Fault(action, "give either --before or --keep-days"))
    takes = {
        "--from": ("export", "oee"), "--to": ("export", "oee"), "--before": ("retain",),
        "--keep-days": ("retain",), "--plant": ("oee",), "--extract": ("oee",),
        "--timezone": ("export", "oee", "retain"),
    }  # fmt: skip
    for name, actions in takes.items():
        given = getattr(options, _DESTINATION.get(name, name[2:].replace("-", "_")))
        if given is not None and action not in actions:
            faults.append(Fault(action, f"takes no {name}"))
    if faults:
        raise InputError("noria store", faults)


_DESTINATION = {"--from": "since", "--to": "until"}


def _status(opened: EventStore, place: Place, options: Namespace, progress: Progress) -> Answer:
    found = opened.status()
    lines = [
        f"{found.url}: {found.events} events, {found.bytes / 1e6:.1f} MB, version {found.version}"
    ]
    if found.first and found.last:
        lines.append(f"from {_shown(found.first)} to {_shown(found.last)}")
    if found.kept_from:
        lines.append(f"older than {_shown(found.kept_from)}: exported and deleted")
    for source, position in found.positions.items():
        changed = _shown(found.position_changed[source])
        lines.append(f"source {source}: position of {changed}: {_short(position)}")
    for source, count in sorted(found.held.items()):
        lines.append(f"source {source}: {count} messages held; see noria held")
    return Answer(asdict(found), "\n".join(lines))


def _export(opened: EventStore, place: Place, options: Namespace, progress: Progress) -> Answer:
    zone = _zone(options, place)
    start, end = _instant(options.since, "--from", zone), _instant(options.until, "--to", zone)
    progress("export events", 0, 1)
    done = opened.export(options.path, start, end)
    text = "\n".join([*map(str, done.files), f"{done.events} events in {len(done.files)} files"])
    return Answer({"files": [str(path) for path in done.files], "events": done.events}, text)


def _retain(opened: EventStore, place: Place, options: Namespace, progress: Progress) -> Answer:
    zone = _zone(options, place)
    before = _instant(options.before, "--before", zone)
    if before is None:
        day = datetime.now(zone) - timedelta(days=options.keep_days)
        before = day.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    progress("set older events aside", 0, 1)
    done = opened.retain(before, options.path)
    files = [str(path) for path in done.exported.files]
    text = "\n".join(
        [*files, f"{done.exported.events} events exported and verified, {done.deleted} deleted; "
                 f"the store begins with {_shown(done.kept_from)}"]
    )  # fmt: skip
    values = {"kept_from": done.kept_from, "files": files, "exported": done.exported.events}
    return Answer({**values, "deleted": done.deleted}, text)


def _import(opened: EventStore, place: Place, options: Namespace, progress: Progress) -> Answer:
    from twin.store.imports import import_log, import_parquet

    progress(f"import {options.path}", 0, 1)
    if options.path.suffix.lower() == ".parquet":
        done = import_parquet(opened, options.source, options.path)
    else:
        from twin.connectors.mes_files import read_log

        done = import_log(opened, options.source, read_log(options.path))
    text = (
        f"{options.path}: {done.stored} events stored, {done.duplicates} were there already, "
        f"{done.held} held"
    )
    if done.held:
        text += "; see noria held"
    return Answer(asdict(done), text, PARTLY if done.held else 0)


def _oee(opened: EventStore, place: Place, options: Namespace, progress: Progress) -> Answer:
    from scenarios.store_oee import OPEN_STATES, Window, unit_day_indicators

    zone = _zone(options, place)
    last = opened.status().last
    if last is None:
        raise InputError(opened.url_shown, [Fault("", "no events in it", "let noria ingest run")])
    end = _instant(options.until, "--to", zone) or last
    start = _instant(options.since, "--from", zone) or end - WEEK
    window = Window(start, min(end, last), zone)
    if window.start >= window.end:
        fault = Fault("--from", f"no time is left from {_shown(start)} to {_shown(window.end)}",
                      f"the last event is of {_shown(last)}")  # fmt: skip
        raise InputError("noria store", [fault])
    progress("count states and pieces", 0, 1)
    counting = opened.extract(options.extract) if options.extract else opened
    counted = counting.unit_days(window.start, window.end, zone)
    stays = opened.stays(window.start, window.end, OPEN_STATES) if place.plant else []
    found = unit_day_indicators(counted, stays, window, place.plant)
    values = {
        "from": window.start, "to": window.end,
        "work_units": {unit: _values(one) for unit, one in found.by_unit.items()},
        "days": [
            {"work_unit": unit, "day": day, **_values(one)}
            for (unit, day), one in found.by_day.items()
        ],
        "notes": found.notes,
    }  # fmt: skip
    return Answer(values, _oee_text(window.start, window.end, zone, found.by_unit, found.notes))


def _oee_text(
    start: datetime, end: datetime, zone: ZoneInfo, units: Mapping[str, Indicators], notes: Any
) -> str:
    width = max([len(unit) for unit in units] + [9])
    head = f"{'work unit':<{width}}  {'A':>6} {'E':>6} {'QR':>6} {'OEE':>6}   APT h   PBT h"
    lines = [
        f"{start.astimezone(zone):%Y-%m-%d %H:%M} to {end.astimezone(zone):%Y-%m-%d %H:%M}",
        head,
    ]
    for unit, one in units.items():
        shares = (one.availability, one.effectiveness, one.quality_ratio, one.oee)
        shown = " ".join("     –" if s is None else f"{s:6.1%}" for s in shares)
        lines.append(
            f"{unit:<{width}}  {shown}  {one.production / 60:6.1f}  {one.planned_busy / 60:6.1f}"
        )
    return "\n".join([*lines, *(f"note: {note}" for note in notes)])


def _values(one: Indicators) -> dict[str, Any]:
    """With the names of ISO 22400-2; times in minutes."""
    return {
        "apt_min": one.production, "pbt_min": one.planned_busy, "aust_min": one.setup,
        "adot_min": one.down, "adet_min": one.delay, "availability": one.availability,
        "effectiveness": one.effectiveness, "quality_ratio": one.quality_ratio, "oee": one.oee,
    }  # fmt: skip


def _zone(options: Namespace, place: Place) -> ZoneInfo:
    """The zone of days and of times without offset: as asked, else the plant's, else UTC."""
    from zoneinfo import available_timezones

    name = options.timezone or (place.plant.timezone if place.plant else "UTC")
    if name not in available_timezones():
        hint = did_you_mean(name, available_timezones())
        raise InputError("--timezone", [Fault("", f'no zone "{name}"', hint)])
    return ZoneInfo(name)


def _instant(text: str | None, where: str, zone: ZoneInfo) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo else found.replace(tzinfo=zone)
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        fault = Fault("", f'got "{text}"; a date or time such as 2026-11-23T06:00 is expected')
        raise InputError(where, [fault]) from None


def _shown(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _short(position: Mapping[str, Any]) -> str:
    text = ", ".join(f"{name} {value}" for name, value in position.items())
    return text if len(text) <= 100 else text[:99] + "…"


_Action = Callable[["EventStore", Place, Namespace, "Progress"], Answer]
_ACTIONS: Mapping[str, _Action] = {
    "status": _status,
    "export": _export,
    "retain": _retain,
    "import": _import,
    "oee": _oee,
}
