"""What is out of the ordinary now: a function for each kind of alert, from the present picture.

Each limit has a band below it in which an alert that stands is kept: it is cleared when the matter
is clearly over, not when it flickers. While the whole feed is silent nothing is concluded about
orders and units: what stood before stays, and the silence itself is the alarm.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scenarios.watch_alerts import Alert, Finding
from scenarios.watch_forecast import Outlook
from scenarios.watch_plan import InForce, Standing
from scenarios.watch_pulse import SITE, Pulse, Shifts
from scenarios.watch_settings import AlertKind, WatchSettings
from twin.calibration.drift import Drift
from twin.calibration.shop_track import MICROSECONDS, ShopTrack, moment, stamp
from twin.model.failures import FailureMode
from twin.model.plant import WorkUnit
from twin.model.state import ShopState

KEEPS = 0.7
"""Share of a limit above which an alert that stands is kept."""
LONG_WITHOUT_MODES = 6.0
"""A stop of a unit without failure modes is long after so many times the shortest stop named."""
DRIFT_TOLD = timedelta(hours=24)
"""A drift that does not last is told for so long."""
OF_THE_FEED: Container[AlertKind] = ("feed_lag", "plan_too_old", "clock_ahead", "late_events")
"""Alerts that a silent feed does not put in doubt."""


@dataclass(frozen=True)
class Picture:
    """Everything known now."""

    now: datetime
    settings: WatchSettings
    plan: InForce
    track: ShopTrack
    state: ShopState
    standings: Sequence[Standing]
    outlook: Outlook | None
    pulse: Pulse
    shifts: Shifts
    drifts: Sequence[Drift] = ()
    too_late: int = 0

    def clock(self, at: datetime) -> str:
        """On the plant's clock."""
        return f"{at.astimezone(self.plan.run.case.plant.zone):%a %d %b %H:%M}"

    def silence(self, unit: str) -> tuple[datetime, float] | None:
        """Since when a unit has said nothing in its shift, and for how long [min]."""
        known, clock = self.pulse.units.get(unit), stamp(self.now)
        shift = self.shifts.since(unit, clock)
        if known is None or not known.last or shift is None:
            return None
        since = max(known.last, shift)
        return moment(since).to_pydatetime(), (clock - since) / MICROSECONDS


def findings(picture: Picture, standing: Mapping[tuple[str, str], Alert]) -> list[Finding]:
    """What deserves an alert, and what keeps one; ``standing`` are the alerts raised so far."""
    found = list(feed_lag(picture))
    is_blind = bool(found)
    for look in (plan_too_old, clock_ahead, late_events):
        found += look(picture)
    if is_blind:
        return found + [
            replace(alert.finding, raises=False)
            for alert in standing.values()
            if alert.finding.kind not in OF_THE_FEED
        ]
    silent = list(silent_units(picture))
    unheard = {finding.work_unit for finding in silent}
    found += silent
    for look in (late_risk, energy_peak, scrap, drift):
        found += look(picture)
    found += [f for f in behind_plan(picture) if f.work_unit not in unheard]
    found += [f for f in stops(picture) if f.work_unit not in unheard]
    if picture.outlook is None or picture.outlook.trouble:
        found += [
            replace(alert.finding, raises=False)
            for alert in standing.values()
            if alert.finding.kind in ("late_risk", "energy_peak")
        ]
    return found


