"""Names that the log, the plant file and the order book do not share, in both directions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from twin.model.events import EventLog
from twin.model.orders import OrderBook
from twin.model.plant import Plant

GRACE = timedelta(days=1)
"""An order released later before the cut-off need not be in the log yet."""
EXAMPLES = 4


@dataclass(frozen=True)
class Mismatch:
    """Names of one kind that one register has and another has not."""

    what: str
    """work unit, operation, product, order, failure mode."""
    present: str
    """The register that has them: log, plant or order book."""
    absent: str
    names: tuple[str, ...]
    """All of them, the most frequent first."""
    rows: int
    """Rows of the log that use them; 0 where the log has none."""
    meaning: str

    def __str__(self) -> str:
        shown = ", ".join(self.names[:EXAMPLES])
        more = f" and {len(self.names) - EXAMPLES} more" if len(self.names) > EXAMPLES else ""
        rows = f" ({self.rows} rows)" if self.rows else ""
        return (
            f"{len(self.names)} {self.what}{'s' if len(self.names) != 1 else ''} in the "
            f"{self.present}, not in the {self.absent}{rows}: {shown}{more}; {self.meaning}"
        )


def mismatches(
    raw: EventLog, plant: Plant, orders: OrderBook | None, until: datetime
) -> list[Mismatch]:
    """What is missing where. ``raw`` is the log as received."""
    table = raw.table[raw.table["time"] < pd.Timestamp(until)]
    return [*_of_plant(table, plant), *(_of_orders(table, orders, until) if orders else ())]


def _of_plant(table: pd.DataFrame, plant: Plant) -> Iterator[Mismatch]:
    named = {o.name.strip().casefold() for o in plant.operations if o.name}
    for what, column, known, lost, unused in (
        ("work unit", "work_unit", [u.id for u in plant.work_units],
         "their work is not in the calibration", "the plan uses them on the plant file's word"),
        ("operation", "operation", [o.id for o in plant.operations],
         "their lots are not used", "nothing is learnt of them"),
        ("product", "product", [p.id for p in plant.products],
         "their orders cannot be planned", "their times are the plant file's"),
    ):  # fmt: skip
        words = table[column].str.strip()
        counts = words[words != ""].value_counts()
        if what == "operation":
            counts = counts[[str(w).casefold() not in named for w in counts.index]]
        yield from _one_way(what, counts, set(known), lost)
        seen = set(words)
        if what == "operation":
            plain = set(words.str.casefold())
            seen |= {o.id for o in plant.operations if o.name.strip().casefold() in plain - {""}}
        yield from _other_way(what, [k for k in known if k not in seen], "plant", "log", unused)
    yield from _modes(table, plant)


def _modes(table: pd.DataFrame, plant: Plant) -> Iterator[Mismatch]:
    """Failure modes that nobody ever names."""
    stops = table[table["state"].isin(["down", "repair"])]
    seen = set(zip(stops["work_unit"].str.strip(), stops["reason"].str.strip(), strict=True))
    unused = [
        f"{u.id} {m.id}" for u in plant.work_units for m in u.failure_modes
        if (u.id, m.id) not in seen
    ]  # fmt: skip
    meaning = "rare, or recorded under another reason; their lives rest on the plant file"
    yield from _other_way("failure mode", unused, "plant", "log", meaning)


def _of_orders(table: pd.DataFrame, orders: OrderBook, until: datetime) -> Iterator[Mismatch]:
    end = pd.Timestamp(until)
    counts = table.loc[table["order"] != "", "order"].value_counts()
    finished = set(table.loc[table["event"] == "complete", "order"])
    booked = {order.id for order in orders}
    open_ones = counts[[o not in finished for o in counts.index]]
    meaning = "begun and never completed, and nobody asks for them: closed in the ERP, or forgotten"
    yield from _one_way("order", open_ones, booked, meaning, "order book")
    unseen = [
        o.id for o in orders if o.id not in counts.index and o.release_date + GRACE < end
    ]  # fmt: skip
    late = "released, and no sign of them in the shop: waiting, or worked under another number"
    yield from _other_way("order", unseen, "order book", "log", late)
    done = [o.id for o in orders if o.id in finished]
    again = "completed in the log and still open in the order book: they would be made twice"
    yield from _other_way("completed order", done, "order book", "open work of the log", again)


def _one_way(
    what: str, counts: pd.Series, known: set[str], meaning: str, absent: str = "plant"
) -> Iterator[Mismatch]:
    strange = counts[[name not in known for name in counts.index]]
    if len(strange):
        names = tuple(str(name) for name in strange.index)
        yield Mismatch(what, "log", absent, names, int(strange.sum()), meaning)


def _other_way(
    what: str, names: Iterable[str], present: str, absent: str, meaning: str
) -> Iterator[Mismatch]:
    if found := tuple(names):
        yield Mismatch(what, present, absent, found, 0, meaning)
