"""Everything a nightly job reads, in memory and checked: log, plant, orders, prices, carbon."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast
from zoneinfo import ZoneInfo

import pandas as pd

from scenarios.cut_off import instant_of, is_rule
from scenarios.feeds import read_forecast
from scenarios.settings import MesSource, ReplanConfig
from twin.model.events import COLUMNS, EventLog
from twin.model.forecast import Forecast
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook
from twin.model.plant import Plant, load_plant
from twin.model.state import OrderState
from twin.secrets import Keyring

if TYPE_CHECKING:
    from twin.calibration.diagnosis import Diagnosis
    from twin.calibration.findings import Finding
    from twin.erp.signature import ErpReader


@dataclass(frozen=True)
class Inputs:
    """What was read, before anything is concluded from it."""

    plant: Plant
    """As described by engineers, or as discovered from the log."""
    log: EventLog
    """Raw. What it has after the cut-off is set aside, and counted, by the diagnosis."""
    orders: OrderBook
    forecast: Forecast
    cut_off: datetime
    order_states: dict[str, OrderState] | None
    """Progress of inferred orders; None when the orders come from the ERP."""
    notes: tuple[str, ...]
    """What was assumed or inferred, in words."""
    hashes: dict[str, str]
    """SHA-256 of every file read, and of what was read from the event store and the ERP."""
    held: Mapping[str, int] = field(default_factory=dict)
    """Messages that wait in the event store's quarantine, by source; they are not in the log."""

    def diagnosed(self) -> Diagnosis:
        """The log judged against the plant, the order book and the mean price of energy."""
        from twin.calibration.diagnosis import diagnose

        price = float(self.forecast.price_per_kwh.mean())
        orders = self.orders if self.order_states is None else None
        found = diagnose(
            self.log, self.plant, self.cut_off, orders=orders, price_per_kwh=price or None
        )
        return replace(found, findings=(*_of_quarantine(self.held, len(self.log)), *found.findings))


def read_inputs(config: ReplanConfig, now: datetime | None = None) -> Inputs:
    """Read and check everything a job needs; nothing is written.

    ``now`` is what the rule of a cut-off is reckoned from; left out, the clock says it.

    Raises
    ------
    InputError
        For the first source that has faults, with all faults of that source.
    FeedMissing
        When prices or carbon intensity are not there, or do not cover the horizon.
    StoreAway, ErpAway
        When what is to be asked cannot be reached.
    """
    now = now or datetime.now(UTC)
    zone = ZoneInfo(config.mes.timezone)
    described = load_plant(config.plant) if config.plant is not None else None
    cut_off = instant_of(config.cut_off, described.zone if described else zone, now)
    log = read_log(config.mes, cut_off, config.keyring)
    held = _held(config)
    notes: tuple[str, ...] = ()
    if described is not None:
        plant = described
    else:
        plant, log, notes = _discovered(config, log, cut_off)
    if is_rule(config.cut_off):
        rule = f'cut-off {cut_off.isoformat()}: "{config.cut_off}", asked at'
        notes = (f"{rule} {now.astimezone(plant.zone).isoformat(timespec='seconds')}", *notes)
    orders, order_states = _read_orders(config, plant, log, cut_off)
    horizon = Horizon(cut_off, config.horizon_days * 1440, plant.timezone)
    forecast = read_forecast(config, horizon)
    hashes = {path.name: _sha256(path) for path in config.input_files()}
    if config.mes.store is not None:
        hashes["event store"] = log_hash(log)
    if config.orders is None and config.order_source is not None:
        hashes[f"orders of {config.order_source.name}"] = orders_hash(orders)
    return Inputs(
        plant=plant,
        log=log,
        orders=orders,
        forecast=forecast,
        cut_off=cut_off,
        order_states=order_states,
        notes=notes,
        hashes=hashes,
        held=held,
    )


def format_of(path: Path) -> Literal["noria", "job_shop"]:
    """The format of a log, told by the names of its columns."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            columns = file.readline()
    except OSError:
        return "noria"  # whose reader says what is wrong
    return "noria" if "work_unit" in columns else "job_shop"


def read_log(
    source: MesSource, cut_off: datetime | None = None, keyring: Keyring | None = None
) -> EventLog:
    """The log of a file in its own format, or of the event store up to a cut-off."""
    if source.store is not None:
        from twin.store.store import open_store

        keyring = keyring or Keyring({}, Path())
        begin = cut_off and cut_off - timedelta(days=source.window_days)
        with open_store(source.store, keyring, migrate=False) as store:
            log = store.log(begin, cut_off)
        return EventLog(log.table[list(COLUMNS)], log.source)
    if source.format == "job_shop":
        from twin.connectors import job_shop

        return job_shop.read_log(source.file, source.timezone)
    from twin.connectors import mes_files

    return mes_files.read_log(source.file)


def _held(config: ReplanConfig) -> Mapping[str, int]:
    """Messages in the quarantine of the event store, by source."""
    if config.mes.store is None:
        return {}
    from twin.store.store import open_store

    with open_store(config.mes.store, config.keyring, migrate=False) as store:
        return store.status().held


def _of_quarantine(held: Mapping[str, int], events: int) -> list[Finding]:
    """What was received and is in no log has to be seen where the log is judged."""
    if not held:
        return []
    from twin.calibration.findings import Finding

    count, sources = sum(held.values()), ", ".join(f"{name} {n}" for name, n in held.items())
    text = f"{count} messages are held in the event store and are not in the log ({sources})"
    remedy = "noria held says why; mend names or mapping, and replay them"
    return [Finding("held", "warning", "", count, count / (events + count), text, remedy)]


def log_hash(log: EventLog) -> str:
    """Of the events of a log as they are, whatever store they are in."""
    rows = pd.util.hash_pandas_object(log.table, index=False).to_numpy()
    return hashlib.sha256(rows.tobytes()).hexdigest()


def orders_hash(orders: OrderBook) -> str:
    """Of an order book as it is, wherever it was read."""
    content = json.dumps([asdict(order) for order in orders], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def _read_orders(
    config: ReplanConfig, plant: Plant, log: EventLog, cut_off: datetime
) -> tuple[OrderBook, dict[str, OrderState] | None]:
    """Of the file, of the ERP, or open by the log with their progress."""
    if config.orders is not None:
        from twin.connectors.erp_files import read_orders

        return read_orders(config.orders, plant), None
    if (erp := config.order_source) is not None:
        from scenarios.ledger import Ledger
        from scenarios.outbox import Outbox

        written = Outbox(Ledger(config.archive)).memory(erp.name)
        return cast("ErpReader", erp).read_orders(plant, config.keyring, written), None
    from twin.calibration.discover import open_orders

    assert config.discover is not None
    return open_orders(log, plant, cut_off, config.discover.same)


def _discovered(
    config: ReplanConfig, log: EventLog, cut_off: datetime
) -> tuple[Plant, EventLog, tuple[str, ...]]:
    from twin.calibration.discover import discover

    assert config.discover is not None
    log = log.until(cut_off)
    found = discover(
        log,
        id=config.discover.id,
        timezone=config.mes.timezone,
        working_kw=config.discover.working_kw,
        standby_kw=config.discover.standby_kw,
        currency=config.discover.currency,
        same=config.discover.same,
    )
    return (
        found.neutral or found.plant,  # it is calibrated on this log next
        log,
        tuple(note.text for note in found.notes if note.where == "plant"),
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
