"""The command ``noria``: what it can be asked, and the exit codes. The work is in ``commands``.

Nothing heavy is imported here, so that help answers at once.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

from scenarios.live_cli import MODULES, add_live_commands

MOST_SEED = 2**32 - 1
"""The generator of random numbers has a key of 32 bits for it."""
WRONG_PLACES = (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError,
                PermissionError)  # fmt: skip
"""Errors of a path that somebody gave; others, as of a full disk, are no fault of the command."""
EXIT_CODES = """\
exit codes:
  0  done                             7  partly done; the message names what is not
  1  an error of the program          8  data too poor to carry a plan
  2  a wrong input or command line    9  the ERP cannot be reached
  3  another run holds the lock      10  no room left on the disk
  4  data too old                    11  prices or carbon do not cover the horizon
  5  no schedule meets the demands   12  the event store cannot be reached
  6  the ERP, or its folder,        130  interrupted
     refused the plan

A configuration is a YAML file; noria demo writes one to look at. Every command takes --json.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    # Noria's matrices are small: threads for them only spin, and slow each other on few cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    options = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a timer's stop is an interruption
    try:
        return _answered(options)
    except KeyboardInterrupt:
        print(
            f"noria {options.command}: interrupted; nothing half-written remains", file=sys.stderr
        )
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _answered(options: argparse.Namespace) -> int:
    """Do what is asked; the import of what does it can be interrupted as well."""
    from importlib import import_module

    from scenarios.progress import shown_progress
    from twin.connectors.whole_files import is_full
    from twin.errors import DiskFull, NoriaError

    try:
        with shown_progress(quiet=options.json or options.quiet) as progress:
            commands = import_module(MODULES.get(options.command, "scenarios.commands"))
            answer = getattr(commands, options.command)(options, progress)
        print(answer.as_json() if options.json else answer.text)
        return int(answer.exit_code)
    except NoriaError as error:
        print(f"noria {options.command}: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        raise
    except OSError as error:
        place = error.filename2 or error.filename
        where = f"{place}: " if place else ""
        print(
            f"noria {options.command}: {where}{error.strerror or error}; check the path, its "
            "rights and the room on the disk",
            file=sys.stderr,
        )
        if is_full(error):
            return DiskFull.exit_code
        return 2 if isinstance(error, WRONG_PLACES) else 1


def parser() -> argparse.ArgumentParser:
    """The command line, a subcommand a function of :mod:`scenarios.commands`."""
    top = argparse.ArgumentParser(
        prog="noria",
        description="Plant-wide digital twin: from the MES log to a proven production and "
        "maintenance plan against energy price and carbon.",
        epilog=EXIT_CODES,
        formatter_class=_Help,
    )
    top.add_argument("--version", action="version", version=_version())
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, help: str, description: str = "") -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=help, description=description or help[0].upper() + help[1:] + ".",
            epilog=EXIT_CODES, formatter_class=_Help,
        )  # fmt: skip
        sub.add_argument("--json", action="store_true", help="print the result as JSON")
        sub.add_argument("--quiet", action="store_true", help="show no progress")
        return sub

    demo = command(
        "demo",
        "run the whole chain on the demonstration plant",
        "Write three weeks of MES log and an order book of a fictional screw factory in Kénitra, "
        "then run the nightly job on them twice: last night and tonight.",
    )
    demo.add_argument("--folder", type=Path, default=Path("noria-demo"), help="where (%(default)s)")
    demo.add_argument("--seed", type=_seed, default=1, help="of everything random (%(default)s)")
    demo.add_argument("--replications", type=_count, default=100, help="of the twin (%(default)s)")
    demo.add_argument(
        "--data-only", action="store_true", help="write the data and configuration, plan nothing"
    )

    replan = command(
        "replan",
        "run the nightly job of a configuration",
        "Read MES log and ERP orders, diagnose, calibrate, plan, check, prove the plan on the "
        "twin, publish it and keep a ledger row. Running it twice changes nothing.",
    )
    _takes_config(replan)
    how = replan.add_mutually_exclusive_group()
    how.add_argument("--publish", action="store_true", help="publish the plan (the default)")
    how.add_argument(
        "--dry-run", action="store_true",
        help="do all but publish; say what would move, and what would be written to the ERP",
    )  # fmt: skip

    discover = command(
        "discover",
        "infer a plant description from a log alone",
        "Write a plant file from nothing but a log: work units, routes, containers, rooms between "
        "operations, calendars, times, setups, failures, tasks, crews and power, as far as the log "
        "shows them. Each value has a comment that says from how many observations it comes and "
        "how sure it is.",
    )
    discover.add_argument("log", type=Path, help="the MES log")
    discover.add_argument(
        "--format", choices=("noria", "job_shop"), help="of the log (told by its columns)"
    )
    discover.add_argument("--timezone", default="UTC", help="of the plant (%(default)s)")
    discover.add_argument("--until", help="use events before this instant only (ISO date or time)")
    discover.add_argument("--id", default="discovered", help="of the plant (%(default)s)")
    discover.add_argument(
        "-o", "--output", type=Path, help="write the YAML here, not to the screen"
    )
    discover.add_argument(
        "--orders", type=Path, help="write the orders open at the end of the log here (CSV)"
    )

    for name, help in (
        ("diagnose", "say what the log can carry and what is wrong with it"),
        ("calibrate", "fit the twin's parameters to the log"),
        ("optimize", "plan production and maintenance from the cut-off"),
    ):
        _takes_config(sub := command(name, help))
        if name == "diagnose":
            _asks_diagnose(sub)
        if name == "calibrate":
            sub.add_argument("-o", "--output", type=Path, help="write the calibrated plant as YAML")
            sub.add_argument("--history", action="store_true",
                             help="instead, the parameters in force night by night")  # fmt: skip
        if name == "optimize":
            sub.add_argument("-o", "--output", type=Path, help="write the plan as JSON")
            sub.add_argument("--time-limit", type=_seconds, help="seconds; default: as configured")

    _asks_simulate(
        command(
            "simulate",
            "run a plant many times and say what it achieves, and how sure that is",
            "Run a plant many times, from its own description (an empty shop, or as a log left "
            "it), from the configuration of a nightly job (calibrated, from the cut-off) or from "
            "the folder of an archived run, and print its throughput, flow times, states, "
            "ISO 22400 indicators, energy and orders on time, each with its interval.",
        )
    )

    _asks_front(
        command(
            "front",
            "plans from the cleanest to the cheapest: what carbon saved costs",
            "Search the front of cost and carbon of tonight's plan: the cheapest plan, the "
            "cleanest, and under caps on carbon between them the cheapest that keep them. Every "
            "point is a whole plan that passes check, with a bound; the plans are on paper, not "
            "rehearsed on the twin. Cost has the plant's own price of carbon in it. Writes "
            "front.html, front.json, front.csv and plans/*.json to the folder front. Ctrl-C keeps "
            "the points found. "
            "Example: noria front noria-demo/replan.yaml --points 9 --time-limit 300",
        )
    )

    _asks_backtest(
        command(
            "backtest",
            "say what the twin can be trusted with, from its own past",
            "Go back to instants of the log, calibrate and replay the twin on what was known then, "
            "forecast a day and a week, and compare with what happened: coverage of the ranges, "
            "skill against rules of thumb, distance of simulated logs from real ones. The orders "
            "released meanwhile are given. Writes backtest.html and backtest.json.",
        )
    )

    check = command(
        "check",
        "recompute a plan's feasibility, cost, energy, carbon and peak",
        "Recompute a plan's feasibility, cost, energy, carbon and peak; or, for a plant's YAML "
        "file, say its faults and what of it no plan can honour.",
    )
    check.add_argument("run", type=Path, help="folder of an archived run, or plant (YAML)")
    check.add_argument("--schedule", type=Path, help="judge this plan (JSON), not the run's own")

    why = command(
        "why",
        "say why orders are late, unsure or dear, and what would help",
        "For each order of an archived run that is late, unsure or dear, or for those named: where "
        "its time goes, and the cause whose removal helps it most, found by taking causes away one "
        "at a time (a second work unit, no setups, a task left out, shifts round the clock, its "
        "release, the frozen window, dear hours, other orders, breakdowns) and planning again "
        "around the order, or simulating again. Example: noria why noria-demo/runs/<id> 4128",
    )
    why.add_argument("run", type=Path, help="folder of an archived run, or an archive (latest)")
    why.add_argument(
        "orders", nargs="*", metavar="ORDER",
        help="default: all that are late, the six least sure, the three dearest",
    )  # fmt: skip

    add_live_commands(command)

    report = command("report", "print the figures of an archived run and where its page is")
    report.add_argument("run", type=Path, help="folder of an archived run, or an archive (latest)")

    dashboard = command("dashboard", "serve the plan and what-if pages in the browser")
    dashboard.add_argument("archive", type=Path, nargs="?", default=Path("noria-demo/runs"),
                           help="the archive of runs (%(default)s)")  # fmt: skip
    dashboard.add_argument("--host", default="127.0.0.1", help="address (%(default)s)")
    dashboard.add_argument("--port", type=_port, default=8050, help="(%(default)s)")
    return top


