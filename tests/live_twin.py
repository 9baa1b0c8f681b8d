"""The live twin of the small archived run: a morning that goes by its plan, looked at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from scenarios.archive import Run
from scenarios.settings import ReplanConfig
from scenarios.watch import Watch
from twin.model.base import validate
from twin.model.compiled import compile_plant
from twin.model.events import EventLog
from twin.model.orders import OrderBook
from twin.model.plant import Plant
from twin.simulation.simulate import simulate


class ListFeed:
    """A feed that tells a log once."""

    shown = "a list"

    def __init__(self, log: EventLog) -> None:
        self._log: EventLog | None = log

    def begins_anew(self) -> bool:
        return False

    def begin_anew(self) -> None:
        """It cannot."""

    def news(self, now: datetime, plant: Plant, orders: OrderBook) -> Iterator[EventLog]:
        told, self._log = self._log, None
        if told is not None:
            yield told

    def mark(self) -> Any:
        return None

    def go_on(self, mark: Any) -> None:
        raise AssertionError("there is no mark")


def config_of(archive: Path, **watch: Any) -> ReplanConfig:
    """A configuration of the live twin; nothing of it but the archive is there."""
    content = {
        "plant": "plant.yaml", "orders": "orders.csv", "tariff": "tariff.yaml",
        "mes": {"path": "log.csv"}, "carbon": {"path": "carbon.csv", "value_column": "carbon"},
        "cut_off": "now", "watch": {"replications": 20, **watch},
    }  # fmt: skip
    made = validate(content, ReplanConfig, "test")
    return made.model_copy(update={"archive": archive})


def small_live(run: Run, hours: float = 5.0) -> dict[str, Any]:
    """Look at the small plant some hours after the cut-off of its plan; writes live.json."""
    case = run.case
    now = case.horizon.start + timedelta(hours=hours)
    log = simulate(
        compile_plant(case.plant, case.horizon), case.orders, state=case.state,
        schedule=run.schedule, seed=1,
    )  # fmt: skip
    feed = ListFeed(log.until(now))
    config = config_of(run.folder.parent)
    return Watch(config, feed, lambda: now, lambda: None).look()  # type: ignore[arg-type,return-value]
