"""Noria's own drop of MES events: one CSV file with the columns of the event log.

Columns: those of :data:`twin.model.events.COLUMNS`, in any order. ``time`` is ISO 8601 with offset;
text is blank where it does not apply; ``quantity`` and ``scrap`` are 0 or above, or blank.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from twin.connectors.csv_files import CsvTable, instants, number_text, numbers, read_csv, write_csv
from twin.errors import Fault, InputError, did_you_mean
from twin.model.events import COLUMNS, KINDS, NUMBERS, TEXT, EventLog
from twin.model.plant import STATES


def read_log(path: Path) -> EventLog:
    """Read an MES drop, in the order it was recorded.

    Raises
    ------
    InputError
        With every fault of the file: missing columns, times that cannot be read or have no zone,
        unknown kinds and states, numbers below 0; or that there is no event in it.
    """
    path = Path(path)
    table = read_csv(path, COLUMNS)
    if not len(table) and not table.faults.found:
        found = "no events, only a header"
        raise InputError(str(path), [Fault("", found, "check the export of the MES")])
    time = instants(table, "time")
    values = {name: np.array(numbers(table, name)) for name in NUMBERS}
    _check_kinds(table)
    _check_states(table)
    table.faults.settle()
    texts = {name: np.array(table.columns[name], dtype=object) for name in TEXT}
    frame = pd.DataFrame({"time": time, **texts, **values})[list(COLUMNS)]
    return EventLog(frame.astype(dict.fromkeys(TEXT, str)), str(path))


def write_log(log: EventLog, path: Path) -> None:
    """Write a log so that :func:`read_log` gives it back exactly; the file appears whole or not."""
    frame = log.table
    naive = frame["time"].to_numpy(dtype="datetime64[us]")
    columns = {name: frame[name].tolist() for name in COLUMNS if name in TEXT}
    columns |= {name: number_text(frame[name]) for name in NUMBERS}
    columns["time"] = [f"{t}+00:00" for t in np.datetime_as_string(naive, unit="us").tolist()]
    write_csv(Path(path), {name: columns[name] for name in COLUMNS})


def _check_kinds(table: CsvTable) -> None:
    known = set(KINDS)
    for event, line in zip(table.columns["event"], table.lines, strict=True):
        if event not in known:
            table.faults.at_line(line, f'unknown event "{event}"', did_you_mean(event, known))


def _check_states(table: CsvTable) -> None:
    known = {*STATES, ""}
    columns = table.columns
    rows = zip(columns["event"], columns["state"], columns["work_unit"], table.lines, strict=True)
    for event, state, unit, line in rows:
        if state not in known:
            table.faults.at_line(line, f'unknown state "{state}"', did_you_mean(state, STATES))
        elif event == "state" and not state:
            table.faults.at_line(line, f"event state of {unit or 'no work unit'} names no state")
