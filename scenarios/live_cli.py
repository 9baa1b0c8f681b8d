"""The commands beside the running plant: what each can be asked. Nothing heavy is imported here."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

MODULES = {
    "ingest": "scenarios.ingest_commands",
    "held": "scenarios.ingest_commands",
    "store": "scenarios.store_commands",
    "watch": "scenarios.watch_commands",
    "erp": "scenarios.erp_commands",
    "rollback": "scenarios.rollback_commands",
}
"""Where the function of each command is."""


def add_live_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Declare the commands of this module; ``command(name, help, description)`` makes a parser."""
    _asks_ingest(command)
    _asks_held(command)
    _asks_watch(command)
    _asks_store(command)
    _asks_erp(command)
    _asks_rollback(command)


def _asks_ingest(command: Callable[..., argparse.ArgumentParser]) -> None:
    ingest = command(
        "ingest",
        "take in what machines and systems say, into the event store",
        "Run every source of a configuration until it is stopped (SIGTERM, Ctrl-C): MQTT, OPC UA, "
        "tables, files, meters. Each message becomes an event, stored once, or is held with the "
        "reason (noria held). A source that fails starts again by itself; the others go on.",
    )
    ingest.add_argument("config", type=Path, help="configuration (YAML)")
    how = ingest.add_mutually_exclusive_group()
    how.add_argument(
        "--once",
        action="store_true",
        help="read what folders and tables hold now, then end; 7 when something was held",
    )
    how.add_argument(
        "--check",
        action="store_true",
        help="say what the configuration holds and try its connections; receive nothing",
    )
    how.add_argument(
        "--status",
        action="store_true",
        help="how the running ingester is; 7 when a source is not well, 4 when none runs",
    )


def _asks_held(command: Callable[..., argparse.ArgumentParser]) -> None:
    held = command(
        "held",
        "list the messages that could not become events, or replay them",
        "Messages in quarantine by source and reason, with examples. After mending names or "
        "mapping in the configuration, --replay reads them again; doing it twice changes nothing.",
    )
    held.add_argument("config", type=Path, help="configuration (YAML) of noria ingest")
    held.add_argument("--source", metavar="NAME", help="only messages of this source")
    what = held.add_mutually_exclusive_group()
    what.add_argument(
        "--replay", action="store_true", help="read them again; 7 when some have to stay"
    )
    what.add_argument("--export", type=Path, metavar="FILE", help="write them as JSON lines")
    what.add_argument(
        "--discard", metavar="IDS", help="set aside for good, for example 12,15-20; with --reason"
    )
    held.add_argument("--reason", metavar="TEXT", help="why they are set aside; kept with them")


def _asks_store(command: Callable[..., argparse.ArgumentParser]) -> None:
    store = command(
        "store",
        "say what is in the event store; export, import, set old events aside, count OEE",
        "status: events, sources, held messages. export FOLDER: Parquet files by month. "
        "retain FOLDER: export what is older than --before or --keep-days, verify the files, then "
        "delete it. import FILE: a log (CSV) or an export (Parquet); doing it twice changes "
        "nothing. oee: availability, effectiveness, quality and OEE (ISO 22400-2) by work unit "
        "and day.",
    )
    store.add_argument(
        "config", help="configuration (YAML) of noria ingest or noria replan, or URL of the store"
    )
    store.add_argument("action", choices=("status", "export", "retain", "import", "oee"))
    store.add_argument("path", type=Path, nargs="?", help="folder or file of the action")
    store.add_argument("--from", dest="since", metavar="TIME", help="export, oee: not before")
    store.add_argument("--to", dest="until", metavar="TIME", help="export, oee: before")
    store.add_argument("--before", metavar="TIME", help="retain: keep what is from then on")
    store.add_argument("--keep-days", type=_days, metavar="N", help="retain: keep so many days")
    store.add_argument("--source", default="import", help="import: name of it (%(default)s)")
    store.add_argument("--plant", type=Path, help="oee: plant description with the cycle times")
    store.add_argument(
        "--extract", type=Path, metavar="FOLDER", help="oee: count in an extract kept here; quicker"
    )
    store.add_argument("--timezone", metavar="ZONE", help="of days and of times without offset")


def _days(text: str) -> float:
    """A number of days above 0 of the command line."""
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0 < days < 100_000:
        raise argparse.ArgumentTypeError(f"got {text!r}; a number of days above 0 is expected")
    return days


def _asks_watch(command: Callable[..., argparse.ArgumentParser]) -> None:
    watch = command(
        "watch",
        "follow the shop against its published plan, and raise alerts",
        "Follow the event store (or the log file) of a nightly job's configuration until it is "
        "stopped: where every work unit and order is, how far behind the plan, with which chance "
        "on time, and what is out of the ordinary. Writes live.json, alerts.jsonl and "
        "noria-watch.prom to the archive; the dashboard's page Now shows them.",
    )
    watch.add_argument("config", type=Path, help="configuration (YAML) of noria replan")
    watch.add_argument("--data", type=Path, help="folder of the inputs (the configuration's)")
    watch.add_argument("--out", type=Path, help="folder of the outputs (the configuration's)")
    watch.add_argument(
        "--every", type=_seconds, default=10.0, help="seconds between two looks (%(default)g)"
    )
    watch.add_argument("--once", action="store_true", help="look once, print it and end")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"got {text!r}; 1 to 3600 seconds are expected")
    return value


def _asks_erp(command: Callable[..., argparse.ArgumentParser]) -> None:
    erp = command(
        "erp",
        "say what the ERP holds: products, routings, work centres, orders; preview a publishing",
        "Read the ERP of a configuration and say what is there and which production orders cannot "
        "be planned, and why. Nothing is written to it. With -o, write the orders, the bill of "
        "material and a plant to be completed; with --compare, say what publishing a run would "
        "write.",
    )
    erp.add_argument("config", type=Path, help="configuration (YAML) with erp, and plant if known")
    erp.add_argument("--name", help="which, where the configuration names several")
    what = erp.add_mutually_exclusive_group()
    what.add_argument(
        "-o", "--out", type=Path, metavar="FOLDER", help="write orders.csv, bom.csv, plant.yaml"
    )
    what.add_argument(
        "--compare", type=Path, metavar="RUN", help="folder of an archived run, or an archive"
    )


def _asks_rollback(command: Callable[..., argparse.ArgumentParser]) -> None:
    rollback = command(
        "rollback",
        "publish the plan before the one in force again",
        "Bring an earlier plan back to every target of a configuration, as noria replan does: "
        "through the outbox, with a ledger row. The next night compares with it. Refused when the "
        "plan's horizon is over. Example: noria rollback replan.yaml --to 2026-11-22T0500-1a2b3c4d",
    )
    rollback.add_argument("config", type=Path, help="configuration (YAML) of noria replan")
    rollback.add_argument(
        "--to", metavar="RUN", help="this published run; default: the one before the last"
    )
    rollback.add_argument(
        "--dry-run", action="store_true", help="say what would be written, and write nothing"
    )
    rollback.add_argument("--data", type=Path, help="folder of the inputs")
    rollback.add_argument("--out", type=Path, help="folder of the outputs")
