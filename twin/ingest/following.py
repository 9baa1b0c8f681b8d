"""Follow the files of a folder that another system writes to: whole lines, and nothing overlooked.

A file that grows is read on from where the last look ended, and only up to its last line end: what
follows may be half of a line. A file that is no longer what it was (shortened, or replaced under
the same name) is read again from its beginning; the events it repeats are duplicates by their key.
That is seen by a hash of the part read before, whole up to :data:`HASHED`; of a longer part its
first and last half of that many bytes.

Names come from outside: only ordinary files of the folder itself are opened. A link that leads out
of it, a device or a pipe is named and left alone.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

HASHED = 64 << 20
"""Bytes of the part read before that are compared when a file has changed."""
AT_ONCE = 4 << 20
"""Bytes read at once, and the longest line."""
_BLOCK = 1 << 20


class Unreadable(Exception):
    """A file cannot be read as it stands; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file has been read, and what it looked like then."""

    offset: int = 0
    """Bytes."""
    line: int = 0
    """Lines before it."""
    hash: str = ""
    """Of the bytes before it."""
    size: int = -1
    """Of the whole file at the last look [bytes]."""
    changed: int = 0
    """When the file was last written to, as the file system says [ns]."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def of_json(found: Mapping[str, Any] | None) -> Place:
        return Place(**found) if found else Place()


@dataclass(frozen=True, slots=True)
class Piece:
    """What one look at a file gave."""

    lines: list[bytes]
    """Whole lines without their ends."""
    first_line: int
    """Number of the first of them, counted from 1."""
    place: Place
    """Where to go on."""
    is_from_start: bool
    """Whether they begin the file: because it is new, or because it was replaced."""
    rest: int
    """Bytes not handed out: more lines, or the part of a line that has no end yet."""

    @property
    def has_more(self) -> bool:
        """Whether the next look gives lines at once."""
        return self.rest > 0 and bool(self.lines) and self.place.size > self.place.offset


@dataclass(frozen=True, slots=True)
class Found:
    """One file of a folder."""

    name: str
    path: Path
    size: int
    changed: int
    """When it was last written to [ns]."""

    def is_as(self, place: Place) -> bool:
        """Whether nothing was written to it since the look that gave this place."""
        return (self.size, self.changed) == (place.size, place.changed)


def files_in(folder: Path, *patterns: str) -> tuple[list[Found], dict[str, str]]:
    """Ordinary files of a folder that fit a pattern, oldest first; and why others are left alone.

    Subfolders are not entered, and names that begin with a point are not looked at: other
    programs write under them before they rename.

    Raises
    ------
    OSError
        When the folder cannot be listed.
    """
    real = folder.resolve()
    found, refused = [], {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or not _fits(entry.name, patterns):
                continue
            try:
                entry.name.encode()
                _check_ordinary(entry, real)
                facts = entry.stat()
            except FileNotFoundError:
                continue  # gone since it was listed
            except IsADirectoryError:
                continue
            except UnicodeEncodeError:
                refused[entry.name] = "its name is not UTF-8; rename it"
            except Unreadable as error:
                refused[entry.name] = str(error)
            except OSError as error:
                refused[entry.name] = f"cannot be looked at: {error.strerror}; check its rights"
            else:
                path = folder / entry.name
                found.append(Found(entry.name, path, facts.st_size, facts.st_mtime_ns))
    found.sort(key=lambda file: (file.changed, file.name))
    return found, refused


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _check_ordinary(entry: os.DirEntry[str], folder: Path) -> None:
    if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(folder):
        raise Unreadable("it is a link that leads out of the folder; put the file itself there")
    mode = entry.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError
    if not stat.S_ISREG(mode):
        raise Unreadable("it is a device or a pipe; an ordinary file is expected")


def open_file(path: Path) -> BinaryIO:
    """Open an ordinary file for reading; a pipe put in its place does not block.

    Raises
    ------
    Unreadable
        When it is gone, may not be read, or is no ordinary file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}; check its rights") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unreadable("it is not an ordinary file")
    return os.fdopen(descriptor, "rb")


def read_on(path: Path, place: Place, at_once: int = AT_ONCE) -> Piece:
    """The whole lines of a file after a place, at most about ``at_once`` bytes of them.

    Raises
    ------
    Unreadable
        When the file cannot be opened, or a line is longer than ``at_once``.
    """
    with open_file(path) as file:
        facts = os.fstat(file.fileno())
        is_same = place.offset > 0 and _is_continued(file, place, facts.st_size)
        start = place if is_same else Place()
        file.seek(start.offset)
        block = file.read(at_once)
        end = block.rfind(b"\n") + 1
        if not end and len(block) == at_once:
            found = f"line {start.line + 1} has no end within {at_once >> 20} MiB"
            raise Unreadable(f"{found}; a text file with line ends is expected")
        lines = block[:end].splitlines() if b"\r" not in block else _lines_of(block[:end])
        offset = start.offset + end
        there = Place(
            offset,
            start.line + len(lines),
            fingerprint(file, offset) if end else start.hash,
            facts.st_size,
            facts.st_mtime_ns,
        )
    rest = max(0, facts.st_size - offset)  # it may have grown since it was looked at
    return Piece(lines, start.line + 1, there, not start.offset, rest)


def _lines_of(block: bytes) -> list[bytes]:
    """Lines ended by LF or CR LF; a lone CR is part of a line."""
    return [line.removesuffix(b"\r") for line in block.split(b"\n")[:-1]]


def read_first_line(path: Path) -> bytes | None:
    """The first line without its end; None while it has no end."""
    with open_file(path) as file:
        line = file.readline(AT_ONCE)
    return line.rstrip(b"\r\n") if line.endswith(b"\n") else None


def _is_continued(file: BinaryIO, place: Place, size: int) -> bool:
    return size >= place.offset and fingerprint(file, place.offset) == place.hash


def fingerprint(file: BinaryIO, end: int) -> str:
    """Hash of the bytes before ``end``; of a long part, of its first and last bytes."""
    digest = hashlib.blake2b(digest_size=16)
    ends = [(0, end)] if end <= HASHED else [(0, HASHED // 2), (end - HASHED // 2, end)]
    for start, stop in ends:
        for block in _blocks(file, start, stop):
            digest.update(block)
    return digest.hexdigest()


def _blocks(file: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    file.seek(start)
    left = stop - start
    while left > 0 and (block := file.read(min(left, _BLOCK))):
        left -= len(block)
        yield block


def shown(name: str) -> str:
    """A file name as one printable line, whatever it holds."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name
    )
