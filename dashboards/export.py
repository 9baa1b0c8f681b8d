"""Tables to take away: raw numbers, units in the header, one row an order."""

from __future__ import annotations

import csv
import io

from dashboards.order_story import order_story
from scenarios.archive import Run

COLUMNS = (
    "order", "product", "customer", "quantity [pieces]", "due", "planned end", "margin [h]",
    "chance on time [1]", "chance low [1]", "chance high [1]", "waiting [h]",
)  # fmt: skip


def orders_csv(run: Run) -> str:
    """The order book with its plan and its chances; instants with their offset."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow(COLUMNS)
    for order in run.case.orders:
        story = order_story(run.case, run.schedule, run.report, order.id)
        assert story is not None
        end, margin, expected = story.planned_end, story.margin, story.expected
        chance = expected.on_time if expected else None
        local = run.case.horizon.local
        rows.writerow(
            [
                order.id, order.product, order.customer, order.quantity,
                local(story.due).isoformat(timespec="minutes"),
                "" if end is None else local(end).isoformat(timespec="minutes"),
                "" if margin is None else f"{margin / 60:.3f}",
                *([chance.mean, chance.low, chance.high] if chance else ["", "", ""]),
                f"{story.waiting / 60:.3f}",
            ]
        )  # fmt: skip
    return out.getvalue()