def late_risk(picture: Picture) -> Iterator[Finding]:
    """Orders whose chance of being on time has fallen below their limit."""
    case, limits = picture.plan.run.case, picture.settings
    planned = {row.order: row.on_time.mean for row in picture.plan.run.report.orders if row.on_time}
    prospects = picture.outlook.orders if picture.outlook else {}
    for order in case.orders:
        prospect = prospects.get(order.id)
        if prospect is None:
            continue
        demanded = case.demands.risk.get(order.customer_class)
        limit = demanded or limits.late_risk_below
        was, chance = planned.get(order.id, 1.0), prospect.on_time
        fall = was - chance.mean
        was_kept = demanded is not None and was >= demanded
        if chance.mean >= limit or not (was_kept or fall >= KEEPS / 2 * limits.late_risk_fallen_by):
            continue
        end = picture.clock(prospect.end) if prospect.end else "beyond the plan's horizon"
        is_lost = chance.high < 0.1
        yield Finding(
            "late_risk", order.id, "alarm" if is_lost else "warning", picture.now,
            f"order {order.id} will be on time with a chance of {chance.mean:.0%} "
            f"({chance.low:.0%} to {chance.high:.0%}), {was:.0%} when the plan was made",
            f"due {picture.clock(order.due_date)}, now expected {end}",
            f"ask noria why {picture.plan.run.folder} {order.id} what helps, or plan again",
            order=order.id,
            raises=chance.high < limit and (was_kept or fall >= limits.late_risk_fallen_by),
        )  # fmt: skip


def behind_plan(picture: Picture) -> Iterator[Finding]:
    """Orders that run far behind their plan."""
    limit = picture.settings.behind_plan
    for standing in picture.standings:
        if standing.behind is None or standing.behind < KEEPS * limit:
            continue
        doing = "running" if standing.is_running else "waiting"
        end = picture.clock(standing.planned_end) if standing.planned_end else "unknown"
        yield Finding(
            "behind_plan", standing.order.id, "warning", picture.now,
            f"order {standing.order.id} is {_length(standing.behind)} behind its plan, {doing} "
            f"for {standing.operation}" + (f" on {standing.work_unit}" * bool(standing.work_unit)),
            f"planned end {end}",
            "see what holds it: the unit before it, its setup or its people; or plan again",
            order=standing.order.id,
            work_unit=standing.work_unit,
            raises=standing.behind > limit,
        )  # fmt: skip


def stops(picture: Picture) -> Iterator[Finding]:
    """Units that have been stopped for longer than nearly all repairs last."""
    for unit in picture.plan.run.case.plant.work_units:
        track = picture.track.units[unit.id]
        if not track.stopped:
            continue
        limit, elapsed = _stop_limit(picture, unit)
        if elapsed <= limit:
            continue
        rest = picture.state.unit(unit.id).unavailable_minutes
        whole = (stamp(picture.now) - track.stopped) / MICROSECONDS
        why = f" ({track.reason})" if track.reason else ""
        yield Finding(
            "stop", unit.id, "alarm", moment(track.stopped).to_pydatetime(),
            f"{unit.id} has been {_words_of(track.state)}{why} for {_length(whole)}",
            f"{picture.settings.stop_quantile:.0%} of such stops are over after {_length(limit)}; "
            f"expected rest {_length(rest)}",
            "ask the crew for an end, tell the planner, and plan again when it is long",
            order=track.order,
            work_unit=unit.id,
        )  # fmt: skip


def _stop_limit(picture: Picture, unit: WorkUnit) -> tuple[float, float]:
    """How long such a stop may last, and how long it has, both [min]; a wait counts on duty."""
    track, settings = picture.track.units[unit.id], picture.settings
    modes = [m for m in unit.failure_modes if m.id == track.reason] or list(unit.failure_modes)
    begin = track.entered if track.state == "repair" else track.stopped
    elapsed = (stamp(picture.now) - begin) / MICROSECONDS
    if not modes:
        return LONG_WITHOUT_MODES * settings.stop_at_least, elapsed
    usual = max(mode.time_to_repair.quantile(settings.stop_quantile) for mode in modes)
    if track.state != "repair":
        waits = [_on_duty(picture, mode, moment(begin).to_pydatetime()) for mode in modes]
        elapsed = min([elapsed, *(wait for wait in waits if wait is not None)])
    return max(usual, settings.stop_at_least), elapsed


