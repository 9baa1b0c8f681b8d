"""A folder that another system puts files into, walked through again and again.

What is kept as the position is, for each file there, how far it was read. A file that is renamed
is read once more; its events are duplicates by their key. A folder in which thousands of files
stay makes the position long: let such files be moved (``after: move``).
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from pydantic import BeforeValidator, Field

from twin.errors import Fault, InputError
from twin.ingest.following import Found, Place, Unreadable, files_in, shown
from twin.ingest.mapping import Mapped
from twin.ingest.signature import Intake, Message, Waits
from twin.secrets import Keyring

DONE, REFUSED = "done", "refused"
NAMED = 3
"""Files named in a message; the rest are counted."""
LONGEST_RAW = 2000
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""What a file system without hard links answers."""


class Blocked(Exception):
    """A file cannot be read as it stands, and no later line will mend that; it says why."""

    def __init__(self, why: str, raw: str = "", line: int = 1) -> None:
        super().__init__(why)
        self.raw, self.line = raw[:LONGEST_RAW], line


class Unfinished(Blocked):
    """A file seems to be still written. Once nothing has come for a while, this is what is wrong.

    ``place`` is how far it has been read.
    """

    def __init__(self, why: str, raw: str = "", line: int = 1, place: Place | None = None) -> None:
        super().__init__(why, raw, line)
        self.place = place


@dataclass(frozen=True, slots=True)
class Part:
    """Messages of a file, and the place after them; None within what has to be read in one go."""

    messages: list[Message]
    place: Place | None


class Reads(Protocol):
    """How one kind of file is read from a place on."""

    def __call__(self, found: Found, place: Place) -> Iterator[Part]:
        """Parts up to the end of what is there.

        Raises
        ------
        Unreadable, Unfinished, Blocked
            It cannot be opened now; it is not complete; it is not what is expected.
        """


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class FolderSettings(Mapped):
    """What all sources that read a folder share."""

    name: str
    folder: Path
    """Folder the files are put into; its subfolders are not entered."""
    after: Literal["keep", "move"] = "keep"
    """Whether files stay where they are, or are moved into the subfolders ``done`` and ``refused``
    once they are read and nothing has been written to them for ``settled_s``."""
    every_s: float = Field(default=5.0, gt=0, le=86_400)
    """How often the folder is looked through [s]."""
    settled_s: float = Field(default=60.0, gt=0)
    """A file to which nothing was written for so long is taken for finished [s]."""
    batch: int = Field(default=5000, ge=1, le=100_000)
    """Events stored at once."""

    def check(self, keyring: Keyring) -> Iterable[str]:
        """Say what the folder holds.

        Raises
        ------
        InputError
            When it cannot be listed.
        """
        folder = keyring.folder / self.folder
        try:
            found, odd = files_in(folder)
        except OSError as error:
            fault = Fault("folder", f"{folder}: {error.strerror}", "check the path and its rights")
            raise InputError(f"source {self.name}", [fault]) from None
        yield f"{folder}: {len(found)} files" + (f", {len(odd)} left alone" if odd else "")


Patterns = Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)]


