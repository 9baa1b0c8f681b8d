"""What the twin's parameters were, night by night, and why: one JSON file a night in the archive.

``ARCHIVE/parameters/2026-11-23T040000Z.json`` is written when the night's plan has gone to the ERP
and not before, in one stroke: a dry run, a refusal or a kill leaves the parameters in force as they
were. Running a night again writes the same file again. A night that keeps the champion names the
night whose file has its parameters; only the latter holds them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from scenarios.duel import Duel
from twin.calibration.drift import Drift
from twin.calibration.estimates import Calibration
from twin.connectors.whole_files import write_text
from twin.errors import Fault, InputError
from twin.model.plant import Plant

FOLDER = "parameters"
SHOWN = 60
"""Nights of a history."""

Verdict = Literal["first", "accepted", "kept"]
"""*first*: nothing to compare with; *accepted*: tonight's are in force; *kept*: the champion's."""


@dataclass(frozen=True)
class Night:
    """One night's decision."""

    cut_off: datetime
    verdict: Verdict
    why: str
    since: datetime
    """Cut-off of the night whose parameters are in force after this one."""
    window: tuple[datetime, datetime]
    """Of the log that tonight's own parameters were fitted to."""
    plant: str
    """Fingerprint of the plant's description."""
    duel: Duel | None = None
    drifts: tuple[Drift, ...] = ()
    """Alarms against the parameters that were in force before."""
    changes: tuple[Drift, ...] = ()
    """Lasting drifts that tonight's own parameters know of: those operations' times are of the lots
    since."""
    run: str = ""
    """Run whose plan was published."""
    calibration: Calibration | None = None
    """Parameters; None where an earlier night's were kept."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as JSON holds them; without the parameters."""
        return {
            "cut_off": self.cut_off.isoformat(),
            "verdict": self.verdict,
            "why": self.why,
            "since": self.since.isoformat(),
            "window": [instant.isoformat() for instant in self.window],
            "plant": self.plant,
            "duel": self.duel.to_dict() if self.duel else None,
            "drifts": [drift.to_dict() for drift in self.drifts],
            "changes": [drift.to_dict() for drift in self.changes],
            "run": self.run,
        }

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Night:
        """Inverse of :meth:`to_dict`, with the parameters where a file has them."""
        begin, end = (datetime.fromisoformat(instant) for instant in content["window"])
        kept = content.get("calibration")
        return Night(
            cut_off=datetime.fromisoformat(content["cut_off"]),
            verdict=content["verdict"],
            why=content["why"],
            since=datetime.fromisoformat(content["since"]),
            window=(begin, end),
            plant=content["plant"],
            duel=Duel.from_dict(content["duel"]) if content["duel"] else None,
            drifts=tuple(Drift.from_dict(drift) for drift in content["drifts"]),
            changes=tuple(Drift.from_dict(drift) for drift in content["changes"]),
            run=content["run"],
            calibration=Calibration.from_json(json.dumps(kept)) if kept else None,
        )


@dataclass(frozen=True)
class Champion:
    """The parameters in force."""

    since: datetime
    plant: str
    """Fingerprint of the plant's description that they belong to."""
    calibration: Calibration
    changes: tuple[Drift, ...] = ()
    """Lasting drifts that they know of."""


def champion(archive: Path, before: datetime) -> Champion | None:
    """What was in force before a cut-off; None where no earlier night has published.

    Raises
    ------
    InputError
        If a file it needs is damaged or gone.
    """
    earlier = _files(archive, before)
    if not earlier:
        return None
    last = _read(earlier[-1])
    holder = last if last.calibration else _read(_path(archive, last.since))
    if holder.calibration is None:
        fault = Fault("calibration", "missing; the parameters in force are expected", _REMEDY)
        raise InputError(str(_path(archive, last.since)), [fault])
    return Champion(holder.cut_off, holder.plant, holder.calibration, holder.changes)


def history(archive: Path, before: datetime | None = None, most: int = SHOWN) -> tuple[Night, ...]:
    """The last nights, the latest last."""
    return tuple(_read(path) for path in _files(archive, before)[-most:])


def save(archive: Path, night: Night) -> Path:
    """Write a night's file in one stroke; a night run again replaces its own."""
    content = night.to_dict()
    if night.calibration is not None:
        content["calibration"] = night.calibration.to_dict()
    path = _path(archive, night.cut_off)
    text = json.dumps(content, sort_keys=True, ensure_ascii=False) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
    return path


def fingerprint(plant: Plant) -> str:
    """Of a plant's description: parameters belong to one, and not to another."""
    content = json.dumps(plant.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


_REMEDY = "move the folder aside, and the next night's parameters are accepted as the first"


def _path(archive: Path, cut_off: datetime) -> Path:
    return archive / FOLDER / f"{cut_off.astimezone(UTC):%Y-%m-%dT%H%M%SZ}.json"


def _files(archive: Path, before: datetime | None) -> list[Path]:
    """By cut-off, which their names sort by; names of files under way begin with a dot."""
    paths = sorted(p for p in (archive / FOLDER).glob("*.json") if not p.name.startswith("."))
    if before is None:
        return paths
    return [path for path in paths if path.name < _path(archive, before).name]


def _read(path: Path) -> Night:
    try:
        return Night.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(str(path), [Fault("", f"{error.strerror}", _REMEDY)]) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(str(path), [Fault("", f"damaged ({error})", _REMEDY)]) from None
