"""CSV and Parquet files that another system drops into a folder, one row an event.

::

    - kind: drop_folder
      name: mes-export
      folder: drop
      pattern: ["*.csv", "*.parquet"]
      separator: ";"                  # these are never guessed
      decimal: ","
      encoding: cp1252
      fields: {time: Zeit, work_unit: Maschine, event: {value: end}, quantity: Gut}
      key: [Nr]
      timezone: Europe/Berlin
      after: move

The first line names the columns; each line after it is one row (a text in quotes does not go over
a line end). A growing CSV file is read up to its last whole line. A row that cannot be read is held
with its file and line, the others are taken. A file that is not what the configuration says
(another separator, a column missing, another encoding in its first line) is one held message, not
one for each of its lines. A last line without an end is held once the file has settled: it may be
cut off.

A Parquet file is read once it is whole. Files are never written to; with ``after: move`` the
account needs the right to write in the folder, else reading it is enough.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from twin.errors import did_you_mean
from twin.ingest.folder_walk import Blocked, FolderSettings, Part, Patterns, Unfinished, Walk
from twin.ingest.following import (
    Found,
    Place,
    open_file,
    read_first_line,
    read_on,
    shown,
)
from twin.ingest.mapping import NUMBER_COLUMNS, Mapped
from twin.ingest.signature import Intake, Message
from twin.ingest.sql_reading import as_raw, plain
from twin.secrets import Keyring

SEPARATORS = (",", ";", "\t", "|")
_NEEDED = ("time", "event")
"""Columns without which no row is an event."""
_COMMA_NUMBER = re.compile(r"\s*[-+]?\d+(,\d+)?\s*")


def _reads_bytes_as_ascii(name: str) -> str:
    try:
        codecs.lookup(name)
        if "\n;A".encode(name) != b"\n;A":
            raise ValueError(f"line ends cannot be found in {name}; export as UTF-8")
    except LookupError:
        raise ValueError("no such encoding; utf-8, cp1252 and latin-1 are usual") from None
    return name


class DropFolderSource(FolderSettings):
    """A folder of CSV and Parquet files."""

    kind: Literal["drop_folder"] = "drop_folder"
    pattern: Patterns = Field(default_factory=lambda: ["*.csv", "*.parquet"])
    """Which files are read, as in a shell; names ending in .parquet are Parquet, all others CSV."""
    separator: Literal[",", ";", "\t", "|"] = ","
    decimal: Literal[".", ","] = "."
    """Of quantity and scrap, in CSV files."""
    encoding: Annotated[str, AfterValidator(_reads_bytes_as_ascii)] = "utf-8"
    """Of CSV files; a byte order mark does no harm."""

    @model_validator(mode="after")
    def _signs_are_different(self) -> Self:
        if self.separator == self.decimal:
            raise ValueError("separator and decimal are the same sign")
        return self

    def run(self, intake: Intake, keyring: Keyring) -> None:
        """Read what is there and what comes, until the supervisor stops."""
        csv_rows = CsvRows(self)
        parquet_rows = ParquetRows(self, self.batch)

        def read(found: Found, place: Place) -> Iterator[Part]:
            is_parquet = found.name.lower().endswith(".parquet")
            return (parquet_rows if is_parquet else csv_rows)(found, place)

        Walk.of(self, self.pattern, read, intake, keyring).run()


_NO_LINE = "no line has an end yet; a header and rows are expected"


@dataclass(frozen=True)
class CsvRows:
    """Reads the rows of a CSV file that may still grow."""

    settings: DropFolderSource

    def __call__(self, found: Found, place: Place) -> Iterator[Part]:
        """See :class:`twin.ingest.folder_walk.Reads`."""
        header: list[str] = []
        if place.offset:
            first = read_first_line(found.path)
            if first is None:  # it is being written anew at this moment
                raise Unfinished(_NO_LINE)
            header = self._header(first)
        while True:
            piece = read_on(found.path, place)
            if piece.is_from_start:  # also when it was replaced, perhaps a moment ago
                if not piece.lines:
                    raise Unfinished(_NO_LINE)
                header = self._header(piece.lines[0])
            lines = piece.lines[1:] if piece.is_from_start else piece.lines
            number = piece.first_line + piece.is_from_start
            rows = (
                self._message(line, n, header, found.name) for n, line in enumerate(lines, number)
            )
            place = piece.place
            yield Part([message for message in rows if message], place)
            if not piece.has_more:
                break
        if piece.rest:
            why = "the last line has no end and may be cut off; end it, or export the file again"
            raise Unfinished(why, line=place.line + 1, place=place)

    def _header(self, line: bytes) -> list[str]:
        if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in line:
            raise Blocked("the file is UTF-16 or no text; export it as UTF-8")
        text = self._text(line.removeprefix(codecs.BOM_UTF8))
        if text is None:
            raise Blocked(f"the header is not {self.settings.encoding}; check the encoding")
        try:
            header = [name.strip() for name in self._cells(text)]
        except csv.Error as error:
            raise Blocked(f"the header is not valid CSV: {error}", text) from None
        _check_columns(self.settings, header, text, self.settings.separator)
        return header

    def _text(self, line: bytes) -> str | None:
        try:
            return line.decode(self.settings.encoding)
        except UnicodeDecodeError:
            return None

    def _cells(self, text: str) -> list[str]:
        """Cells of one line; a csv.Error where a quote is not closed."""
        reader = csv.reader([text], delimiter=self.settings.separator, strict=True)
        return next(reader, [])

    def _message(
        self, line: bytes, number: int, header: Sequence[str], file: str
    ) -> Message | None:
        """A row, or why it cannot be read; nothing for a blank line."""
        origin = f"{shown(file)}:{number}"
        text = self._text(line)
        if text is None:
            raw = line.decode(self.settings.encoding, "backslashreplace")
            why = f"a character is not {self.settings.encoding}; check the encoding"
            return Message({}, raw, origin, refused=why)
        if not text.strip():
            return None
        try:
            cells = self._cells(text)
            if not any(cell.strip() for cell in cells):
                return None
            if len(cells) != len(header):
                raise ValueError(f"has {len(cells)} fields; {len(header)} are expected")
            values = self._with_points(dict(zip(header, cells, strict=True)))
        except csv.Error as error:
            why = f"not valid CSV: {error}; look for a lone quote mark"
            return Message({}, text, origin, refused=why)
        except ValueError as error:
            return Message({}, text, origin, refused=str(error))
        return Message(values, text, origin)

    def _with_points(self, values: dict[str, str]) -> dict[str, str]:
        """The row with decimal points in the numbers that are read."""
        if self.settings.decimal == ".":
            return values
        for column in NUMBER_COLUMNS:
            name = _field_of(self.settings, column)
            text = values.get(name, "")
            if text.strip():
                if not _COMMA_NUMBER.fullmatch(text):
                    raise ValueError(f'{name} got "{text}"; a number reads 1234,5')
                values[name] = text.strip().replace(",", ".")
        return values


def _field_of(settings: Mapped, column: Any) -> str:
    rule = settings.fields.get(column)
    return rule.from_ if rule else str(column)


def _check_columns(settings: Mapped, header: Sequence[str], text: str, separator: str = "") -> None:
    """Refuse a file that cannot be what the configuration describes."""
    others = [sign for sign in SEPARATORS if separator and sign != separator and sign in text]
    if len(header) == 1 and others:
        sign = {"\t": "tab"}.get(separator, f'"{separator}"')
        found = {"\t": "a tab"}.get(others[0], f'"{others[0]}"')
        raise Blocked(f"the columns are not separated by {sign} but by {found}", text)
    for name in _asked_for(settings):
        if name not in header and name.split(".")[0] not in header:
            close = did_you_mean(name, [column for column in header if column])
            raise Blocked(f'no column "{name}"; {close}', text)
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    if doubled:
        raise Blocked(f"column {', '.join(doubled)} appears twice", text)


def _asked_for(settings: Mapped) -> list[str]:
    """Columns that every file has to have."""
    asked = [name for name in _NEEDED if name not in settings.fields]
    for rule in settings.fields.values():
        asked += [] if rule.default is not None else rule.names
    return asked + settings.key


@dataclass(frozen=True)
class ParquetRows:
    """Reads the rows of a Parquet file, once it is whole."""

    settings: Mapped
    batch: int

    def __call__(self, found: Found, place: Place) -> Iterator[Part]:
        """See :class:`twin.ingest.folder_walk.Reads`."""
        import pyarrow as arrow
        from pyarrow import parquet

        with open_file(found.path) as file:
            try:
                whole = parquet.ParquetFile(file)
            except (arrow.ArrowException, OSError, ValueError):
                raise Unfinished("not a whole Parquet file; copy or export it again") from None
            names = whole.schema_arrow.names
            _check_columns(self.settings, names, ", ".join(names))
            number = 1
            try:
                for batch in whole.iter_batches(batch_size=self.batch):
                    rows = batch.to_pylist()
                    yield Part(list(self._messages(rows, number, found.name)), None)
                    number += len(rows)
            except (arrow.ArrowException, OSError, ValueError) as error:
                why = f"row {number} and later ones cannot be read: {str(error).splitlines()[0]}"
                raise Blocked(f"{why}; export the file again") from None
        yield Part([], Place(found.size, number - 1, "", found.size, found.changed))

    def _messages(
        self, rows: Sequence[dict[str, Any]], number: int, file: str
    ) -> Iterator[Message]:
        for n, row in enumerate(rows, number):
            values = {name: plain(value) for name, value in row.items()}
            yield Message(values, as_raw(values), f"{shown(file)}: row {n}")
