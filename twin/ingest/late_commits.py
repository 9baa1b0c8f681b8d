"""Where to begin reading a growing table, so that rows committed late are not overlooked.

A row gets its number (or its time) when it is written, but is seen by others only when its
transaction ends. While that transaction is open, rows with higher numbers are read; who then asks
for ``id > last`` never sees it. Two things guard against that:

* every pass begins an ``overlap`` before the highest value read;
* PostgreSQL tells any account, without special rights, which transactions are open. A
  :class:`Look` is taken before each pass. Everything written by transactions below ``finished``
  has been read. When the oldest open one ends, a pass begins at the highest value that was
  visible before it (and all later ones) first wrote: nothing of them can lie below.

The overlap still has work to do there: between taking a number and first writing lies a moment,
and some programs take numbers in advance.

Values are whole numbers or times; None stands for the beginning of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

Value = int | datetime
Overlap = int | timedelta
Mark = tuple[int, Value | None]
"""(c, v): rows of transactions from number c on that were not seen yet have values above v."""
Marks = tuple[Mark, ...]
KEPT_MARKS = 64
REUSED = 256
"""A server that crashed may give the last transaction numbers, which left no trace, once more."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one snapshot of the server shows before rows are read."""

    oldest: int
    """Number of the oldest open transaction (xmin); all below it have ended."""
    coming: int
    """Number of the next transaction that will begin to write (xmax)."""
    highest: Value | None
    """Highest value visible."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One way through the table from a value upwards, under way."""

    at: Value | None
    look: Look | None
    is_full: bool
    """Whether it begins low enough for everything that has ended before ``look``."""

    @property
    def mark(self) -> Mark | None:
        """After a look, for what is still to be read then; see :data:`Mark`."""
        if self.look is None:
            return None
        is_quiet = self.is_full and self.look.oldest == self.look.coming
        return (0 if is_quiet else self.look.coming, self.look.highest)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a table has been read; what is kept as the source's position."""

    last: Value | None = None
    """Highest value read."""
    finished: int | None = None
    """All rows of transactions below this number have been read."""
    marks: Marks = ()
    """Marks of earlier passes, in order."""
    under_way: Pass | None = None

    def begin(self, look: Look | None, overlap: Overlap, *, must_be_full: bool = False) -> Progress:
        """A pass from where it has to begin; one that was interrupted goes on."""
        if self.under_way:
            return self
        usual = less(self.last, overlap)
        if look is None:
            return replace(self, under_way=Pass(usual, None, False))
        if self.finished is None or look.coming < self.finished - REUSED:
            # Transactions count upwards for ever: in the second case it is another server, or an
            # old copy of it.
            return Progress(last=self.last, under_way=Pass(None, look, True))
        if not (must_be_full or self._is_due(look, self.finished)):
            return replace(self, under_way=Pass(usual, look, False))
        lowest = less(self._visible_before(self.finished), overlap)
        return replace(self, under_way=Pass(_lower(usual, lowest), look, True))

    def _is_due(self, look: Look, finished: int) -> bool:
        """Whether open transactions have ended since, and no whole table is read in vain."""
        if look.oldest <= finished:
            return False
        is_quiet = look.oldest == look.coming
        is_past = bool(self.marks) and look.oldest >= self.marks[0][0] + REUSED
        return is_quiet or is_past or bool(_before(self.marks, finished))

    def _visible_before(self, transaction: int) -> Value | None:
        """A value that all rows still to come of this transaction and later ones lie above."""
        before = _before(self.marks, transaction)
        return before[-1][1] if before else None

    def reconnected(self) -> Progress:
        """On a new connection: the server may have crashed, and given numbers a second time."""
        finished = None if self.finished is None else self.finished - REUSED
        under_way = self.under_way
        if under_way and under_way.look:
            oldest = under_way.look.oldest - REUSED
            under_way = replace(under_way, look=replace(under_way.look, oldest=oldest))
        return replace(self, finished=finished, under_way=under_way)

    def read_to(self, value: Value) -> Progress:
        """After a batch that ended with this value."""
        assert self.under_way is not None
        return replace(
            self, last=_higher(self.last, value), under_way=replace(self.under_way, at=value)
        )

    def end(self) -> Progress:
        """After the pass has reached the end of the table."""
        done = self.under_way
        assert done is not None
        if done.look is None or done.mark is None:
            return replace(self, under_way=None)
        finished = done.look.oldest if done.is_full else self.finished
        return Progress(self.last, finished, _needed(self.marks, done.mark, finished))

    def without_pass(self) -> Progress:
        """The same before the pass that is under way."""
        return replace(self, under_way=None)

    def as_json(self) -> dict[str, Any]:
        plain: dict[str, Any] = {
            "last": _plain(self.last),
            "finished": self.finished,
            "marks": [[coming, _plain(highest)] for coming, highest in self.marks],
        }
        if self.under_way:
            look = self.under_way.look
            plain["at"] = _plain(self.under_way.at)
            plain["is_full"] = self.under_way.is_full
            plain["look"] = look and [look.oldest, look.coming, _plain(look.highest)]
        return plain

    @staticmethod
    def of_json(found: Mapping[str, Any] | None) -> Progress:
        if not found:
            return Progress()
        marks = tuple((coming, _value(highest)) for coming, highest in found["marks"])
        under_way = None
        if "at" in found:
            under_way = Pass(_value(found["at"]), _look(found["look"]), found["is_full"])
        return Progress(_value(found["last"]), found["finished"], marks, under_way)


def _look(found: Any) -> Look | None:
    return Look(found[0], found[1], _value(found[2])) if found else None


def _before(marks: Marks, transaction: int) -> Marks:
    return tuple(mark for mark in marks if mark[0] <= max(0, transaction - REUSED))


def _needed(marks: Marks, new: Mark, finished: int | None) -> Marks:
    """The marks that may still be asked for; every second one where they are many, which makes a
    pass begin lower, never too high."""
    if not marks or marks[-1][1] != new[1] or new[0] < marks[-1][0]:
        marks = (*marks, new)
    past = _before(marks, finished - REUSED) if finished is not None else ()
    if past:
        marks = marks[marks.index(past[-1]) :]
    return marks if len(marks) <= KEPT_MARKS else (*marks[:-1:2], marks[-1])


def less(value: Value | None, overlap: Overlap) -> Value | None:
    """A value lowered by the overlap."""
    return None if value is None else cast(Value, value - overlap)  # type: ignore[operator]


def _lower(one: Value | None, other: Value | None) -> Value | None:
    return _chosen(min, one, other) if one is not None and other is not None else None


def _higher(one: Value | None, other: Value | None) -> Value | None:
    if one is None or other is None:
        return other if one is None else one
    return _chosen(max, one, other)


def _chosen(choose: Callable[..., Value], one: Value, other: Value) -> Value:
    return choose(one, other)


def _plain(value: Value | None) -> int | str | None:
    return value.isoformat() if isinstance(value, datetime) else value


def _value(found: int | str | None) -> Value | None:
    return datetime.fromisoformat(found) if isinstance(found, str) else found
