"""What a schedule says about one work unit, read once for both engines."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from twin.model.schedule import Segment
from twin.simulation.clock import GRACE, OpenTicks, to_tick

Span = tuple[int, int]
"""Start and end [tick]."""


@dataclass(eq=False)
class Item:
    """One operation of one order in the plan of a work unit."""

    order: str
    operation: int
    start: int
    """Planned start of its setup, or of its work without one [tick]."""
    work_start: int
    """Not worked before [tick]: its start, or its planned work where idle time parts the two."""
    has_setup: bool
    is_followed: bool
    """Whether the plan keeps the unit on when the item ends."""
    is_set_up: bool = False
    is_begun: bool = False


class UnitPlan:
    """The segments of one work unit in ticks, and the operations they plan."""

    def __init__(
        self, segments: tuple[Segment, ...], operations: Mapping[str, int], calendar: OpenTicks
    ) -> None:
        self._operations = operations
        self._calendar = calendar
        self.spans = [(to_tick(s.start), to_tick(s.end), s) for s in segments]
        self._starts = [start for start, _, _ in self.spans]
        self.edges = sorted({t for start, end, _ in self.spans for t in (start, end)})
        """Instants at which a segment starts or ends."""
        self.items = self._items()
        """In the order they start."""

    def segment_at(self, now: int) -> Segment | None:
        """The segment that covers an instant."""
        i = bisect_right(self._starts, now) - 1
        return self.spans[i][2] if i >= 0 and now < self.spans[i][1] else None

    def follower(self, end: int) -> Segment | None:
        """The segment that begins where another ends; None when the plan has the unit off then."""
        i = bisect_left(self._starts, end - GRACE)
        near = i < len(self._starts) and self._starts[i] <= end + GRACE
        return self.spans[i][2] if near else None

    def _stays_on(self, end: int) -> bool:
        """Whether the plan keeps the unit on after a segment, or after the tasks right behind."""
        follower = self.follower(end)
        while follower is not None and follower.kind == "maintenance":
            follower = self.follower(to_tick(follower.end))
            if follower is not None and follower.kind == "startup":
                return False
        return follower is not None

    def _items(self) -> list[Item]:
        """Setup and work segments put together by operation."""
        setups: dict[tuple[str, int], list[Span]] = {}
        works: dict[tuple[str, int], list[Span]] = {}
        for start, end, segment in self.spans:
            if segment.kind in ("setup", "work"):
                group = setups if segment.kind == "setup" else works
                key = segment.order, self._operations[segment.operation]
                group.setdefault(key, []).append((start, end))
        items = [self._item(*key, spans, setups.get(key, [])) for key, spans in works.items()]
        return sorted(items, key=lambda item: item.start)

    def _item(self, order: str, operation: int, works: list[Span], setups: list[Span]) -> Item:
        begin = min(start for start, _ in works)
        start = min([begin, *(first for first, _ in setups)])
        is_parted = bool(setups) and self._idles_between(setups[-1][1], begin)
        is_followed = self._stays_on(max(end for _, end in works))
        work_start = begin if is_parted else start
        return Item(order, operation, start, work_start, bool(setups), is_followed)

    def _idles_between(self, setup_end: int, work_start: int) -> bool:
        """Whether the plan idles, in open time, between a setup and its work."""
        return work_start > self._calendar.opening(setup_end) + GRACE
