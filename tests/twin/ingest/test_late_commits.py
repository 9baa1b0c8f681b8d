"""No row is overlooked, however long its transaction was open: a server in miniature says so."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from twin.ingest.late_commits import KEPT_MARKS, REUSED, Look, Progress, less


@dataclass
class Server:
    """Hands out row numbers and transaction numbers, and shows what is committed."""

    draw: random.Random
    coming: int = 700
    row: int = 0
    open: dict[int, list[int]] = field(default_factory=dict)
    visible: set[int] = field(default_factory=set)
    last_committed: int = 699

    def step(self) -> None:
        """A client begins, writes, commits or gives up."""
        chance = self.draw.random()
        if chance < 0.4 or not self.open:
            self.open[self.coming] = [self._row()]
            self.coming += 1
        elif chance < 0.6:
            self.open[self.draw.choice(list(self.open))].append(self._row())
        else:
            oldest_waits = self.draw.random() < 0.9  # some are open for very long
            numbers = sorted(self.open)[1 if oldest_waits and len(self.open) > 1 else 0 :]
            number = self.draw.choice(numbers)
            rows = self.open.pop(number)
            if self.draw.random() < 0.95:
                self.visible |= {*rows}
                self.last_committed = max(number, self.last_committed)

    def crash(self) -> None:
        """What was open is gone; numbers that left no trace are given once more."""
        self.open = {}
        self.coming = max(self.last_committed + 1, self.coming - self.draw.randint(0, 5))

    def look(self) -> Look:
        oldest = min(self.open, default=self.coming)
        return Look(oldest, self.coming, max(self.visible, default=None))

    def end(self) -> None:
        for rows in self.open.values():
            self.visible |= {*rows}
        self.open = {}

    def _row(self) -> int:
        self.row += 1
        return self.row


@dataclass
class Reader:
    """Goes through the table as the source does, and may be killed between any two batches."""

    server: Server
    is_blind: bool = False
    """Whether it takes no notice of open transactions (the control)."""
    overlap: int = 0
    read: set[int] = field(default_factory=set)
    rows_met: int = 0
    saved: str = "null"
    is_new: bool = True
    """Whether the next pass is the first of a connection."""

    def passing(self, draw: random.Random, is_still: bool = False) -> None:
        progress = Progress.of_json(json.loads(self.saved))
        progress = progress.reconnected() if self.is_new else progress
        self.is_new = False
        progress = progress.begin(None if self.is_blind else self.server.look(), self.overlap)
        while True:
            assert progress.under_way
            at = progress.under_way.at
            rows = sorted(n for n in self.server.visible if at is None or n >= at)[:7]
            self.read |= {*rows}
            self.rows_met += len(rows)
            if rows:
                progress = progress.read_to(rows[-1])
                self.saved = json.dumps(progress.as_json())
            if len(rows) < 7:
                break
            if is_still:
                continue
            for _ in range(draw.randint(0, 3)):
                self.server.step()
            if draw.random() < 0.02:
                self.is_new = True  # killed, and started again
                return
        self.saved = json.dumps(progress.end().as_json())


def missed_rows(seed: int, *, is_blind: bool, overlap: int = 0, crashes: bool = True) -> int:
    draw = random.Random(seed)
    server = Server(random.Random(seed + 1))
    reader = Reader(server, is_blind, overlap)
    for _ in range(150):
        for _ in range(draw.randint(0, 12)):
            server.step()
        if crashes and draw.random() < 0.02:
            server.crash()
            reader.is_new = True
        reader.passing(draw)
    server.end()
    for _ in range(4):
        reader.passing(draw, is_still=True)
    return len(server.visible - reader.read)


@pytest.mark.parametrize("seed", range(40))
def test_all_rows_are_read_whatever_is_open_killed_or_given_up(seed: int) -> None:
    assert missed_rows(seed, is_blind=False) == 0


def test_after_a_crash_in_a_quiet_hour_a_row_that_came_late_does_not_wait_for_the_next() -> None:
    draw = random.Random(1)
    server = Server(draw, coming=2000, row=10, visible={*range(1, 11)}, last_committed=1990)
    reader = Reader(server)
    reader.passing(draw, is_still=True)
    reader.passing(draw, is_still=True)
    server.coming = 1997  # the numbers from 1997 to 1999 left no trace
    reader.is_new = True
    server.visible.add(12)  # of 1998, while 1997 with its row 11 is open
    server.coming, server.open = 1999, {1997: [11]}
    reader.passing(draw, is_still=True)
    server.end()
    for _ in range(2):
        reader.passing(draw, is_still=True)
    assert server.visible == reader.read


def test_without_regard_to_open_transactions_rows_are_missed() -> None:
    assert sum(missed_rows(seed, is_blind=True, overlap=5) > 0 for seed in range(40)) > 30


def test_on_a_quiet_server_each_pass_begins_where_the_last_ended() -> None:
    progress = Progress()
    for n in range(1, 50):
        highest = 1000 * n
        progress = progress.begin(Look(700 + n, 700 + n, highest), overlap=10)
        assert progress.under_way
        assert progress.under_way.at == (None if n == 1 else highest - 1000 - 10)
        progress = progress.read_to(highest).end()
    assert len(progress.marks) == 1


def test_a_transaction_open_for_long_costs_one_long_pass_when_it_ends() -> None:
    progress = Progress().begin(Look(701, 701, 5000), 10).read_to(5000).end()
    begins = []
    for n in range(1, 1000):  # 702 stays open
        progress = progress.begin(Look(702, 702 + n, 5000 + n), 10)
        assert progress.under_way
        begins.append(progress.under_way.at)
        progress = progress.read_to(5000 + n).end()
    assert begins[2:] == [5000 + n - 11 for n in range(3, 1000)]
    assert len(progress.marks) <= KEPT_MARKS + 1
    progress = progress.begin(Look(1800, 1800, 6000), 10)
    assert progress.under_way
    assert progress.under_way.at == 4990


def test_another_server_is_read_from_its_beginning() -> None:
    progress = Progress().begin(Look(9000, 9000, 5000), 10).read_to(5000).end()
    progress = progress.begin(Look(9000 - REUSED - 1, 9000 - REUSED - 1, 5100), 10)
    assert progress.under_way
    assert progress.under_way.at is None


def test_times_are_kept_to_the_microsecond() -> None:
    instant = datetime(2026, 11, 23, 5, 0, 0, 123456, UTC)
    progress = Progress().begin(Look(9000, 9001, instant), timedelta(minutes=10))
    progress = progress.read_to(instant)
    again = Progress.of_json(json.loads(json.dumps(progress.as_json())))
    assert again == progress
    assert less(again.last, timedelta(minutes=10)) == instant - timedelta(minutes=10)
