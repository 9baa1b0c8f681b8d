"""Runs on disk: everything needed to look at a plan again, or to make it again.

One folder a run, named by the cut-off and a hash of what went in, so that the same inputs and seed
give the same folder with the same figures. A folder appears whole, by renaming, or not at all.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from scenarios.scenario import Case
from twin.accounting.comparison import Difference
from twin.accounting.report import Report
from twin.errors import Fault, InputError, NoriaError
from twin.model.base import validate
from twin.model.demands import Demands
from twin.model.forecast import Forecast
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant
from twin.model.schedule import Schedule
from twin.model.state import OrderState, ShopState, UnitState

CASE, PLAN, REPORT, NAIVE, PREVIOUS, COMPARISON, LEDGER_ROW = (
    "case.json", "plan.json", "report.json", "naive_report.json", "previous.json",
    "comparison.json", "ledger_row.json",
)  # fmt: skip
HTML = "report.html"
T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """One archived run."""

    id: str
    folder: Path
    case: Case
    schedule: Schedule
    report: Report
    naive_report: Report | None = None
    previous: Schedule | None = None
    comparison: Mapping[str, Difference] | None = None
    """Plan − naive plan, paired."""
    ledger_row: Mapping[str, Any] = field(default_factory=dict)
    extras: Mapping[str, Any] = field(default_factory=dict)
    """Further JSON documents of the run by name: diagnosis, calibration, closeness."""


def save_run(archive: Path, run: Run, write_page: Callable[[Path], None] | None = None) -> Path:
    """Write a run's folder in one step, replacing an earlier one of the same id.

    ``write_page`` writes the run's HTML page to the path it is given.
    """
    with folder_in_one_step(archive / run.id) as folder:
        _write(folder / CASE, case_to_dict(run.case))
        (folder / PLAN).write_text(run.schedule.to_json(), encoding="utf-8")
        (folder / REPORT).write_text(run.report.to_json(), encoding="utf-8")
        if run.naive_report:
            (folder / NAIVE).write_text(run.naive_report.to_json(), encoding="utf-8")
        if run.previous:
            (folder / PREVIOUS).write_text(run.previous.to_json(), encoding="utf-8")
        if run.comparison:
            _write(folder / COMPARISON, {k: asdict(v) for k, v in run.comparison.items()})
        _write(folder / LEDGER_ROW, dict(run.ledger_row))
        for name, content in run.extras.items():
            _write(folder / f"{name}.json", content)
        if write_page:
            write_page(folder / HTML)
    return archive / run.id


def load_run(folder: Path) -> Run:
    """Read a run's folder.

    Raises
    ------
    InputError
        If a file of it is missing or damaged.
    """

    def read(name: str, parse: Callable[[str], T]) -> T:
        try:
            return parse((folder / name).read_text(encoding="utf-8"))
        except OSError as error:
            remedy = "name the folder of a run, for example runs/<id>"
            raise InputError(str(folder), [Fault(name, f"{error.strerror}", remedy)]) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            fault = Fault("", f"damaged ({error})", "run noria replan again")
            raise InputError(str(folder / name), [fault]) from None

    def optional(name: str, parse: Callable[[str], T]) -> T | None:
        return read(name, parse) if (folder / name).exists() else None

    known = {CASE, PLAN, REPORT, NAIVE, PREVIOUS, COMPARISON, LEDGER_ROW}
    others = sorted(p for p in folder.glob("*.json") if p.name not in known)
    return Run(
        id=folder.name,
        folder=folder,
        case=read(CASE, lambda text: case_from_dict(json.loads(text), str(folder / CASE))),
        schedule=read(PLAN, Schedule.from_json),
        report=read(REPORT, Report.from_json),
        naive_report=optional(NAIVE, Report.from_json),
        previous=optional(PREVIOUS, Schedule.from_json),
        comparison=optional(COMPARISON, _comparison) or None,
        ledger_row=optional(LEDGER_ROW, lambda text: dict(json.loads(text))) or {},
        extras={path.stem: read(path.name, json.loads) for path in others},
    )


def _comparison(text: str) -> dict[str, Difference]:
    return {name: Difference(**values) for name, values in json.loads(text).items()}


def run_folders(archive: Path) -> list[Path]:
    """Folders of the archived runs, the latest cut-off last."""
    return sorted(p.parent for p in archive.glob(f"*/{PLAN}") if not p.parent.name.startswith("."))


def latest_run(archive: Path) -> Run:
    """The run with the latest cut-off.

    Raises
    ------
    NoriaError
        If the archive has none.
    """
    if folders := run_folders(archive):
        return load_run(folders[-1])
    raise NoriaError(f"{archive}: no archived run; make one with noria replan or noria demo")


def list_runs(archive: Path) -> list[dict[str, Any]]:
    """Ledger rows of every run, the latest first."""
    from scenarios.ledger import Ledger

    return Ledger(archive).rows()


@contextmanager
def folder_in_one_step(target: Path) -> Iterator[Path]:
    """A folder to fill that takes the place of ``target`` only when the block ends well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = (target.with_name(f".{target.name}.{kind}") for kind in ("new", "old"))
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir()
    try:
        yield fresh
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(old, ignore_errors=True)