def _on_duty(picture: Picture, mode: FailureMode, begin: datetime) -> float | None:
    """Minutes for which a crew of a mode was on duty since an instant; None when it needs none."""
    if mode.crew is None:
        return None
    compiled, plan = picture.plan.compiled, picture.plan
    first, last = plan.minute(begin), plan.minute(picture.now)
    before = max(-first, 0.0)  # before the plan begins nothing is known of duties: all counts
    crews = [compiled.plant.crews[n].id for n in compiled.crews_for[mode.crew]]
    return before + max(
        compiled.crew_open[crew].working_minutes(max(first, 0.0), last) for crew in crews
    )


def silent_units(picture: Picture) -> Iterator[Finding]:
    """Units that say nothing for longer than is usual in their state."""
    settings = picture.settings
    for unit in picture.plan.run.case.plant.work_units:
        known, silence = picture.pulse.units.get(unit.id), picture.silence(unit.id)
        if known is None or silence is None or known.usual is None:
            continue
        since, minutes = silence
        usual = known.usual / MICROSECONDS
        limit = max(settings.silent_factor * usual, settings.silent_at_least)
        if minutes <= limit:
            continue
        yield Finding(
            "silent_unit", unit.id, "warning", since,
            f"{unit.id} has told nothing for {_length(minutes)} of its shift",
            f"in state {known.state or 'unknown'} its longest silence is usually {_length(usual)}",
            "look at the unit, its controller and its line to the store (noria ingest says more)",
            work_unit=unit.id,
        )  # fmt: skip


def feed_lag(picture: Picture) -> Iterator[Finding]:
    """No event of any unit in a shift."""
    silence, known = picture.silence(SITE), picture.pulse.units.get(SITE)
    if silence is None or known is None:
        return
    since, minutes = silence
    usual = max((gaps.usual for gaps in known.gaps.values()), default=0) / MICROSECONDS
    limit = max(picture.settings.feed_lag, picture.settings.silent_factor * usual)
    if minutes > limit:
        yield Finding(
            "feed_lag", "feed", "alarm", since,
            f"no event of any work unit for {_length(minutes)}",
            f"at most {_length(limit)} in a shift; orders and units are shown as they were then",
            "see whether noria ingest runs and its sources are connected",
        )  # fmt: skip


def clock_ahead(picture: Picture) -> Iterator[Finding]:
    """Units whose events come from the future."""
    limit = picture.settings.clock_ahead
    for unit, ahead in picture.pulse.ahead.items():
        minutes = ahead / MICROSECONDS
        if minutes > KEEPS * limit:
            yield Finding(
                "clock_ahead", unit, "warning", picture.now,
                f"the clock of {unit} is {_length(minutes)} ahead: its events lie in the future",
                "at most a few seconds; such events count when their time has come",
                "set the clock of its controller, or the time zone of its source",
                work_unit=unit,
                raises=minutes > limit,
            )  # fmt: skip


def late_events(picture: Picture) -> Iterator[Finding]:
    """Events that came too late to be put in their place."""
    if picture.too_late:
        yield Finding(
            "late_events", "feed", "note", picture.now,
            f"{picture.too_late} events came so late that the state does not know them yet",
            "at most twelve hours late",
            "nothing: the log is read anew by itself",
        )  # fmt: skip


def energy_peak(picture: Picture) -> Iterator[Finding]:
    """Net import above what is agreed or planned, metered now or expected within the next hours."""
    case, settings = picture.plan.run.case, picture.settings
    hard = case.demands.power_cap_kw or case.plant.energy.contract_kw
    value = picture.plan.run.schedule.value
    soft = max(case.forecast.peak_incurred_kw, value.peak_kw if value else 0.0)
    peak = hard or soft * (1 + settings.peak_margin)
    named = "agreed" if hard else "planned, or already incurred this month"
    if peak <= 0:
        return
    metered = _metered_kw(picture)
    if metered and metered[1] > peak * (1 - settings.peak_margin / 2):
        yield Finding(
            "energy_peak", "metered", "alarm", metered[0],
            f"the last full quarter of an hour drew {metered[1]:,.0f} kW from the grid",
            f"at most {peak:,.0f} kW is {named}",
            "hold back startups and heavy units until the load is down",
            raises=metered[1] > peak,
        )  # fmt: skip
    outlook = picture.outlook
    if outlook is None or not outlook.import_kw:
        return
    highest = max(range(len(outlook.import_kw)), key=lambda n: outlook.import_kw[n])
    kw, at = outlook.import_kw[highest], outlook.slots[highest]
    if kw > peak * (1 - settings.peak_margin / 2):
        yield Finding(
            "energy_peak", "ahead", "warning", picture.now,
            f"{kw:,.0f} kW of net import are expected at {picture.clock(at)}",
            f"at most {peak:,.0f} kW is {named}",
            "start heavy units one after the other, or plan again",
            raises=kw > peak,
        )  # fmt: skip


