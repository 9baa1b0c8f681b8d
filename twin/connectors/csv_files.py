"""CSV files as named columns of text, with line numbers and gathered faults."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from twin.connectors.whole_files import write_text
from twin.errors import Fault, InputError, did_you_mean

SHOWN_FAULTS = 20
"""Faults of one file named in a message; the rest are counted."""

FIRST_YEAR, LAST_YEAR = 1970, 2199
"""Years outside are no dates of a plant but an empty field, or "never", in some ERP's words."""

_COPY_AGAIN = "copy or export it again"
_DAY_AND_CLOCK = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?"
_DATE = re.compile(r"\d{4}-?\d\d-?\d\d")
_LOCAL = re.compile(_DAY_AND_CLOCK)
_ZONED = re.compile(_DAY_AND_CLOCK + r" ?(Z|[+-]\d\d(:?\d\d)?)")


class Faults:
    """What is wrong with one file so far; :meth:`settle` raises it all at once."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.found: list[Fault] = []

    def add(self, where: str, found: str, remedy: str = "") -> None:
        self.found.append(Fault(where, found, remedy))

    def at_line(self, line: int, found: str, remedy: str = "") -> None:
        self.add(f"line {line}", found, remedy)

    def settle(self) -> None:
        """Raise every fault as one :class:`InputError`; do nothing when there is none."""
        if not self.found:
            return
        shown = sorted(self.found, key=_line_of)[:SHOWN_FAULTS]
        if more := len(self.found) - len(shown):
            shown.append(Fault("", f"and {more} more"))
        raise InputError(self.source, shown)


def _line_of(fault: Fault) -> int:
    return int(fault.where.removeprefix("line ")) if fault.where.startswith("line ") else 0


@dataclass(frozen=True)
class CsvTable:
    """Columns of text, all of one length, and the line of the file each row ends on."""

    columns: dict[str, list[str]]
    lines: list[int]
    faults: Faults = field(compare=False)

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, name: str) -> list[str]:
        """A column by name; blank text where an optional column is absent."""
        return self.columns.get(name) or [""] * len(self)


def read_csv(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> CsvTable:
    """Read a comma-separated UTF-8 file with a header; unneeded columns are left out.

    Raises
    ------
    InputError
        When the file is missing, not text, or lacks a required column; rows with too few or too
        many fields are left out and added to ``faults`` of the answer.
    """
    text = read_text(path)
    header, rows, lines = _rows(path, text)
    faults = Faults(str(path))
    _check_header(header, required, optional, faults)
    faults.settle()
    width = len(header)
    good = [i for i, row in enumerate(rows) if len(row) == width]
    for row, line in zip(rows, lines, strict=True):
        if len(row) != width:
            fields = f"has {len(row)} {'field' if len(row) == 1 else 'fields'}"
            is_cut = len(row) < width and line == lines[-1] and _ends_midway(text)
            remedy = f"the file seems cut off here: {_COPY_AGAIN}" if is_cut else ""
            faults.at_line(line, f"{fields}; {width} are expected", remedy)
    if len(good) < len(rows):
        rows, lines = [rows[i] for i in good], [lines[i] for i in good]
    by_column = zip(*rows, strict=True) if rows else ([] for _ in header)
    wanted = {*required, *optional}
    columns = {n: list(v) for n, v in zip(header, by_column, strict=True) if n in wanted}
    return CsvTable(columns, lines, faults)


def read_text(path: Path) -> str:
    """A text file, with or without byte order mark.

    Raises
    ------
    InputError
        When it is missing, cannot be opened, or is not UTF-8; the line is named.
    """
    try:
        content = path.read_bytes()
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(str(path), [Fault("", "no such file", "check the path")]) from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        fault = Fault(f"line {line}", "a character is not UTF-8", "export the file as UTF-8")
        raise InputError(str(path), [fault]) from None
    except OSError as error:
        fault = Fault("", f"cannot be read: {error.strerror}", "check the path and its rights")
        raise InputError(str(path), [fault]) from None


def _ends_midway(text: str) -> bool:
    """Whether the last line has no end, as where a copy broke off."""
    return not text.endswith(("\n", "\r"))


def _rows(path: Path, text: str) -> tuple[list[str], list[list[str]], list[int]]:
    """Header, rows and their line numbers; lines without any content are skipped."""
    rows, lines, done = [], [], 0
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            done = reader.line_num
            if any(cell.strip() for cell in row):
                rows.append(row)
                lines.append(done)
    except csv.Error as error:
        # A quote that is never closed swallows the rest of the file: it is the row's first line
        # that has to be looked at.
        remedy = "look for a lone quote mark"
        if _ends_midway(text):
            remedy += f"; if there is none, the file is cut off: {_COPY_AGAIN}"
        fault = Fault(f"line {done + 1}", f"not valid CSV: {error}", remedy)
        raise InputError(str(path), [fault]) from None
    if not rows:
        raise InputError(str(path), [Fault("", "the file is empty; a header line is expected")])
    return rows[0], rows[1:], lines[1:]


def _check_header(
    header: list[str], required: Sequence[str], optional: Sequence[str], faults: Faults
) -> None:
    if len(header) == 1 and len(required) > 1 and (";" in header[0] or "\t" in header[0]):
        remedy = "export with commas, and decimals with a point"
        faults.add("line 1", "the columns are not separated by commas", remedy)
        return
    shown = ", ".join(header[:15])
    if len(required) > 2 and not {*required} & {*header}:
        expected = f"found columns {shown}; {', '.join(required)} are expected"
        faults.add("line 1", expected, "check that this is the right file, with its header")
        return
    unused = [name for name in header if name not in {*required, *optional}]
    for name in required:
        if name not in header:
            close = did_you_mean(name, unused)
            hint = f'found "{close.split(chr(34))[1]}" instead' if "mean" in close else ""
            faults.add("line 1", f'no column "{name}"', hint or f"found: {shown}")
    for name in sorted({name for name in header if header.count(name) > 1}):
        faults.add("line 1", f'column "{name}" appears twice')


def number(text: str) -> float:
    """A finite number as written with a point, without separators between thousands.

    Raises
    ------
    ValueError
        In words that follow ``got "…";``.

    Examples
    --------
    >>> number("0,5")
    Traceback (most recent call last):
    ValueError: a number is expected, such as 12000 or 0.5: a point for decimals, nothing else
    """
    try:
        value = float(text)
    except ValueError:
        how = ", such as 12000 or 0.5: a point for decimals, nothing else"
        is_close = bool(re.fullmatch(r"[-+]?\d[\d.,\s']*", text.strip()))
        raise ValueError(f"a number is expected{how if is_close else ''}") from None
    if not np.isfinite(value):
        raise ValueError("a finite number is expected")
    return value


def numbers(table: CsvTable, name: str, *, blank_allowed: bool = True) -> list[float]:
    """A column as numbers at or above 0; NaN where blank. Anything else is a fault of the table."""
    found = []
    for text, line in zip(table.column(name), table.lines, strict=True):
        value = float("nan")
        if text or not blank_allowed:
            try:
                value = number(text)
            except ValueError as error:
                table.faults.at_line(line, f'{name} got "{text}"; {error}')
            else:
                if value < 0:
                    table.faults.at_line(line, f"{name} got {text}; a {name} is 0 or above")
        found.append(value)
    return found


def instants(table: CsvTable, name: str) -> pd.Series[pd.Timestamp]:
    """A column of ISO times with offset as UTC; NaT and a fault where it is not one."""
    texts = [text.strip() for text in table.column(name)]
    wrong = {i: text for i, text in enumerate(texts) if not _ZONED.fullmatch(text)}
    usable = ["" if i in wrong else text.replace(",", ".") for i, text in enumerate(texts)]
    times = pd.Series(pd.to_datetime(usable, format="ISO8601", utc=True, errors="coerce"))
    for i in np.flatnonzero(times.isna().to_numpy()):
        line, text = table.lines[i], texts[i]
        if _LOCAL.fullmatch(text):
            table.faults.at_line(line, f'{name} "{text}" has no time zone', "add an offset: +01:00")
        else:
            example = "2026-11-23T05:00:00+01:00"
            table.faults.at_line(line, f'{name} got "{text}"; a time reads {example}')
    return times.astype("datetime64[us, UTC]")


def parse_instant(text: str, zone: ZoneInfo, *, end_of_day: bool = False) -> datetime:
    """UTC instant from an ISO date or time; without offset it is the zone's wall clock.

    A date alone is its first instant, or with ``end_of_day`` its last: the midnight after.

    Raises
    ------
    ValueError
        When the text is no time, one of another century, or a wall-clock time that a change of
        clock skips or repeats.

    Examples
    --------
    >>> parse_instant("2026-11-23 06:00", ZoneInfo("Africa/Casablanca")).isoformat()
    '2026-11-23T05:00:00+00:00'
    """
    text = text.strip()
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("a date or time reads 2026-11-23 or 2026-11-23T06:00") from None
    if not FIRST_YEAR <= read.year <= LAST_YEAR:
        raise ValueError(f"a year from {FIRST_YEAR} to {LAST_YEAR} is expected")
    if read.tzinfo is not None:
        return read.astimezone(UTC)
    if _DATE.fullmatch(text):
        day = read + timedelta(days=1) if end_of_day else read
        return day.replace(tzinfo=zone).astimezone(UTC)
    first, second = (read.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first != second:
        kind = "repeats" if first < second else "skips"
        raise ValueError(f"a change of clock in {zone.key} {kind} this hour; write its offset")
    return first


def write_csv(path: Path, columns: Mapping[str, Iterable[str]]) -> None:
    """Write columns of text of one length, the whole file or nothing."""
    write_text(path, csv_text(list(columns), zip(*columns.values(), strict=True)))


def csv_text(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows as comma-separated text with a header and Unix line ends."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def number_text(values: Iterable[float]) -> list[str]:
    """Numbers as the shortest text that reads back equal; blank for NaN.

    >>> number_text([20000.0, 0.5, float("nan")])
    ['20000', '0.5', '']
    """
    return [
        "" if v != v else str(int(v)) if v.is_integer() else repr(v) for v in map(float, values)
    ]
