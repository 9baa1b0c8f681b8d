"""The command ``noria``: what it can be asked, and the exit codes. The work is in ``commands``.

Nothing heavy is imported here, so that help answers at once.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

EXIT_CODES = """\
exit codes:
  0  done                            4  data too old or too poor to carry a plan
  1  an error of the program         5  no schedule meets the hard demands
  2  a wrong input or command line   6  the ERP, or its folder, refused the plan
  3  another run holds the lock      7  partly done; the message names what is not
  130  interrupted

A configuration is a YAML file; noria demo writes one to look at. Every command takes --json.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
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
    from scenarios import commands
    from scenarios.progress import shown_progress
    from twin.errors import NoriaError

    try:
        with shown_progress(quiet=options.json or options.quiet) as progress:
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
        return 1


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
    replan.add_argument("--dry-run", action="store_true", help="do all but publish")

    discover = command("discover", "infer a plant description from a log alone")
    discover.add_argument("log", type=Path, help="the MES log")
    discover.add_argument("--format", choices=("noria", "job_shop"), default="job_shop")
    discover.add_argument("--timezone", default="UTC", help="of the plant (%(default)s)")
    discover.add_argument("--until", help="use events before this instant only (ISO date or time)")
    discover.add_argument("--id", default="discovered", help="of the plant (%(default)s)")
    discover.add_argument(
        "-o", "--output", type=Path, help="write the YAML here, not to the screen"
    )

    for name, help in (
        ("diagnose", "say what the log can carry and what is wrong with it"),
        ("calibrate", "fit the twin's parameters to the log"),
        ("simulate", "run the calibrated twin from the cut-off"),
        ("optimize", "plan production and maintenance from the cut-off"),
    ):
        _takes_config(sub := command(name, help))
        if name == "calibrate":
            sub.add_argument("-o", "--output", type=Path, help="write the calibrated plant as YAML")
        if name == "simulate":
            sub.add_argument("--schedule", type=Path, help="follow this plan (JSON)")
            sub.add_argument(
                "--policy",
                choices=("edd", "fifo", "spt"),
                default="edd",
                help="dispatching rule where no plan says (%(default)s)",
            )
            sub.add_argument("--replications", type=_count, help="default: as configured")
        if name == "optimize":
            sub.add_argument("-o", "--output", type=Path, help="write the plan as JSON")
            sub.add_argument("--time-limit", type=_seconds, help="seconds; default: as configured")

    check = command("check", "recompute a plan's feasibility, cost, energy, carbon and peak")
    check.add_argument("run", type=Path, help="folder of an archived run")
    check.add_argument("--schedule", type=Path, help="judge this plan (JSON), not the run's own")

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


def _takes_config(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("config", type=Path, help="configuration (YAML)")
    sub.add_argument("--data", type=Path, help="folder of the inputs; default: the configuration's")
    sub.add_argument("--out", type=Path, help="folder of the outputs; default: the configuration's")


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"got {text!r}; a whole number of at least 2 is expected")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"got {text!r}; a whole number at or above 0 is expected")
    return int(text)


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