def _write(path: Path, content: Any) -> None:
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, default=str)
    path.write_text(text, encoding="utf-8")


def case_to_dict(case: Case) -> dict[str, Any]:
    """A case as plain JSON values."""
    forecast = case.forecast
    return {
        "plant": case.plant.model_dump(mode="json"),
        "orders": [
            {
                **asdict(o),
                "release_date": o.release_date.isoformat(),
                "due_date": o.due_date.isoformat(),
                "deadline": o.deadline.isoformat() if o.deadline else None,
            }
            for o in case.orders
        ],
        "demands": case.demands.model_dump(),
        "forecast": {
            **{k: v for k, v in vars(forecast).items() if not isinstance(v, np.ndarray | Horizon)},
            "horizon": forecast.horizon.to_dict(),
            **{k: v.tolist() for k, v in vars(forecast).items() if isinstance(v, np.ndarray)},
        },
        "state": {
            "at": case.state.at.isoformat(),
            "orders": {id: asdict(o) for id, o in case.state.orders.items()},
            "units": {
                id: {
                    **asdict(u),
                    "last_maintenance": {t: i.isoformat() for t, i in u.last_maintenance.items()},
                }
                for id, u in case.state.units.items()
            },
        },
    }


def case_from_dict(content: dict[str, Any], source: str = "case") -> Case:
    """Inverse of :func:`case_to_dict`."""
    forecast = dict(content["forecast"])
    horizon = Horizon.from_dict(forecast.pop("horizon"))
    arrays = {k: np.array(v, dtype=float) for k, v in forecast.items() if isinstance(v, list)}
    state = content["state"]
    return Case(
        plant=validate(content["plant"], Plant, source),
        orders=OrderBook(
            tuple(
                WorkOrder(
                    **{
                        **o,
                        "release_date": datetime.fromisoformat(o["release_date"]),
                        "due_date": datetime.fromisoformat(o["due_date"]),
                        "deadline": datetime.fromisoformat(d) if (d := o.get("deadline")) else None,
                    }
                )
                for o in content["orders"]
            )
        ),
        forecast=Forecast(**{**forecast, **arrays, "horizon": horizon}),
        state=ShopState(
            at=datetime.fromisoformat(state["at"]),
            orders={id: OrderState(**o) for id, o in state["orders"].items()},
            units={
                id: UnitState(
                    **{
                        **u,
                        "last_maintenance": {
                            t: datetime.fromisoformat(i) for t, i in u["last_maintenance"].items()
                        },
                    }
                )
                for id, u in state["units"].items()
            },
        ),
        demands=validate(content.get("demands", {}), Demands, source),
    )