@dataclass
class Walk:
    """Walks through the folder until the supervisor stops."""

    settings: FolderSettings
    patterns: Sequence[str]
    read: Reads
    intake: Intake
    folder: Path
    places: dict[str, Place] = field(default_factory=dict)
    """How far each file is read. One that was given up is noted as read to its size."""
    refused: set[str] = field(default_factory=set)
    _seen: dict[str, tuple[int, int, float]] = field(default_factory=dict)
    """Size, time of writing, and since when they are so [s], of files that are not settled."""
    _messages: list[Message] = field(default_factory=list)
    _stored: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(
        settings: FolderSettings, patterns: Sequence[str], read: Reads, intake: Intake, key: Keyring
    ) -> Walk:
        """Goes on where an earlier run ended."""
        folder = key.folder / settings.folder
        position = intake.position() or {}
        files = position.get("files", {}) if position.get("folder") == str(folder) else {}
        places = {name: Place.of_json(place) for name, place in files.items()}
        refused = set(position.get("refused", ())) & set(places)
        return Walk(settings, patterns, read, intake, folder, places, refused)

    def run(self) -> None:
        waits = Waits()
        while not self.intake.is_stopped:
            try:
                found, odd = files_in(self.folder, *self.patterns)
            except OSError as error:
                why = f"folder {self.folder} cannot be listed: {error.strerror}"
                self.intake.connected(False, why)
                self.intake.wait(next(waits))
                continue
            self.intake.connected(True)
            waits.reset()
            self.once(found, odd)
            self.intake.wait(self.settings.every_s)

    def once(self, found: Sequence[Found], odd: dict[str, str]) -> None:
        """Read what is new in these files, oldest first."""
        there = {file.name for file in found}
        self.places = {name: place for name, place in self.places.items() if name in there}
        self._seen = {name: seen for name, seen in self._seen.items() if name in there}
        self.refused &= there
        odd = dict(odd)
        for file in found:
            if self.intake.is_stopped:
                break
            try:
                self._read_on(file)
            except Unreadable as error:
                odd[file.name] = str(error)
        self._store()
        if self.settings.after == "move":
            odd |= self._move(found)
        self._tell(odd)

    def _read_on(self, file: Found) -> None:
        place = self.places.get(file.name, Place())
        is_given_up = file.name in self.refused
        if file.is_as(place) and (is_given_up or place.offset >= place.size):
            return
        self.refused.discard(file.name)
        try:
            for part in self.read(file, place):
                self._take(file, part)
                if self.intake.is_stopped:
                    return
        except Unfinished as error:
            if error.place:
                self.places[file.name] = replace(error.place, size=-1)  # look again
            if self._is_settled(file):
                self._hold(file, error)
        except Blocked as error:
            self._hold(file, error)

    def _take(self, file: Found, part: Part) -> None:
        self._messages += part.messages
        while len(self._messages) > self.settings.batch:
            batch = self._messages[: self.settings.batch]
            self.intake.store(batch, self.position)
            self._messages = self._messages[self.settings.batch :]
        if part.place:
            self.places[file.name] = part.place

    def _hold(self, file: Found, error: Blocked) -> None:
        """One message for the whole file; it is looked at again when it is written to."""
        origin = f"{shown(file.name)}:{error.line}"
        self._messages.append(Message({}, error.raw, origin, refused=str(error)))
        place = self.places.get(file.name, Place())
        read = place if isinstance(error, Unfinished) and error.place else Place()
        self.places[file.name] = replace(read, size=file.size, changed=file.changed)
        self.refused.add(file.name)

    def _store(self) -> None:
        position = self.position
        if self._messages or position != self._stored:
            self.intake.store(self._messages, position)
            self._messages, self._stored = [], position

    @property
    def position(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "files": {name: place.as_json() for name, place in self.places.items()},
            "refused": sorted(self.refused),
        }

    def _is_settled(self, file: Found) -> bool:
        """Whether nothing has been written to the file for long, by the clock of this machine."""
        now = time.monotonic()
        seen = self._seen.get(file.name)
        if seen is None or seen[:2] != (file.size, file.changed):
            seen = self._seen[file.name] = (file.size, file.changed, now)
        return now - seen[2] >= self.settings.settled_s

    def _tell(self, odd: dict[str, str]) -> None:
        named = [f"{shown(name)} ({why})" for name, why in sorted(odd.items())[:NAMED]]
        more = f" and {len(odd) - NAMED} more" if len(odd) > NAMED else ""
        text = f"left alone: {', '.join(named)}{more}" if odd else ""
        self.intake.trouble(f"folder {self.folder}", text)

    def _move(self, found: Sequence[Found]) -> dict[str, str]:
        """Move files that are read to their end and no longer written to; why some were not."""
        faults: dict[str, str] = {}
        for file in found:
            place = self.places.get(file.name)
            is_given_up = file.name in self.refused
            if place is None or not file.is_as(place):
                continue
            if not (is_given_up or place.offset >= file.size) or not self._is_settled(file):
                continue
            try:
                if os.stat(file.path).st_size == file.size:
                    move_into(file.path, self.folder / (REFUSED if is_given_up else DONE))
                    self._seen.pop(file.name, None)
            except OSError as error:
                faults[file.name] = f"cannot be moved: {error.strerror}; check the folder's rights"
        return faults


def move_into(path: Path, folder: Path) -> Path:
    """Move a file into a folder; one that is there under the same name keeps it."""
    if folder.is_symlink():
        raise OSError(errno.ELOOP, f"{folder.name} is a link")
    folder.mkdir(exist_ok=True)
    number = 1
    while True:
        name = path.name if number == 1 else f"{path.stem}-{number}{path.suffix}"
        target = folder / name
        try:
            os.link(path, target, follow_symlinks=False)
        except FileExistsError:
            number += 1
            continue
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if target.exists():
                number += 1
                continue
            os.rename(path, target)
            return target
        os.unlink(path)
        return target
