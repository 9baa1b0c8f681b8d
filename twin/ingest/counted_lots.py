"""Reports of pieces made from counters: what ran, from when to when, and how many came out.

A counter says that a piece is done, an event log says that a *lot* starts and ends. So the pieces
of one work unit and one order are gathered into reports, each a lot of its own with a ``start`` and
an ``end``:

- A report opens when the order is called up at the unit (or with the first piece, where no order
  is), and the next opens where the last has closed.
- It closes with its last piece: when the order, operation or product changes, or when it has been
  open for ``report_every``. So pieces and time of a report belong together exactly, and a sum over
  reports is a sum over pieces.
- Where the plant names its lots, a report is a lot of the plant: it closes when the lot changes.
- What was counted while the connection was away is a report of its own, whose ``reason`` says so.

A start is told once it is settled: an operator who pages through the orders at the panel, or a
controller that writes order and product one after the other, makes no lots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Row = dict[str, Any]
"""Columns of one event."""
WORK = ("order", "operation", "product", "lot")
"""What closes a report when it changes."""
SETTLED = timedelta(seconds=5)


@dataclass
class CountedLots:
    """The report that is open at one work unit."""

    unit: str
    report_every: timedelta | None
    """None: until the order or lot changes."""
    has_orders: bool
    """Whether a signal names the order; then a unit without one has nothing to report."""
    work: dict[str, str] = field(default_factory=dict)
    """The order, operation, product, lot and material at the unit."""
    since: datetime | None = None
    """When the report opened."""
    is_told: bool = False
    """Whether its start is in the log."""
    last: datetime | None = None
    """The last piece."""
    pieces: dict[str, float] = field(default_factory=dict)
    """Good and scrap since it opened."""
    name: str = ""
    """Lot of the report told last."""

    def change(self, what: str, value: str, at: datetime) -> list[Row]:
        """Another order, operation, product, lot or material is at the unit."""
        if self.work.get(what, "") == value:
            return []
        rows = self._close(at) if what in WORK and (self.is_told or self.pieces) else []
        self.work[what] = value
        if what in WORK:
            self.since = max(at, self.last or at) if self._has_work else None
        return rows

    def begin(self, at: datetime) -> None:
        """A counter was read for the first time: nothing before can be reported."""
        if not self.is_told and self._has_work:
            self.since = max(at, self.since or at)

    def count(
        self, what: str, quantity: float, since: datetime, at: datetime, away: str = ""
    ) -> list[Row]:
        """Pieces counted between two readings; ``away`` is the reason of a report of their own."""
        self.since = self.since or max(since, self.last or since)
        rows = self._close(at, "") if away and self.pieces else []
        rows += self._tell()
        self.pieces[what] = self.pieces.get(what, 0.0) + quantity
        self.last = max(at, self.last or at, self.since)
        if away or self._is_due(self.last):
            rows += self._close(at, away)
        return rows

    def tick(self, now: datetime) -> list[Row]:
        """What has to be told because time has passed."""
        rows = self._close(now) if self.pieces and self._is_due(now) else []
        if self.since and now - self.since >= SETTLED:
            rows += self._tell()
        return rows

    @property
    def _has_work(self) -> bool:
        return bool(self.work.get("order")) or not self.has_orders

    def _is_due(self, now: datetime) -> bool:
        if self.report_every is None or self.work.get("lot") or self.since is None:
            return False
        return now - self.since >= self.report_every

    def _tell(self) -> list[Row]:
        if self.is_told or self.since is None:
            return []
        self.is_told, self.name = True, self._next_name(self.since)
        return [self._row("start", self.since, material=self.work.get("material", ""))]

    def _close(self, at: datetime, reason: str = "") -> list[Row]:
        rows = self._tell()
        end = self.last if self.pieces and self.last else max(at, self.since or at)
        good, scrap = self.pieces.get("good", 0.0), self.pieces.get("scrap", 0.0)
        rows.append(self._row("end", end, quantity=good, scrap=scrap, reason=reason))
        self.pieces, self.is_told = {}, False
        self.since = end if self._has_work else None
        return rows

    def _next_name(self, since: datetime) -> str:
        if lot := self.work.get("lot"):
            return lot
        name = f"{self.unit}@{since:%Y%m%dT%H%M%S.%f}"
        while name == self.name:
            name += "+"  # a report without any duration
        return name

    def _row(self, event: str, time: datetime, **more: Any) -> Row:
        work = {name: self.work.get(name, "") for name in ("order", "operation", "product")}
        return {"event": event, "time": time, "lot": self.name, **work, **more}

    def to_json(self) -> dict[str, Any]:
        """What has to be remembered, for the position of a source."""
        found: dict[str, Any] = {"work": dict(self.work), "pieces": dict(self.pieces)}
        found |= {"name": self.name, "is_told": self.is_told}
        for name, instant in (("since", self.since), ("last", self.last)):
            found[name] = instant.isoformat() if instant else None
        return found

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on with what :meth:`to_json` wrote."""
        self.work, self.pieces = dict(saved["work"]), dict(saved["pieces"])
        self.name, self.is_told = saved["name"], saved["is_told"]
        self.since, self.last = (
            datetime.fromisoformat(saved[name]) if saved[name] else None
            for name in ("since", "last")
        )  # fmt: skip
