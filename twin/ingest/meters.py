"""Load profiles of energy meters: CSV files in a folder, a row every quarter of an hour.

::

    - kind: meters
      name: energy
      folder: meter-export
      time: [Datum, Uhrzeit]            # column, or columns joined by a blank
      time_format: "%d.%m.%Y %H:%M"     # default: ISO 8601
      timezone: Europe/Berlin
      separator: ";"
      decimal: ","
      meters:
        "1.8.0 Press 1": {work_unit: PRESS-1, reads: register, factor: 40}
        "P Oven [kW]":   {work_unit: OVEN-1, reads: power}
        "Site [kWh]":    {is_site: true}

Files are only read. One that grows is read on from its last whole line; one that was replaced is
read again, and what it repeats is known by its meter and time. An event stands at the end of the
interval whose energy it tells. Gaps, values that cannot be and registers set back are named.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from twin.errors import Fault, InputError, did_you_mean
from twin.ingest.counters import (
    CounterRule,
    CounterState,
    Reading,
    advance,
    counter_from_json,
    counter_to_json,
)
from twin.ingest.following import Found, Piece, Place, Unreadable, files_in, read_on, shown
from twin.ingest.local_times import NoInstant, Stamps
from twin.ingest.mapping import Mapped
from twin.ingest.signature import Intake, Message, Stopped
from twin.model.base import Frozen, Minutes
from twin.secrets import Keyring

AT_ONCE = 1 << 18
"""Bytes read and stored at once; the longest line."""
UNENDED = timedelta(minutes=10)
"""A last line without an end is waited for so long before it is named."""


class MeterColumn(Frozen):
    """One meter: a column of the files."""

    work_unit: str = ""
    is_site: bool = False
    """Whether it is the meter of the whole site."""
    reads: Literal["interval", "register", "power"] = "interval"
    """Energy of the interval; a register that only rises; or mean power of the interval [kW]."""
    factor: Annotated[float, Field(gt=0)] = 1.0
    """kWh (kW) per unit of the column: 0.001 for Wh, 1000 for MWh, the ratio of a transformer."""
    modulo: Annotated[float, Field(gt=1)] | None = None
    """Number of values of the register; after the highest comes 0."""
    most_kw: Annotated[float, Field(gt=0)] | None = None
    """Connected load [kW]; more energy than it could draw goes to quarantine."""

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if bool(self.work_unit) == self.is_site:
            raise ValueError("give either work_unit, or is_site: true")
        if self.modulo is not None and self.reads != "register":
            raise ValueError("modulo goes with reads: register")
        return self


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class MeterSource(Mapped):
    """A folder of load profiles."""

    kind: Literal["meters"] = "meters"
    name: str
    folder: Path
    pattern: str = "*.csv"
    """Files that are load profiles, as in a shell."""
    time: Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)]
    """Column of the time, or date and time of day."""
    time_format: str = ""
    """Form of the time, as for strptime: "%d.%m.%Y %H:%M"; empty: ISO 8601."""
    stamps: Literal["end", "start"] = "end"
    """Whether a row is stamped with the end or the start of its interval."""
    interval: Annotated[Minutes, Field(gt=0, le=1440)] = 15.0
    """Length of an interval [min]."""
    separator: Literal[",", ";", "\t", "|"] = ","
    decimal: Literal[".", ","] = "."
    encoding: Literal["utf-8", "cp1252"] = "utf-8"
    header_line: Annotated[int, Field(ge=1, le=100)] = 1
    """Line with the names of the columns; lines before it are not read."""
    meters: dict[str, MeterColumn] = Field(min_length=1)
    """Meters by the names of their columns."""
    every: Annotated[Minutes, Field(gt=0)] = 1.0
    """How often the folder is looked through [min]."""

    @model_validator(mode="after")
    def _decimals_are_not_separators(self) -> Self:
        if self.separator == self.decimal:
            raise ValueError("decimal and separator are the same sign")
        return self

    def run(self, intake: Intake, keyring: Keyring) -> None:
        """Read until told to stop; see :class:`~twin.ingest.signature.Source`."""
        reader = _Reader(self, intake, keyring.folder / self.folder)
        try:
            while True:
                reader.look()
                if intake.wait(60 * self.every):
                    return
        except Stopped:
            return

    def check(self, keyring: Keyring) -> Iterable[str]:
        """What is in the folder, and whether its files have the columns."""
        folder = keyring.folder / self.folder
        try:
            files, refused = files_in(folder, self.pattern)
        except OSError as error:
            fault = Fault("folder", f"{folder}: {error.strerror}", "check the path and its rights")
            raise InputError(self.name, [fault]) from None
        faults = []
        for file in files:
            try:
                _Rows.of(self, read_on(file.path, Place(), AT_ONCE).lines)
            except Unreadable as error:
                faults.append(Fault(shown(file.name), str(error)))
        if faults:
            raise InputError(self.name, faults)
        return [f"{len(files)} files {self.pattern} in {folder}", *map(str, refused.values())]


@dataclass(frozen=True)
class _Rows:
    """How the lines of one file are read, from its header."""

    header: list[str]
    times: list[int]
    meters: dict[str, int]

    @staticmethod
    def of(source: MeterSource, lines: list[bytes]) -> _Rows:
        """From the first lines of a file; Unreadable where a column is missing."""
        if len(lines) < source.header_line:
            raise Unreadable(f"there is no line {source.header_line} with the names of columns")
        text = _decoded(lines[source.header_line - 1], source).removeprefix("\ufeff")
        return _Rows.of_header(source, [name.strip() for name in _cells(text, source)])

    @staticmethod
    def of_header(source: MeterSource, header: list[str]) -> _Rows:
        wanted = [*source.time, *source.meters]
        missing = [name for name in wanted if header.count(name) != 1]
        if missing:
            texts = [
                f'column "{name}" stands twice' if name in header
                else f'no column "{name}"; {did_you_mean(name, header)}'
                for name in missing
            ]  # fmt: skip
            raise Unreadable("; ".join(texts))
        times = [header.index(name) for name in source.time]
        return _Rows(header, times, {name: header.index(name) for name in source.meters})


@dataclass
class _Reader:
    """What is known of the files and meters; lives as long as the run."""

    source: MeterSource
    intake: Intake
    folder: Path
    files: dict[str, dict[str, Any]] = field(init=False)
    """Place, header and last time of each file."""
    counters: dict[str, CounterState] = field(init=False)
    """Registers, by the column of the meter."""
    begun: dict[str, str] = field(init=False)
    """First reading of each register [ISO]."""
    told: dict[str, str] = field(init=False)
    """End of the last interval of each meter [ISO]."""
    _skipped: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Size and time of change of files that cannot be read as they are."""

    def __post_init__(self) -> None:
        saved: Mapping[str, Any] = self.intake.position() or {}
        self.files = dict(saved.get("files", {}))
        self.counters = {n: counter_from_json(s) for n, s in saved.get("counters", {}).items()}
        self.begun = dict(saved.get("begun", {}))
        self.told = dict(saved.get("told", {}))

    def look(self) -> None:
        """Read what is new in the folder."""
        try:
            files, refused = files_in(self.folder, self.source.pattern)
        except OSError as error:
            self.intake.connected(False, f"{self.folder}: {error.strerror}; check the path")
            return
        self.intake.connected(True, f"{len(files)} files")
        for name, why in refused.items():
            self.intake.trouble(shown(name), why)
        there = {file.name for file in files}
        self.files = {name: kept for name, kept in self.files.items() if name in there}
        for file in files:
            self._read(file)

    def _read(self, file: Found) -> None:
        mark = (file.size, file.changed)
        if self._skipped.get(file.name) == mark:
            return
        try:
            while self._read_piece(file):
                if self.intake.is_stopped:
                    raise Stopped
        except Unreadable as error:
            self._skipped[file.name] = mark
            self.intake.trouble(shown(file.name), str(error))

    def _read_piece(self, file: Found) -> bool:
        """Read some lines of a file; whether there are more."""
        kept = self.files.get(file.name, {})
        place = Place.of_json(kept.get("place"))
        if file.is_as(place) and place.offset:
            return False
        piece = read_on(file.path, place, AT_ONCE)
        self._name_unended(file, piece)
        if not piece.lines:
            return False
        lines, first = piece.lines, piece.first_line
        if piece.is_from_start:
            rows, last = _Rows.of(self.source, lines), None
            lines, first = lines[self.source.header_line :], self.source.header_line + 1
        else:
            rows = _Rows.of_header(self.source, kept["header"])
            last = datetime.fromisoformat(kept["last"]) if kept["last"] else None
        messages, last = self._messages(file.name, rows, lines, first, last)
        self.files[file.name] = {
            "place": piece.place.as_json(), "header": rows.header,
            "last": last.isoformat() if last else None,
        }  # fmt: skip
        self.intake.store(messages, self._position())
        self.intake.trouble(shown(file.name), "")
        return piece.has_more

    def _position(self) -> dict[str, Any]:
        counters = {name: counter_to_json(state) for name, state in self.counters.items()}
        known = {"begun": dict(self.begun), "told": dict(self.told)}
        return {"files": dict(self.files), "counters": counters, **known}

    def _name_unended(self, file: Found, piece: Piece) -> None:
        age = timedelta(seconds=datetime.now().timestamp() - file.changed / 1e9)
        if piece.rest and not piece.has_more and age > UNENDED:
            text = "its last line has no line end and is not read; end it"
            self.intake.trouble(f"{shown(file.name)} (end)", text)

    # --- rows ---

    def _messages(
        self, file: str, rows: _Rows, lines: list[bytes], first: int, last: datetime | None
    ) -> tuple[list[Message], datetime | None]:
        """Events of lines, and the time of the last of them."""
        stamps = Stamps(self.source.time_format, self.source.zone)
        found: list[Message] = []
        for number, line in enumerate(lines, first):
            origin = f"{shown(file)}: line {number}"
            if not line.strip():
                continue
            try:
                text = _decoded(line, self.source)
                cells = _cells(text, self.source)
                if len(cells) < len(rows.header):
                    raise NoInstant(f"{len(cells)} values for {len(rows.header)} columns")
                last = stamps.instant(" ".join(cells[k].strip() for k in rows.times), last)
            except (NoInstant, Unreadable) as error:
                raw = line.decode(errors="replace")
                found.append(Message({}, raw, origin, refused=str(error)))
                continue
            for name, column in rows.meters.items():
                found += self._of_meter(name, cells[column].strip(), last, text, origin)
        return found, last

    def _of_meter(
        self, name: str, cell: str, stamp: datetime, line: str, origin: str
    ) -> Iterator[Message]:
        if not cell:
            return  # a gap; named when the next value comes
        meter = self.source.meters[name]
        try:
            value = _number(cell, self.source.decimal)
            if meter.reads == "register":
                quantity = self._register(name, meter, Reading(stamp, value))
            else:
                quantity = self._interval(meter, value)
        except NoInstant as error:
            yield Message({}, line, f"{origin}, {name}", refused=f"{name}: {error}")
            return
        is_shifted = meter.reads != "register" and self.source.stamps == "start"
        end = stamp + timedelta(minutes=self.source.interval) if is_shifted else stamp
        self._name_gap(name, end)
        if quantity is not None:
            values = {"event": "meter", "time": end, "work_unit": meter.work_unit}
            key = f"{name}|{end.isoformat()}"
            yield Message({**values, "quantity": quantity}, line, origin, key)

    def _interval(self, meter: MeterColumn, value: float) -> float:
        """Energy of an interval [kWh]."""
        hours = self.source.interval / 60
        kwh = value * meter.factor * (hours if meter.reads == "power" else 1.0)
        if kwh < 0:
            raise NoInstant(f"{value:g} is below 0; energy fed in belongs into a column of its own")
        if meter.most_kw is not None and kwh > meter.most_kw * hours:
            raise NoInstant(
                f"{kwh:g} kWh is more than {meter.most_kw:g} kW can draw in an interval"
            )
        return round(kwh, 9)

    def _register(self, name: str, meter: MeterColumn, reading: Reading) -> float | None:
        """Energy since the reading before [kWh]; None for the first, and for older ones."""
        rule = CounterRule(meter.factor, meter.modulo, meter.most_kw)
        state = self.counters.get(name, CounterState())
        if state.last is not None and reading.time <= state.last.time:
            self._name_older(name, reading.time)
            return None  # of a file that repeats older rows
        state, count = advance(state, reading, rule)
        self.counters[name] = state
        if count.what == "first":
            self.begun[name] = reading.time.isoformat()
        if count.what in ("jump", "unreadable"):
            raise NoInstant(count.why)
        if count.what == "reset":
            text = f"the register was set back before {reading.time.isoformat()}"
            self.intake.trouble(f"{name} (set back)", text)
        return None if count.what == "first" else count.quantity

    def _name_older(self, name: str, time: datetime) -> None:
        """Say that a register has older rows than the first that was read: they stay uncounted."""
        begun = self.begun.get(name)
        if begun is not None and time < datetime.fromisoformat(begun):
            text = f"rows before {begun} came after it and are not counted; put older files first"
            self.intake.trouble(f"{name} (older)", text, 1)

    def _name_gap(self, name: str, end: datetime) -> None:
        """Say which intervals a meter lacks; a register tells their energy all the same."""
        before = self.told.get(name)
        if before is not None:
            past = datetime.fromisoformat(before)
            if end <= past:
                return
            gap = (end - past) / timedelta(minutes=self.source.interval) - 1
            if gap > 0.5:
                is_whole = self.source.meters[name].reads == "register"
                what = "the register tells their sum" if is_whole else "their energy is not known"
                text = f"{gap:.0f} intervals missing before {end.isoformat()}; {what}"
                self.intake.trouble(f"{name} (gap)", text, 0 if is_whole else round(gap))
        self.told[name] = end.isoformat()


def _decoded(line: bytes, source: MeterSource) -> str:
    try:
        return line.decode(source.encoding)
    except UnicodeDecodeError:
        raise Unreadable(f"a line is not {source.encoding}; set encoding") from None


def _cells(line: str, source: MeterSource) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=source.separator, strict=True))
    except csv.Error as error:
        raise Unreadable(f"it is not CSV: {error}") from None


_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,2})?", re.IGNORECASE)


def _number(cell: str, decimal: str) -> float:
    plain = cell.replace(",", ".") if decimal == "," and "." not in cell else cell
    if not _NUMBER.fullmatch(plain):
        hint = f'decimal "{decimal}", no thousands signs'
        raise NoInstant(f'"{cell[:60]}" is no number ({hint})')
    return float(plain)
