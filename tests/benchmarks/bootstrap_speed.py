"""Seconds to read a log of many units, to calibrate a twin on it and to draw 200 plants.

Run ``python -m tests.benchmarks.bootstrap_speed``. Plants of known truth stand side by side until
there are so many units; their log is written as CSV and read like any other. Prints JSON lines; the
last one is the summary, with the seconds of each step and their ratio to reading the log: seconds
depend on the machine, ratios hardly. The bar is 60 s for reading, calibrating and drawing together,
on two cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pandas as pd

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.known_truth import PRODUCTS, UNITS, TruthCase, truth_case
from tests.benchmarks.measure import rounded, tell, tell_setting
from twin.calibration.activity import read_activity
from twin.calibration.bootstrap import parameter_sets
from twin.calibration.calibrate import calibrate
from twin.connectors.mes_files import read_log, write_log
from twin.model.events import EventLog
from twin.model.plant import Plant

T = TypeVar("T")
BAR = 60.0
"""Seconds for everything."""
OWN = (*UNITS, *PRODUCTS, "MECH", "press", "mill", "pack", "line")
"""Names that each plant has for itself."""


class Seconds(NamedTuple):
    """By the clock on the wall, and of the processor; they differ on a busy machine."""

    wall: float
    cpu: float


LISTS = ("crews", "operations", "routes", "products", "work_units")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    tell_setting(units=options.units, weeks=options.weeks, draws=options.draws)
    cases = [truth_case(s, options.weeks) for s in range(-(-options.units // len(UNITS)))]
    plant, log = side_by_side(cases, options.units)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        write_log(log, path)
        tell(what="log", events=len(log), units=len(plant.work_units),
             megabytes=rounded(path.stat().st_size / 1e6))  # fmt: skip
        seconds: dict[str, Seconds] = {}
        found, seconds["read"] = timed(lambda: read_log(path))
    until = cases[0].until
    calibration, seconds["calibrate"] = timed(lambda: calibrate(found, plant, until))
    tell(what="calibration", estimates=len(calibration.estimates))
    plants, seconds["bootstrap"] = timed(
        lambda: parameter_sets(read_activity(found, plant, until), calibration, options.draws, 1)
    )
    whole, busy = (sum(s[i] for s in seconds.values()) for i in (0, 1))
    tell(
        what="summary",
        seconds={name: rounded(s.wall) for name, s in seconds.items()},
        cpu_seconds={name: rounded(s.cpu) for name, s in seconds.items()},
        cpu_ratio_to_reading={
            name: rounded(s.cpu / seconds["read"].cpu) for name, s in seconds.items()
        },
        seconds_in_all=rounded(whole), cpu_seconds_in_all=rounded(busy), plants=len(plants),
        bar=BAR, is_met=whole <= BAR,
    )  # fmt: skip
    return 0


def timed(work: Callable[[], T]) -> tuple[T, Seconds]:
    """What comes back, and how long it took."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, Seconds(time.perf_counter() - begin, time.process_time() - begin_cpu)


def side_by_side(cases: Sequence[TruthCase], units: int) -> tuple[Plant, EventLog]:
    """The nominal plants as lines of one, and their logs as one; so many units of them."""
    contents, tables = [], []
    for n, case in enumerate(cases):
        names = {name: f"L{n:02d}-{name}" for name in OWN}
        contents.append(renamed(case.nominal.model_dump(mode="json"), names))
        tables.append(_renamed_table(case.log.table, names, f"L{n:02d}-"))
    whole: dict[str, Any] = {**contents[0], "id": "many"}
    for name in LISTS:
        whole[name] = [row for content in contents for row in content[name]]
    whole["work_units"] = whole["work_units"][:units]
    _leave_out(whole)
    plant = Plant.model_validate(whole)
    table = pd.concat(tables, ignore_index=True)
    own = {"", *(unit.id for unit in plant.work_units)}
    table = table[table["work_unit"].isin(own)]
    return plant, EventLog(table.sort_values("time", kind="stable", ignore_index=True), "many")


def renamed(content: Any, names: Mapping[str, str]) -> Any:
    """Plain values with some words exchanged, as keys and as values."""
    if isinstance(content, dict):
        return {names.get(key, key): renamed(value, names) for key, value in content.items()}
    if isinstance(content, list):
        return [renamed(value, names) for value in content]
    return names.get(content, content) if isinstance(content, str) else content


def _renamed_table(table: pd.DataFrame, names: Mapping[str, str], prefix: str) -> pd.DataFrame:
    found = table.copy()
    for column in ("work_unit", "product", "operation", "reason"):
        if column in found:
            found[column] = found[column].map(lambda name: names.get(name, name))
    found["order"] = found["order"].map(lambda name: prefix + name if name else name)
    return found


def _leave_out(whole: dict[str, Any]) -> None:
    """Operations that no unit does any more, and the routes' steps to them."""
    done = {row["operation"] for unit in whole["work_units"] for row in unit["processing"]}
    whole["operations"] = [row for row in whole["operations"] if row["id"] in done]
    for route in whole["routes"]:
        route["operations"] = [id for id in route["operations"] if id in done]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    reader = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    reader.add_argument("--units", type=int, default=50, help="in the plant (%(default)s)")
    reader.add_argument("--weeks", type=int, default=8, help="of log (%(default)s)")
    reader.add_argument("--draws", type=int, default=200, help="plants drawn (%(default)s)")
    return reader.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
