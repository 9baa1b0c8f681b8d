"""Stocks: pieces on hand, demands they owe, and what is on order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from heapq import heappop, heappush

from twin.model.network import Stock as Facts
from twin.model.snapshot import StockSnapshot
from twin.simulation.clock import duration
from twin.simulation.floor import Floor
from twin.simulation.jobs import Job


class Stock:
    """One stock, ordered by its reorder point r and quantity Q on its inventory position.

    The position is on hand + on order − owed; when it falls to r, Q pieces are ordered.
    """

    def __init__(self, floor: Floor, index: int, facts: Facts) -> None:
        self._floor = floor
        self._index = index
        self._facts = facts
        self._lead_times = floor.luck.stream(facts.id, "lead time")
        self._orders = 0
        self._on_order = 0
        self._deliveries: list[int] = []
        self._timer = floor.timer("delivery", index, self._deliver)
        self.blocked: deque[Job] = deque()
        """Finished jobs for whose pieces there is no room, first come first served."""
        self.has_more: Callable[[], None] = lambda: None
        self.has_less: Callable[[], None] = lambda: None

    @property
    def on_hand(self) -> int:
        return self._floor.tally.on_hand[self._index].value

    def has_room(self, pieces: int) -> bool:
        """Whether a finished job may come in; one always may where there is nothing."""
        capacity = self._facts.capacity
        return capacity is None or self.on_hand == 0 or self.on_hand + pieces <= capacity

    def demand(self, pieces: int) -> None:
        """Pieces will be needed; order more when the position has fallen to the reorder point."""
        tally, k = self._floor.tally, self._index
        owed = tally.owed[k]
        tally.demands[k] += pieces
        tally.filled[k] += min(pieces, max(self.on_hand - owed.value, 0))
        owed.change(pieces, self._floor.now)
        point = self._facts.reorder_point
        while point is not None and self.on_hand + self._on_order - owed.value <= point:
            self._order()

    def serve(self, pieces: int) -> None:
        """Take pieces for a demand."""
        now = self._floor.now
        self._floor.tally.on_hand[self._index].change(-pieces, now)
        self._floor.tally.owed[self._index].change(-pieces, now)
        self.has_less()

    def withdraw(self, pieces: int) -> None:
        """A demand is given up."""
        self._floor.tally.owed[self._index].change(-pieces, self._floor.now)

    def put(self, pieces: int) -> None:
        """Pieces come in."""
        self._floor.tally.on_hand[self._index].change(pieces, self._floor.now)
        self._floor.calls_are_open = True
        self.has_more()

    def snapshot(self, name: Callable[[Job], str]) -> StockSnapshot:
        """As it stands between two instants."""
        now = self._floor.now
        return StockSnapshot(
            on_hand=self.on_hand,
            owed=self._floor.tally.owed[self._index].value,
            orders=self._orders,
            deliveries=tuple(sorted(due - now for due in self._deliveries)),
            blocked=tuple(name(job) for job in self.blocked),
        )

    def take_up(self, seen: StockSnapshot, jobs: Mapping[str, Job]) -> None:
        """Go on from where a snapshot was taken."""
        tally, now = self._floor.tally, self._floor.now
        tally.on_hand[self._index].change(seen.on_hand - self.on_hand, now)
        tally.owed[self._index].change(seen.owed, now)
        self._orders, self._deliveries = seen.orders, list(seen.deliveries)
        self._on_order = len(seen.deliveries) * self._facts.order_quantity
        self.blocked.extend(jobs[name] for name in seen.blocked)
        if self._deliveries:
            self._timer.set(self._deliveries[0])

    def _order(self) -> None:
        law = self._facts.lead_time
        assert law is not None
        lead_time = duration(law.quantile(self._lead_times.uniform(self._orders)))
        self._orders += 1
        self._on_order += self._facts.order_quantity
        heappush(self._deliveries, self._floor.now + lead_time)
        self._timer.set(self._deliveries[0])

    def _deliver(self) -> None:
        while self._deliveries and self._deliveries[0] <= self._floor.now:
            heappop(self._deliveries)
            self._on_order -= self._facts.order_quantity
            self.put(self._facts.order_quantity)
        if self._deliveries:
            self._timer.set(self._deliveries[0])
