"""The live twin: the shop as it stands, against its plan, look by look.

A look takes up what has arrived, says where the shop stands (:mod:`twin.calibration.following`),
compares it with the published plan, lets the twin go on from there, and writes ``live.json``
whole. What it needs to go on after a kill is in the archive: a checkpoint of the state, and the
alerts told so far.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scenarios import parameter_store
from scenarios.settings import ReplanConfig
from scenarios.watch_alerts import AlertBook
from scenarios.watch_feed import Feed
from scenarios.watch_findings import Picture, findings
from scenarios.watch_forecast import Outlook, outlook
from scenarios.watch_live import FILE, live_of
from scenarios.watch_metrics import FILE as METRICS
from scenarios.watch_metrics import write_metrics
from scenarios.watch_plan import InForce, plan_in_force, published_last
from scenarios.watch_pulse import Pulse, Shifts
from scenarios.watch_replan import Replanning, Start
from twin.calibration.drift import Drift
from twin.calibration.following import REMEMBERS, Following
from twin.calibration.shop_track import moment, rows_of
from twin.connectors.whole_files import room_for, write_text
from twin.errors import Locked, NoriaError, StoreAway
from twin.model.events import EventLog

CHECKPOINT = "watch_checkpoint.json"
CHECKPOINT_VERSION = 3
CHECKPOINT_EVERY = timedelta(minutes=2)
REREAD_EVERY = timedelta(minutes=10)
"""The whole log is read anew for events that came too late, no more often than this."""
SHOWN = timedelta(hours=8)
"""What units were doing is shown so far back."""
DAY = timedelta(days=1)

Clock = Callable[[], datetime]


@contextmanager
def watching(archive: Path) -> Iterator[None]:
    """Be the only one that watches for an archive.

    Raises
    ------
    Locked
        At once, when another process does.
    """
    archive.mkdir(parents=True, exist_ok=True)
    with room_for(archive), (archive / ".watch.lock").open("a") as handle:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise Locked(
                f"{archive}: another noria watch looks after this archive; its state is in "
                f"{archive / FILE} and on the dashboard"
            ) from None
        yield


class Watch:
    """Looks at one plant again and again. It owns its files: hold :func:`watching` meanwhile."""

    def __init__(
        self, config: ReplanConfig, feed: Feed, clock: Clock, start_replan: Start, every: float = 10
    ) -> None:
        self._config, self._feed, self._clock, self._every = config, feed, clock, every
        self._folder = config.archive
        self._plan = InForce(plan_in_force(self._folder))
        self._follow(self._plan)
        self._book = AlertBook(self._folder)
        self._replanning = Replanning(
            config.watch.replan, start_replan, read_live(self._folder).get("replan", {})
        )
        self._saved = self._reread = self._looked_for_drift = datetime.min.replace(tzinfo=UTC)
        self._restore()

    def _follow(self, plan: InForce) -> None:
        """Begin with a plant."""
        self._plant = plan.run.case.plant
        self._fingerprint = _structure(plan)
        self._following, self._pulse = Following(self._plant), Pulse()
        self._shifts: Shifts | None = None
        self._shifts_day = ""
        self._outlook: Outlook | None = None
        self._outlook_of: tuple[str, int] = ("", -1)
        self._drifts: list[Drift] = []

    def look(self) -> dict[str, Any]:
        """Look once; returns what ``live.json`` now holds."""
        begun = time.monotonic()
        now = self._clock()
        self._take_plan()
        trouble = self._take_news(now)
        picture = self._picture(now)
        changed = self._book.look(findings(picture, self._book.standing), now)
        self._replanning.look(changed.raised, now)
        live = live_of(
            picture,
            self._book.sorted(),
            self._following.stretches(now - SHOWN, now),
            {"source": self._feed.shown, "trouble": trouble, "arrived": self._following.arrived},
        )
        live |= {"every_s": self._every, "replan": self._replanning.facts(), "stopped": None}
        seconds = time.monotonic() - begun
        live["look_s"] = round(seconds, 3)
        self._write(live, seconds, now)
        return live

    def stop(self) -> None:
        """Leave a checkpoint, and say in ``live.json`` that nobody looks any more."""
        self._checkpoint(self._clock())
        live = read_live(self._folder)
        if live:
            live["stopped"] = self._clock().astimezone(UTC).isoformat(timespec="seconds")
            write_text(self._folder / FILE, json.dumps(live, ensure_ascii=False))

    def _take_plan(self) -> None:
        """Follow a plan published meanwhile; one of another plant has the log read anew."""
        try:
            if published_last(self._folder) == self._plan.run.id:
                return
            self._plan = InForce(plan_in_force(self._folder))
        except NoriaError:
            return  # the archive is being written or cleaned up: the plan known stays
        if _structure(self._plan) != self._fingerprint:
            self._feed.begin_anew()
            self._follow(self._plan)
        self._outlook, self._shifts_day = None, ""

    def _take_news(self, now: datetime) -> str:
        """Take up what has arrived; returns what hindered it, in words."""
        if self._following.too_late and now - self._reread >= REREAD_EVERY:
            self._reread = now
            self._feed.begin_anew()
        case = self._plan.run.case
        try:
            if self._feed.begins_anew():
                self._following, self._pulse = Following(self._plant), Pulse()
            for log in self._feed.news(now, case.plant, case.orders):
                if len(log):
                    self._take(log, now)
        except (StoreAway, OSError) as error:
            return self._config.keyring.redact(str(error))
        return ""

    def _take(self, log: EventLog, now: datetime) -> None:
        rows = rows_of(log)
        self._following.take_rows(rows)
        self._pulse.take(rows, now, self._plan.compiled, self._shifts_at(now))
        self._following.settle(moment(self._pulse.newest).to_pydatetime())

    def _shifts_at(self, now: datetime) -> Shifts:
        """Shifts around now, read off the calendars once a day."""
        day = f"{now:%Y-%m-%d}"
        if self._shifts is None or self._shifts_day != day:
            back = self._config.mes.window_days * DAY
            self._shifts = Shifts(self._plan.run.case.plant, now - back, now + 2 * DAY)
            self._shifts_day = day
        return self._shifts

    def _picture(self, now: datetime) -> Picture:
        case = self._plan.run.case
        state = self._following.state(case.orders, now, case.plant)
        self._look_for_drift(now)
        if self._is_forecast_due(now):
            self._outlook = outlook(
                self._plan, state, replications=self._config.watch.replications,
                seed=self._config.seed, ahead=self._config.watch.peak_ahead,
            )  # fmt: skip
            self._outlook_of = self._plan.run.id, self._following.arrived
        return Picture(
            now, self._config.watch, self._plan, self._following.at(now), state,
            list(self._plan.standings(state)), self._outlook, self._pulse, self._shifts_at(now),
            self._drifts, self._following.too_late,
        )  # fmt: skip

    def _is_forecast_due(self, now: datetime) -> bool:
        if self._outlook is None or self._outlook_of[0] != self._plan.run.id:
            return True
        age = (now - self._outlook.at).total_seconds() / 60
        return age >= self._config.watch.forecast_every

    def _look_for_drift(self, now: datetime) -> None:
        """The cycle times of the last days, lot by lot, against the parameters in force."""
        due = timedelta(minutes=self._config.watch.drift_every)
        if now - self._looked_for_drift < due or not self._following.arrived:
            return
        self._looked_for_drift = now
        self._drifts = self._drifts_at(now)

    def _drifts_at(self, now: datetime) -> list[Drift]:
        from twin.calibration.activity import read_activity
        from twin.calibration.drift import drifts
        from twin.calibration.estimates import Calibration

        champion = parameter_store.champion(self._folder, now)
        if champion is not None:
            calibration, changes = champion.calibration, champion.changes
        elif "calibration" in self._plan.run.extras:
            text = json.dumps(self._plan.run.extras["calibration"])
            calibration, changes = Calibration.from_json(text), ()
        else:
            return []
        log = self._following.recent(now - REMEMBERS, now)
        if not len(log):
            return []
        activity = read_activity(log, self._plan.run.case.plant, now)
        known = {change.place: change.since for change in changes}
        return drifts(activity, calibration, max(calibration.end, now - REMEMBERS), known)

    def _write(self, live: dict[str, Any], seconds: float, now: datetime) -> None:
        with room_for(self._folder):
            write_text(self._folder / FILE, json.dumps(live, ensure_ascii=False))
            write_metrics(self._folder / METRICS, live, seconds)
            if now - self._saved >= CHECKPOINT_EVERY:
                self._checkpoint(now)

    def _checkpoint(self, now: datetime) -> None:
        mark = self._feed.mark()
        if mark is None:
            return
        content = {
            "version": CHECKPOINT_VERSION,
            "source": self._feed.shown,
            "plant": self._fingerprint,
            "mark": mark,
            "following": self._following.to_dict(),
            "pulse": self._pulse.to_dict(),
        }
        write_text(self._folder / CHECKPOINT, json.dumps(content, ensure_ascii=False))
        self._saved = now

    def _restore(self) -> None:
        """Go on from the checkpoint; without one, or with one of another plant, from the log."""
        try:
            content = json.loads((self._folder / CHECKPOINT).read_text(encoding="utf-8"))
            ours = CHECKPOINT_VERSION, self._feed.shown, self._fingerprint
            if (content["version"], content["source"], content["plant"]) != ours:
                return
            following = Following.from_dict(content["following"], self._plant)
            pulse = Pulse.from_dict(content["pulse"])
        except (OSError, ValueError, KeyError, TypeError):
            return
        self._following, self._pulse = following, pulse
        self._feed.go_on(content["mark"])


def _structure(plan: InForce) -> str:
    """Of what the state is kept by: other parameters of the same plant leave it as it is."""
    plant = plan.run.case.plant
    rows = [
        (u.id, u.setup.by if u.setup else "", [m.id for m in u.failure_modes],
         [t.id for t in u.maintenance])
        for u in plant.work_units
    ]  # fmt: skip
    products = [(p.id, p.family, p.attributes) for p in plant.products]
    text = json.dumps([rows, products], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_live(archive: Path) -> dict[str, Any]:
    """What the live twin wrote last; empty when it never ran, or the file is damaged."""
    try:
        content = json.loads((archive / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