def _metered_kw(picture: Picture) -> tuple[datetime, float] | None:
    """Start and mean net import of the last full quarter [kW], from meters, base load and own
    generation; None without meters, or when it is long past."""
    found = picture.pulse.last_quarter(picture.now)
    if found is None or stamp(picture.now) - found[0] > 45 * MICROSECONDS:
        return None
    end, kwh = moment(found[0]).to_pydatetime(), found[1]
    forecast = picture.plan.run.case.forecast
    start = end - timedelta(minutes=15)
    slot = int(forecast.horizon.to_minutes(start) // forecast.horizon.slot_minutes)
    own = float(forecast.generation_kw[slot]) if 0 <= slot < forecast.horizon.slots else 0.0
    return start, kwh * 4 + picture.plan.run.case.plant.energy.base_load_kw - own


def scrap(picture: Picture) -> Iterator[Finding]:
    """Operations whose last lots have more scrap than the lots before."""
    limit = picture.settings.scrap_sigmas
    for place, chart in picture.pulse.scrap.items():
        if chart.sigmas <= KEEPS * limit:
            continue
        unit, _, operation = place.partition("/")
        yield Finding(
            "scrap", place, "warning", moment(chart.since).to_pydatetime(),
            f"{unit}, {operation}: {chart.share:.2%} scrap in the last {len(chart.recent)} lots, "
            f"{chart.sigmas:.1f} standard deviations above the lots before",
            f"control limit {limit:g} standard deviations",
            "measure a part, look at tools and material, and hold the lots since for inspection",
            work_unit=unit,
            raises=chart.sigmas > limit,
        )  # fmt: skip


def drift(picture: Picture) -> Iterator[Finding]:
    """Operations whose cycle times are no longer those of the twin."""
    told: set[tuple[str, str]] = set()
    for found in picture.drifts:
        is_fresh = picture.now - found.raised < DRIFT_TOLD
        if found.place in told or not (is_fresh or found.is_lasting):
            continue
        told.add(found.place)
        unit, operation = found.place
        doing = "hides stops" if found.direction == "stops" else f"runs {found.direction}"
        yield Finding(
            "drift", f"{unit}/{operation}", "warning" if found.is_lasting else "note", found.since,
            f"{unit}, {operation}, {doing}: the last {found.lots} lots took {found.ratio - 1:+.1%} "
            "against the twin's time",
            "the twin's times are fitted anew by the next nightly run",
            "look at feed, tools and settings of the unit; is the slower pace meant?",
            work_unit=unit,
        )  # fmt: skip


def plan_too_old(picture: Picture) -> Iterator[Finding]:
    """The nightly job has not published for longer than a night."""
    age = (picture.now - picture.plan.age_start).total_seconds() / 60
    if age > picture.settings.plan_age:
        yield Finding(
            "plan_too_old", "plan", "alarm", picture.plan.age_start,
            f"the plan was made for {picture.clock(picture.plan.age_start)}, {_length(age)} ago",
            f"a new one at least every {_length(picture.settings.plan_age)}",
            "see why the nightly job did not publish (noria runs of the dashboard), or plan again",
        )  # fmt: skip


def _words_of(state: str) -> str:
    return "under repair" if state == "repair" else "down"


def _length(minutes: float) -> str:
    """A length of time in words: minutes up to two hours, hours up to two days, then days."""
    if abs(minutes) < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if abs(minutes) < 2880 else f"{minutes / 1440:.1f} days"
