"""A line that shifts its work night by night: how much of what perfect foresight would save?

    python tests/benchmarks/price_shift.py spain_2021_2022_price_carbon_hourly.csv [--hours 12]

Every evening the line is planned for the next days on a forecast made of the days before, by the
exact timing of the product; the first day is carried out, and paid at what its hours really cost.
Each day brings so many hours of work, in lots of an hour, due at its end or later (--due). Beside
it: perfect foresight, which plans the same way on the true hours of the next days, and no shifting
(flat), the same hours every day, chosen without a look at the price: the mean over all first hours.

That forecast knows no auction. Where the prices are those of a day-ahead market, tomorrow's are
published before the evening; ``captured_share_published`` says what knowing them would capture.

captured share = (flat − rolling) / (flat − perfect), for cost and for carbon, year by year. The
cheapest and the cleanest plan stand side by side with what each costs and causes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from solvers.lines.bill import power_of
from solvers.lines.problem import OFF, Line, LineProblem, Order, Site, Stretch, Transition, Way
from solvers.lines.timing import Timing
from tests.benchmarks.hourly_forecasts import DEFAULT, FORECASTS
from tests.benchmarks.hourly_series import HourlySeries, read_series
from tests.benchmarks.measure import rounded, tell
from twin.errors import Fault, InputError, NoriaError
from twin.model.horizon import Array

DAY, YEAR = 24, 365
READY = 1
WORK_KW, STANDBY_KW, STARTUP_KW = 100.0, 5.0, 20.0
"""A start-up takes an hour; a shut-down takes none."""
AHEAD = 3
"""Days planned each evening."""
FIRST_DAY = 14
"""Days known before the first night."""
FEWEST_DAYS = 28

Ahead = Callable[[int, int], Array]
"""From a day and so many days: what their hours are thought to cost, (days, 24)."""


@dataclass(frozen=True)
class Plant:
    """A line with so many hours of work a day, each due some hours after the day began."""

    hours: int
    due: int

    def problem(self, rate: Array, mode: int, backlog: Sequence[int], days: int) -> LineProblem:
        """The next days at an hourly cost of power, with new work on the first so many days.

        ``backlog`` has the deadlines of the lots left from earlier days, in slots from now.
        """
        slots = len(rate)
        fresh = [
            (DAY * day, DAY * day + self.due) for day in range(days) for _ in range(self.hours)
        ]
        lots = [*((0, deadline) for deadline in sorted(backlog)), *fresh]
        way = (Way(0, READY, ((1, WORK_KW),)),)
        line = Line(
            "line",
            np.ones(slots, dtype=bool),
            (0.0, STANDBY_KW),
            (Transition(OFF, READY, 1, STARTUP_KW), Transition(READY, OFF, 0, 0.0)),
            first_mode=mode,
            last_mode=None,
        )
        orders = tuple(
            Order(str(n), way, release, deadline=deadline)
            for n, (release, deadline) in enumerate(lots)
            if deadline <= slots
        )
        nothing = np.zeros(slots)
        site = Site(rate, nothing, 0.0, nothing, nothing)
        return LineProblem("nights", 1.0, slots, (line,), orders, (), site)

    def flat_kwh(self) -> float:
        """Energy of a day with the same hours each day."""
        return self.hours * WORK_KW + STARTUP_KW


@dataclass
class Night:
    """What stands on the evening before a day."""

    mode: int = OFF
    backlog: tuple[int, ...] = ()

    def carried_out(self, problem: LineProblem, hours: int) -> tuple[Array, Night]:
        """Power of the first hours of the best plan, and how things stand after them."""
        plan = Timing(problem).plan((tuple(range(len(problem.orders))),))
        done = {s.index for s in plan.stretches if s.kind == "order" and s.end <= hours}
        left = tuple(
            order.deadline - hours
            for j, order in enumerate(problem.orders)
            if j not in done and order.release < hours and order.deadline is not None
        )
        power = power_of(problem, plan.stretches)[:hours]
        return power, Night(self._mode_at(problem, plan.stretches, hours), left)

    def _mode_at(self, problem: LineProblem, stretches: Sequence[Stretch], hours: int) -> int:
        mode = self.mode
        for s in stretches:
            if s.kind == "transition" and s.end <= hours:
                mode = problem.lines[0].transitions[s.index].end
        return mode


def nightly(plant: Plant, days: range, ahead: Ahead) -> Array:
    """Power of each hour, (days + AHEAD, 24), when every evening is planned on what is ahead.

    The lots left after the last day are worked off in the days behind it, without new ones.
    """
    night, power = Night(), []
    for day in days:
        rate = ahead(day, AHEAD).ravel()
        worked, night = night.carried_out(
            plant.problem(rate, night.mode, night.backlog, AHEAD), DAY
        )
        power.append(worked)
    rate = ahead(days.stop, AHEAD).ravel()
    last, _ = night.carried_out(plant.problem(rate, night.mode, night.backlog, 0), AHEAD * DAY)
    return np.vstack([*power, last.reshape(AHEAD, DAY)])


def known_ahead(values: Array) -> Ahead:
    """Perfect foresight."""
    return lambda day, days: values[day : day + days]


def forecast_ahead(name: str, values: Array, weekday: int) -> Ahead:
    """What a forecast makes of the days before."""
    return lambda day, days: FORECASTS[name](values[:day], weekday, days)


def published_ahead(name: str, values: Array, weekday: int) -> Ahead:
    """The next day is known, as after an auction; the days behind it are forecast."""

    def ahead(day: int, days: int) -> Array:
        later = FORECASTS[name](values[: day + 1], weekday, days - 1)
        return np.vstack([values[day : day + 1], later])

    return ahead


@dataclass(frozen=True)
class Year:
    """Days of a series that are planned night by night, with each way's power."""

    plant: Plant
    series: HourlySeries
    days: range

    def sums(self, power: Array) -> dict[str, float]:
        """Cost and carbon of hourly power from the first day on."""
        span = slice(self.days.start, self.days.start + len(power))
        sums = {"cost": float((power * self.series.price[span]).sum())}
        if self.series.carbon is not None:
            sums["kgco2e"] = float((power * self.series.carbon[span]).sum())
        return sums

    def flat(self) -> dict[str, float]:
        """The same hours every day: on average over all first hours, energy at the day's mean."""
        return self.sums(np.full((len(self.days), DAY), self.plant.flat_kwh() / DAY))

    def shares(self, values: Array, aim: str, names: Sequence[str]) -> dict[str, object]:
        """What perfect foresight and each forecast come to, with the captured shares."""
        weekday = int(self.series.begin.weekday())
        flat = self.flat()
        perfect = self.sums(nightly(self.plant, self.days, known_ahead(values)))
        rolling = {
            name: self.sums(nightly(self.plant, self.days, forecast_ahead(name, values, weekday)))
            for name in names
        }
        published = self.sums(
            nightly(self.plant, self.days, published_ahead(names[0], values, weekday))
        )
        saved = flat[aim] - perfect[aim]
        return {
            "flat": _rounded(flat),
            "perfect": _rounded(perfect),
            "rolling": _rounded(rolling[names[0]]),
            "captured_share": rounded((flat[aim] - rolling[names[0]][aim]) / saved),
            "captured_share_published": rounded((flat[aim] - published[aim]) / saved),
            "shares": {n: rounded((flat[aim] - r[aim]) / saved) for n, r in rolling.items()},
        }