class _Help(argparse.RawDescriptionHelpFormatter):
    """Wrapped description, exit codes as they stand, commands and their help on one line."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=88)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text == EXIT_CODES else fill(text, width)


def _asks_simulate(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "plant", type=Path, help="plant (YAML), configuration (YAML) or folder of an archived run"
    )
    what = sub.add_argument_group("what is run")
    what.add_argument("--orders", type=Path, help="order book (CSV); sources make parts as well")
    what.add_argument("--schedule", type=Path, help="follow this plan (JSON)")
    what.add_argument(
        "--policy", default="EDD", metavar="RULE",
        help="EDD, FIFO, SPT, ATC or module:Class, where no plan says (%(default)s)",
    )  # fmt: skip
    what.add_argument("--log", type=Path, help="MES log that says where the shop stands")
    what.add_argument("--tariff", type=Path, help="electricity tariff (YAML), for cost")
    what.add_argument(
        "--carbon", type=_amount, metavar="INTENSITY", help="of the grid [kgCO2e/kWh], for carbon"
    )
    what.add_argument("--data", type=Path, help="folder of the inputs of a configuration")
    when = sub.add_argument_group("when")
    when.add_argument("--start", metavar="WHEN", help="ISO date or time, on the plant's clock")
    until = when.add_mutually_exclusive_group()
    until.add_argument("--days", type=_days, help="length of a run, for example 7 or 0.5")
    until.add_argument("--until", metavar="WHEN", help="end of a run")
    when.add_argument(
        "--warm-up", type=_warm_up, metavar="DURATION",
        help="what is cut off the start, for example 8h; auto: found by MSER-5, the default "
        "where parts come from sources only",
    )  # fmt: skip
    sure = sub.add_argument_group("how sure")
    number = sure.add_mutually_exclusive_group()
    number.add_argument(
        "--replications", type=_positive, metavar="N", help="how many (20, or as configured)"
    )
    number.add_argument(
        "--half-width", type=_half_width, metavar="W",
        help="as many as it takes to know --of to within W, for example 2%% (or 0.5, in its unit)",
    )  # fmt: skip
    sure.add_argument(
        "--at-most", type=_count, default=1000, metavar="N", help="with --half-width (%(default)s)"
    )
    sure.add_argument(
        "--of", default="throughput_per_h", metavar="FIGURE",
        help="figure of --half-width, of the plant or FIGURE:ID, for example oee:M-3 (%(default)s)",
    )  # fmt: skip
    sure.add_argument(
        "--draws", type=_whole, metavar="N",
        help="plants drawn as uncertain as the calibration of a configuration leaves them, each "
        "simulated 4 times (20); 0: uncertainty by chance alone",
    )  # fmt: skip
    sure.add_argument("--seed", type=_seed, help="of everything random (1, or as configured)")
    how = sub.add_argument_group("how")
    how.add_argument("--engine", choices=("auto", "kernel", "simpy"), default="auto",
                     help="same figures, other speed (%(default)s)")  # fmt: skip
    how.add_argument("--workers", type=_positive, help="threads or processes (2)")
    how.add_argument(
        "--out", type=Path, metavar="FOLDER",
        help="write report.json, log.csv (of replication 0) and states.html there",
    )  # fmt: skip


def _asks_front(sub: argparse.ArgumentParser) -> None:
    _takes_config(sub)
    sub.add_argument("--points", type=_count, default=9, metavar="N",
                     help="plans at most, the two ends included (%(default)s)")  # fmt: skip
    sub.add_argument("--time-limit", type=_seconds, default=300.0,
                     help="seconds that all searches are sized for (%(default)g)")  # fmt: skip


def _asks_backtest(sub: argparse.ArgumentParser) -> None:
    _takes_config(sub)
    sub.add_argument("--origins", type=_positive, default=8, metavar="N",
                     help="instants to forecast from (%(default)s)")  # fmt: skip
    sub.add_argument("--horizon", choices=("day", "week", "both"), default="both",
                     help="length of the forecasts (%(default)s)")  # fmt: skip
    sub.add_argument("--replications", type=_count, default=200, metavar="N",
                     help="of each forecast (%(default)s)")  # fmt: skip
    sub.add_argument("--draws", type=_whole, default=20, metavar="N",
                     help="plants drawn as uncertain as the calibration; 0: chance alone "
                     "(%(default)s)")  # fmt: skip


def _asks_diagnose(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--html", type=Path, metavar="FILE", help="write the diagnosis as a page")
    sub.add_argument(
        "--value-of-information", action="store_true",
        help="simulate what it would be worth to know each parameter better (minutes)",
    )  # fmt: skip
    sub.add_argument("--time-limit", type=_seconds, default=300.0,
                     help="of that, in seconds; nothing is begun later (%(default)g)")  # fmt: skip


def _takes_config(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("config", type=Path, help="configuration (YAML)")
    sub.add_argument("--data", type=Path, help="folder of the inputs; default: the configuration's")
    sub.add_argument("--out", type=Path, help="folder of the outputs; default: the configuration's")


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"got {text!r}; a whole number of at least 2 is expected")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdigit() or int(text) > MOST_SEED:
        raise argparse.ArgumentTypeError(
            f"got {text!r}; a whole number from 0 to {MOST_SEED} is expected"
        )
    return int(text)


def _amount(text: str) -> float:
    value = _number(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text!r}; a number at or above 0 is expected")
    return value


def _days(text: str) -> float:
    value = _number(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text!r}; a number of days above 0 is expected")
    return value


def _half_width(text: str) -> tuple[float, bool]:
    """The number, and whether it is a share of the mean."""
    is_share = text.rstrip().endswith("%")
    value = _number(text.rstrip().removesuffix("%")) / (100 if is_share else 1)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(
            f"got {text!r}; a share of the mean such as 2%, or a number above 0, is expected"
        )
    return value, is_share


def _warm_up(text: str) -> float | str:
    """Minutes, or "auto"."""
    if text == "auto":
        return text
    from twin.model.base import parse_duration

    try:
        value = float(parse_duration(text if not _is_number(text) else float(text)))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"got {text!r}; {error}, or auto") from None
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text!r}; a duration at or above 0 is expected")
    return value


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}; a whole number of at least 1 is expected")
    return int(text)


def _whole(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"got {text!r}; a whole number of at least 0 is expected")
    return int(text)


def _is_number(text: str) -> bool:
    value = _number(text)
    return value == value


def _number(text: str) -> float:
    """Not a number where the text is none."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text!r}; a number of seconds above 0 is expected")
    return value


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"got {text!r}; a port is a number from 0 to 65535")
    return int(text)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"noria {version('noria')}"
    except PackageNotFoundError:
        return "noria (not installed)"


if __name__ == "__main__":
    sys.exit(main())
