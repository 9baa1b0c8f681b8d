"""``noria watch``: the loop around the live twin, on a terminal or for a journal."""

from __future__ import annotations

import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

from scenarios.answer import Answer
from scenarios.cut_off import is_rule
from scenarios.run import Progress
from scenarios.settings import ReplanConfig, load_config
from scenarios.watch import Watch, read_live, watching
from scenarios.watch_feed import feed_of
from scenarios.watch_replan import starter
from scenarios.watch_text import alert_line, as_text, screen
from twin.errors import Fault, InputError, Locked

LEAST_PAUSE = 0.2
"""Between two looks, however long one takes [s]."""

Show = Callable[[Mapping[str, Any]], None]


def watch(options: Namespace, progress: Progress) -> Answer:
    config = load_config(options.config, options.data, options.out, environ=os.environ)
    _refuse_vain_trigger(options, config)
    try:
        with watching(config.archive):
            live = _once(options, config) if options.once else _again_and_again(options, config)
    except Locked:
        live = read_live(config.archive)
        if not (options.once and live):
            raise
    return Answer(live, as_text(live) if options.once else "stopped watching")


def _refuse_vain_trigger(options: Namespace, config: ReplanConfig) -> None:
    if config.watch.replan.on and not is_rule(config.cut_off):
        fault = Fault(
            "watch.replan.on",
            f"a new plan is asked for, but cut_off is always {config.cut_off}",
            "write cut_off: now, or leave watch.replan out",
        )
        raise InputError(str(options.config), [fault])


def _watch(options: Namespace, config: ReplanConfig) -> Watch:
    arguments = ["replan", str(options.config), "--publish", "--quiet"]
    for name in ("data", "out"):
        if folder := getattr(options, name):
            arguments += [f"--{name}", str(folder)]
    return Watch(
        config, feed_of(config), lambda: datetime.now(UTC), starter(arguments, config.archive),
        options.every,
    )  # fmt: skip


def _once(options: Namespace, config: ReplanConfig) -> dict[str, Any]:
    made = _watch(options, config)
    live = made.look()
    made.stop()
    return live


def _again_and_again(options: Namespace, config: ReplanConfig) -> dict[str, Any]:
    """Look until interrupted; an interruption is the usual end."""
    made, live = _watch(options, config), {}
    try:
        with _shown(options) as show:
            while True:
                begun = time.monotonic()
                live = made.look()
                show(live)
                time.sleep(max(options.every - (time.monotonic() - begun), LEAST_PAUSE))
    except KeyboardInterrupt:
        made.stop()
    return live


def _shown(options: Namespace) -> Any:
    """What to do with each look: a screen that is renewed, JSON lines, or lines of a journal."""
    if options.json:
        return nullcontext(lambda live: print(json.dumps(live, ensure_ascii=False), flush=True))
    if sys.stdout.isatty() and not options.quiet:
        return _Screen()
    return nullcontext(_Journal())


class _Screen:
    """A terminal that is renewed."""

    def __enter__(self) -> Show:
        from rich.live import Live

        self._live = Live(screen=True, auto_refresh=False, vertical_overflow="crop")
        self._live.__enter__()
        return lambda live: self._live.update(screen(live), refresh=True)

    def __exit__(self, *what: Any) -> None:
        self._live.__exit__(*what)


class _Journal:
    """A line for each alert raised or cleared since the last look."""

    def __init__(self) -> None:
        self._told: dict[str, Mapping[str, Any]] = {}

    def __call__(self, live: Mapping[str, Any]) -> None:
        standing = {alert["id"]: alert for alert in live["alerts"]}
        for id, alert in self._told.items():
            if id not in standing:
                print(alert_line(live, "cleared", alert), flush=True)
        for id, alert in standing.items():
            if id not in self._told:
                print(alert_line(live, "raised", alert), flush=True)
        self._told = standing