def _rounded(sums: dict[str, float]) -> dict[str, float]:
    return {name: rounded(value, 7) for name, value in sums.items()}


def years_of(days: int) -> list[range]:
    """Spans of a year each, counted from the last day back; what is left over is the first."""
    last, spans = days - AHEAD, []
    while last - FIRST_DAY >= FEWEST_DAYS:
        first = max(last - YEAR, FIRST_DAY)
        spans.append(range(first, last))
        last = first
    return spans[::-1]


def report(path: Path, plant: Plant, names: Sequence[str]) -> None:
    """One line a year and aim, and the file's summary."""
    series = read_series(path)
    spans = years_of(len(series.price))
    if not spans:
        days = f"{len(series.price)} days; {FIRST_DAY + FEWEST_DAYS + AHEAD} are needed"
        raise InputError(str(path), [Fault("file", days, "name a longer series")])
    tell(what="series", file=path.name, days=len(series.price), **series.notes)
    aims = {"cost": series.price}
    if series.carbon is not None:
        aims["kgco2e"] = series.carbon
    told: dict[str, list[float]] = {aim: [] for aim in aims}
    for span in spans:
        year = Year(plant, series, span)
        begin = str((series.begin + np.timedelta64(span.start, "D")).date())
        for aim, values in aims.items():
            facts = year.shares(values, aim, names)
            told[aim].append(float(str(facts["captured_share"])))
            tell(what="year", aim=aim, begin=begin, nights=len(span), forecast=names[0], **facts)
    tell(
        what="summary",
        file=path.name,
        forecast=names[0],
        hours_a_day=plant.hours,
        due_hours=plant.due,
        **{f"captured_share_{aim}": shares for aim, shares in told.items()},
    )


def main(words: Sequence[str] | None = None) -> int:
    """Exit code: 0, or 2 where a file cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--hours", type=int, default=12, help="of work a day")
    parser.add_argument("--due", type=int, default=24, help="hours from a day's midnight")
    parser.add_argument("--forecast", choices=FORECASTS, default=DEFAULT)
    parser.add_argument("--all-forecasts", action="store_true")
    asked = parser.parse_args(words)
    if not 1 <= asked.hours <= DAY - 1 or not asked.hours < asked.due <= AHEAD * DAY:
        parser.error(
            f"got {asked.hours} hours due after {asked.due}; expected are 1 to {DAY - 1} hours of "
            f"work a day, due after more hours than that and at most {AHEAD * DAY}"
        )
    others = [n for n in FORECASTS if n != asked.forecast] if asked.all_forecasts else []
    status = 0
    for path in asked.files:
        try:
            report(path, Plant(asked.hours, asked.due), [asked.forecast, *others])
        except NoriaError as error:
            print(error, file=sys.stderr)
            status = 2
    return status


if __name__ == "__main__":
    sys.exit(main())
