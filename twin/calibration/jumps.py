"""Clocks that are wrong for a stretch: set on (or back) by some minutes, and back again later.

Signs of it are independent of each other. The unit's meter misses readings where its clock is set
on and reads twice where it is set back. Batches pass from unit to unit in impossible order, and
would not if the stretch were moved. In a file that keeps the order of arrival the unit's rows stand
among rows of other times. Where the clock is set back its rows are shuffled, and make sense once
told apart. A jump is taken out where two of these agree on it; else the stretch is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twin.calibration.clocks import STEADY, TOLERANCE, WITNESSES, handovers, spans
from twin.calibration.meter_beats import AGREE, Break, beat_breaks, common_breaks, pairs_of
from twin.calibration.splicing import Succession, by_file_order, by_succession
from twin.model.events import EventLog
from twin.model.horizon import Array
from twin.model.plant import Plant

EXACTLY = "off by exactly so much"
LEAST_JUMP = 3.0
"""Jumps by less [min] pass for rounding."""
LARGEST_JUMP = 1440.0
LEAST_GAIN = 10.0
"""Log likelihood by which shuffled rows must make more sense once told apart."""
HARMED = 0.1
"""Share of hand-overs in a stretch that may speak against it."""
LEAST_MENDED = 5
"""Broken hand-overs in a stretch that alone make a clock suspect."""
LEAST_BROKEN = 0.2
"""Share of the stretch's hand-overs that must be broken for it."""
FILE_AGREE = 10.0
"""The order of a file tells the size of a jump this well [min]."""
QUARTER_AGREE = 4.0
"""A jump so near to whole quarters of an hour [min] is taken for that."""
RUN = 9
"""Rows of a unit over which the order of the file is averaged."""
WHOLE_LOG = 0.9
"""A clock off for more of the log than this did not jump: it is wrong."""

Mask = NDArray[np.bool_]
Side = Literal["", "before", "after"]


@dataclass(frozen=True)
class ClockJump:
    """A clock that was wrong for a stretch of the log."""

    work_unit: str
    """Empty for the whole plant."""
    minutes: float
    """Recorded minus true time in the stretch [min]."""
    begin: pd.Timestamp
    end: pd.Timestamp
    """First and last row of the stretch, as recorded."""
    signs: tuple[str, ...]
    """What shows it."""
    rows: int
    """In the stretch."""
    is_certain: bool
    unclear: int = 0
    """Rows where it was set back that belong to neither side for sure."""

    @property
    def evidence(self) -> str:
        return "; ".join(self.signs)


@dataclass(frozen=True)
class _Suspect:
    """A stretch of a unit's clock, in minutes from the first row of the log."""

    work_unit: str
    minutes: float
    gap: tuple[float, float] | None
    """Around the instant where time seems to pass too fast."""
    doubled: tuple[float, float] | None
    """Around the time that seems to pass twice."""
    signs: tuple[str, ...] = ()
    filed: frozenset[int] | None = None
    """Row numbers, where the order of the file gives them."""
    side: Side = ""
    """Where there is but one end in the log: whether the stretch lies before or after it."""

    @property
    def reach(self) -> tuple[float, float]:
        """From where to where its rows can lie."""
        edges = [t for side in (self.gap, self.doubled) if side for t in side]
        return min(edges), max(edges)


@dataclass(frozen=True)
class FoundJump:
    """A jump and the rows (by number) it concerns."""

    jump: ClockJump
    moved: NDArray[np.int64]
    """Rows stamped by the wrong clock."""
    unclear: NDArray[np.int64]


@dataclass(frozen=True)
class _Log:
    """The log's rows in time order, indexed by their number in the file."""

    table: pd.DataFrame
    minutes: Array
    passed: pd.DataFrame
    """Hand-overs, releases and completions included."""
    begin: pd.Timestamp

    def of_unit(self, unit: str) -> Mask:
        return (self.table["work_unit"] == unit).to_numpy(dtype=bool)

    def at(self, minute: float) -> pd.Timestamp:
        return self.begin + pd.Timedelta(minutes=minute)


def clock_jumps(
    table: pd.DataFrame,
    plant: Plant,
    steady: Set[str] = frozenset(),
    moved: Set[str] = frozenset(),
) -> list[FoundJump]:
    """Jumps of single clocks and of the whole plant's, in the order of time.

    Parameters
    ----------
    table
        Rows indexed by their number in the file, in its order.
    steady
        Units whose clock seems wrong all the time: broken hand-overs show nothing more there.
    moved
        Units whose times were set right already: their place in the file shows nothing.
    """
    if table.empty:
        return []
    log = _read(table, plant)
    is_meter = ((log.table["event"] == "meter") & (log.table["work_unit"] != "")).to_numpy(bool)
    units = log.table["work_unit"][is_meter]
    breaks = beat_breaks(log.minutes[is_meter], units)
    common = common_breaks(breaks, units.nunique())
    shared = {id(b) for group in common for b in group}
    own = [b for b in breaks if id(b) not in shared]
    suspects = [*_of_file(table, log, moved), *_of_meters(own)]
    found = [f for s in _distinct(suspects) if (f := _judged(s, log)) is not None]
    log = _read(moved_back(table, found), plant)
    done = {f.jump.work_unit for f in found}
    for unit in sorted({b.work_unit for b in own} - done - moved):
        found += _with_one_end([b for b in own if b.work_unit == unit], log)
    # What is out of the way breaks no hand-over of another unit.
    log = _read(moved_back(table, found), plant)
    known = steady | {f.jump.work_unit for f in found}
    found += [f for s in _of_handovers(log, known) if (f := _judged(s, log)) is not None]
    found += [_of_plant(group, log, plant) for group in common if abs(group[0].minutes) < 181]
    return sorted(found, key=lambda f: (f.jump.begin, f.jump.work_unit))


def moved_back(table: pd.DataFrame, found: list[FoundJump]) -> pd.DataFrame:
    """The rows with certain jumps taken out, in the order of the file."""
    table = table.copy()
    for one in found:
        if one.jump.is_certain:
            size = pd.Timedelta(minutes=one.jump.minutes).round("us")
            table.loc[one.moved, "time"] -= size
    return table


def _read(table: pd.DataFrame, plant: Plant) -> _Log:
    ordered = table.sort_values("time", kind="stable")
    begin = ordered["time"].iloc[0]
    minutes = (ordered["time"] - begin).dt.total_seconds().to_numpy(float) / 60
    return _Log(ordered, minutes, passings(ordered, plant, begin), begin)


def passings(ordered: pd.DataFrame, plant: Plant, begin: pd.Timestamp) -> pd.DataFrame:
    """Hand-overs from unit to unit, from the release to the first unit, from the last to the end.

    Returns
    -------
    DataFrame with giver and taker (empty for the plant itself), given and taken [min from begin].
    """
    log = EventLog(ordered)
    between = handovers(log, plant)[["giver", "taker", "given", "taken"]]
    routes = {p.id: plant.route_of(p) for p in plant.products}
    ends = spans(ordered[ordered["event"] == "end"], "max")
    is_last = [routes.get(p, [""])[-1:] == [o]
               for p, o in zip(ends["product"], ends["operation"], strict=True)]  # fmt: skip
    done = ordered[ordered["event"] == "complete"].drop_duplicates("order")[["order", "time"]]
    last = ends[np.array(is_last, dtype=bool)].merge(done, on="order", suffixes=("", "_plant"))
    starts = ordered[(ordered["event"] == "start") & (ordered["order"] != "")]
    first = spans(starts, "min").sort_values("time", kind="stable").drop_duplicates("order")
    let = ordered[ordered["event"] == "release"].drop_duplicates("order")[["order", "time"]]
    released = first.merge(let, on="order", suffixes=("", "_plant"))
    both = pd.concat(
        [
            between,
            pd.DataFrame({"giver": last["work_unit"], "taker": "", "given": last["time"],
                          "taken": last["time_plant"]}),
            pd.DataFrame({"giver": "", "taker": released["work_unit"],
                          "given": released["time_plant"], "taken": released["time"]}),
        ],
        ignore_index=True,
    )  # fmt: skip
    for side in ("given", "taken"):
        times = pd.to_datetime(both[side], utc=True)
        both[side] = (times - begin).dt.total_seconds() / 60
    return both


def _of_meters(breaks: list[Break]) -> Iterator[_Suspect]:
    """Breaks of one meter that undo each other, and clocks set back for good."""
    by_unit: dict[str, list[Break]] = {}
    for one in breaks:
        if LEAST_JUMP <= abs(one.minutes) <= LARGEST_JUMP:
            by_unit.setdefault(one.work_unit, []).append(one)
    for unit, own in by_unit.items():
        pairs = pairs_of(own)
        for first, second in pairs:
            gap, double = (first, second) if first.minutes > 0 else (second, first)
            beats = f"its meter misses {gap.minutes:.0f} min of readings at one end of the stretch"
            size = gap.minutes if gap is first else -gap.minutes
            yield _Suspect(
                unit, size, (gap.first, gap.last),
                (double.first - double.beat, double.last + double.beat),
                (f"{beats} and reads {-double.minutes:.0f} min twice at the other",),
            )  # fmt: skip


def _with_one_end(breaks: list[Break], log: _Log) -> Iterator[FoundJump]:
    """Clocks set on or back once, wrong before it or ever since; hand-overs tell which.

    Readings missed once are lost messages where no hand-over says more; a clock set back is one
    set back for sure, and the time that passes twice is left out where nobody knows which side is
    wrong.
    """
    paired = {id(b) for pair in pairs_of(breaks) for b in pair}
    for one in breaks:
        is_large = LEAST_JUMP <= abs(one.minutes) <= LARGEST_JUMP
        if id(one) in paired or not is_large or (0 < one.minutes < 1.5 * one.beat):
            continue
        around = (one.first - one.beat, one.last + one.beat)
        gap = (one.first, one.last) if one.minutes > 0 else None
        doubled = None if one.minutes > 0 else around
        what = "misses" if one.minutes > 0 else "reads twice"
        text = f"its meter {what} {abs(one.minutes):.0f} min of readings once"
        sides: tuple[tuple[Side, float], ...] = (("after", one.minutes), ("before", -one.minutes))
        found = [
            _judged(_Suspect(one.work_unit, size, gap, doubled, (text,), None, side), log)
            for side, size in sides
        ]
        sure = [f for f in found if f is not None and f.jump.is_certain]
        if one.minutes < 0:  # readings of one value may be gone as repeats: its size is not sure
            sure = [f for f in sure if f.jump.signs[-1].endswith(EXACTLY)]
        if len(sure) == 1:
            yield sure[0]
        elif one.minutes < 0:
            mine = log.of_unit(one.work_unit)
            yield _doubtful(_Suspect(one.work_unit, -one.minutes, gap, doubled, (text,)), log, mine)


def _of_file(table: pd.DataFrame, log: _Log, moved: Set[str]) -> Iterator[_Suspect]:
    """Stretches in which a unit's rows stand in the file among rows of other times."""
    filed = (table["time"] - log.begin).dt.total_seconds() / 60
    if (np.diff(filed.to_numpy()) >= 0).all():
        return
    for unit in sorted(set(table["work_unit"]) - {""} - moved):
        mine = (table["work_unit"] == unit).to_numpy(dtype=bool)
        out = _out_of_place(filed, mine)
        usual = out.rolling(RUN, min_periods=RUN // 2, center=True).median()
        wrong = (usual.abs() > LEAST_JUMP).to_numpy(dtype=bool)
        if wrong.mean() > WHOLE_LOG:
            continue
        for run in _runs(wrong):
            size = float(np.quantile(out.iloc[run].abs(), 0.9)) * np.sign(usual.iloc[run].median())
            near = out.iloc[run][(out.iloc[run] - size).abs() <= abs(size) / 2].index
            if len(near) < 2 * RUN or not LEAST_JUMP <= abs(size) <= LARGEST_JUMP:
                continue
            span = (float(filed[near].min()), float(filed[near].max()))
            text = f"{len(near)} of its rows stand in the file among rows of other times"
            yield _Suspect(unit, float(size), span, span, (text,), frozenset(near.tolist()))


def _out_of_place(filed: pd.Series, mine: Mask) -> pd.Series:
    """By how much each row of a unit lies outside the times of others beside it in the file [min].

    Three others on each side are asked, so that one that came late does not decide.
    """
    others = filed[~mine]
    back = others.rolling(3, min_periods=1).median()
    ahead = others[::-1].rolling(3, min_periods=1).median()[::-1]
    before = back.reindex(filed.index).ffill()[mine]
    after = ahead.reindex(filed.index).bfill()[mine]
    own = filed[mine]
    low, high = np.fmin(before, after), np.fmax(before, after)
    out: pd.Series = (own - high).clip(lower=0) + (own - low).clip(upper=0)
    return out.fillna(0.0)


def _runs(mask: Mask) -> Iterator[NDArray[np.int64]]:
    places = np.flatnonzero(mask)
    for group in np.split(places, np.flatnonzero(np.diff(places) > RUN) + 1):
        if len(group):
            yield np.arange(group[0], group[-1] + 1)


def _of_handovers(log: _Log, known: Set[str]) -> Iterator[_Suspect]:
    """Stretches in which hand-overs are broken again and again, on units no meter tells of."""
    passed = log.passed
    for unit in sorted({*passed["giver"], *passed["taker"]} - {""} - known):
        times, gaps, sides = _sides(unit, passed)
        if len(times) < LEAST_MENDED:
            continue
        for way in (1.0, -1.0):
            overlaps = np.sort(-gaps[(sides == way) & (gaps < -LEAST_JUMP)])
            if len(overlaps) < LEAST_MENDED or overlaps[-1] > LARGEST_JUMP:
                continue
            size = _usual(overlaps)
            after = gaps + sides * way * size
            mended = (gaps < -TOLERANCE) & (after >= -TOLERANCE)
            harmed = (gaps >= -TOLERANCE) & (after < -TOLERANCE)
            score = mended.astype(float) - 2.0 * harmed
            first, last, best = _best_stretch(score)
            if best < max(LEAST_MENDED, LEAST_BROKEN * (last - first + 1)):
                continue
            if last - first + 1 > WHOLE_LOG * len(times):
                continue
            text = f"all of {int(mended[first : last + 1].sum())} broken hand-overs in the stretch"
            span = (float(times[first]), float(times[last]))
            yield _Suspect(unit, way * size, span, span, (f"{text} would be mended",))


def _sides(unit: str, passed: pd.DataFrame) -> tuple[Array, Array, Array]:
    """Hand-overs of a unit in time order: (N,) its own time, gap, and 1 where it gave."""
    gave = (passed["giver"] == unit).to_numpy(dtype=bool)
    took = (passed["taker"] == unit).to_numpy(dtype=bool)
    own = passed[gave | took]
    sides = np.where((own["giver"] == unit).to_numpy(dtype=bool), 1.0, -1.0)
    given, taken = own["given"].to_numpy(float), own["taken"].to_numpy(float)
    times = np.where(sides > 0, given, taken)
    order = np.argsort(times, kind="stable")
    return times[order], (taken - given)[order], sides[order]


def _usual(overlaps: Array) -> float:
    """The size on which most overlaps agree; where none do, the largest."""
    near = np.abs(overlaps[:, None] - overlaps[None, :]) <= AGREE
    counts = near.sum(axis=1)
    if counts.max() < WITNESSES:
        return float(overlaps[-1])
    return float(np.median(overlaps[near[int(np.argmax(counts))]]))


def _best_stretch(score: Array) -> tuple[int, int, float]:
    """First and last place of the stretch with the largest sum."""
    best, found, running, start = 0.0, (0, -1), 0.0, 0
    for i, value in enumerate(score.tolist()):
        if running <= 0:
            running, start = 0.0, i
        running += value
        if running > best:
            best, found = running, (start, i)
    return *found, best


def _distinct(suspects: list[_Suspect]) -> list[_Suspect]:
    """One suspect for each stretch: where several say the same, with all their signs."""
    kept: list[_Suspect] = []
    for one in suspects:
        for i, other in enumerate(kept):
            (a, b), (c, d) = one.reach, other.reach
            if one.work_unit == other.work_unit and a <= d and c <= b:
                if abs(one.minutes - other.minutes) <= FILE_AGREE or one.gap is None:
                    size = one.minutes if one.gap and other.filed else other.minutes
                    kept[i] = replace(other, signs=other.signs + one.signs, minutes=size)
                break
        else:
            kept.append(one)
    return kept


def _judged(suspect: _Suspect, log: _Log) -> FoundJump | None:
    """The rows of a suspected stretch, and whether enough signs agree on it."""
    mine = log.of_unit(suspect.work_unit)
    if suspect.filed is not None and len(suspect.signs) == 1:
        suspect = _sized(suspect, log)
    if suspect.gap is None and not suspect.side:
        return _doubtful(suspect, log, mine)
    told = _told_apart(suspect, log, mine)
    if told is None:
        return _doubtful(suspect, log, mine)
    moved, unclear, signs = told
    if not len(moved):
        return None
    stretch = log.table.loc[moved, "time"]
    low, high = ((t - log.begin).total_seconds() / 60 for t in (stretch.min(), stretch.max()))
    words, is_against = _handover_words(suspect, log, (low, high))
    signs = (*suspect.signs, *signs, *words)
    # Which side of a single end is wrong, only hand-overs say.
    is_certain = len(signs) >= 2 and not is_against and (bool(words) or not suspect.side)
    jump = ClockJump(
        suspect.work_unit, suspect.minutes, stretch.min(), stretch.max(), signs, len(moved),
        is_certain, len(unclear),
    )  # fmt: skip
    return FoundJump(jump, moved, unclear)


def _sized(suspect: _Suspect, log: _Log) -> _Suspect:
    """A jump that only the order of the file shows, with its size from elsewhere where it can be.

    Batches taken up at once give it; so does the quarter of an hour nearest to it, for clocks are
    set wrong by hours and their parts.
    """
    times, gaps, sides = _sides(suspect.work_unit, log.passed)
    low, high = suspect.reach
    sizes = (-gaps * sides)[(times >= low) & (times <= high)]
    near = sizes[np.abs(sizes - suspect.minutes) <= FILE_AGREE]
    agree = (np.abs(near[:, None] - near[None, :]) <= STEADY).sum(axis=1)
    if len(near) and agree.max() >= WITNESSES:
        size = float(near[int(np.argmax(agree))])
        text = f"{int(agree.max())} hand-overs in it are off by exactly so much"
        return replace(suspect, minutes=size, signs=(*suspect.signs, text))
    quarter = 15.0 * round(suspect.minutes / 15)
    if quarter and abs(quarter - suspect.minutes) <= QUARTER_AGREE:
        return replace(suspect, minutes=quarter)
    return replace(suspect, gap=None)


def _doubtful(suspect: _Suspect, log: _Log, mine: Mask) -> FoundJump:
    low, high = suspect.reach
    inside = mine & (log.minutes >= low) & (log.minutes <= high)
    rows = log.table.index.to_numpy(dtype=np.int64)[inside]
    jump = ClockJump(
        suspect.work_unit, suspect.minutes, log.at(low), log.at(high), suspect.signs, len(rows),
        is_certain=False,
    )  # fmt: skip
    return FoundJump(jump, rows, np.array([], dtype=np.int64))


def _told_apart(
    suspect: _Suspect, log: _Log, mine: Mask
) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[str, ...]] | None:
    """Row numbers in the stretch, those that nobody can tell, and what that shows."""
    table, size = log.table, abs(suspect.minutes)
    numbers = table.index.to_numpy(dtype=np.int64)
    if suspect.filed is not None:
        return np.array(sorted(suspect.filed)), np.array([], dtype=np.int64), ()
    if suspect.side:
        return _one_side(suspect, log, mine)
    if suspect.gap is None or suspect.doubled is None or suspect.doubled == suspect.gap:
        return None
    edge = _edge(log.minutes[mine], suspect.gap, size)
    if edge is None:
        return None
    low, high = suspect.doubled
    window = mine & (log.minutes > low) & (log.minutes < high)
    is_meter = (table["event"] == "meter").to_numpy(dtype=bool)
    first, unclear, signs = _first_of(log, mine, window, is_meter, size)
    is_ahead = suspect.minutes > 0
    outside = (
        (log.minutes >= edge) & (log.minutes <= low) if is_ahead
        else (log.minutes >= high) & (log.minutes < edge)
    )  # fmt: skip
    stretch = (mine & outside) | (first if is_ahead else window & ~first)
    stretch &= ~unclear
    return numbers[stretch], numbers[unclear], signs


def _one_side(
    suspect: _Suspect, log: _Log, mine: Mask
) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[str, ...]] | None:
    """As :func:`_told_apart`, where the stretch goes on to an end of the log."""
    numbers, size = log.table.index.to_numpy(dtype=np.int64), abs(suspect.minutes)
    is_before = suspect.side == "before"
    if suspect.gap is not None:
        edge = _edge(log.minutes[mine], suspect.gap, size)
        if edge is None:
            return None
        inside = log.minutes < edge if is_before else log.minutes >= edge
        return numbers[mine & inside], numbers[:0], ()
    assert suspect.doubled is not None
    low, high = suspect.doubled
    window = mine & (log.minutes > low) & (log.minutes < high)
    is_meter = (log.table["event"] == "meter").to_numpy(dtype=bool)
    first, unclear, signs = _first_of(log, mine, window, is_meter, size)
    outside = mine & (log.minutes <= low if is_before else log.minutes >= high)
    stretch = (outside | (first if is_before else window & ~first)) & ~unclear
    return numbers[stretch], numbers[unclear], signs


def _edge(times: Array, gap: tuple[float, float], size: float) -> float | None:
    """The first time after the hole in a unit's rows that a clock set on leaves."""
    near = times[(times >= gap[0]) & (times <= gap[1])]
    holes = np.diff(near)
    if not len(holes) or holes.max() < size - AGREE:
        return None
    return float(near[int(np.argmax(holes)) + 1])


def _first_of(
    log: _Log, mine: Mask, window: Mask, is_meter: Mask, size: float
) -> tuple[Mask, Mask, tuple[str, ...]]:
    """Rows of the doubled window that happened before the clock was set back, and unclear ones."""
    table = log.table
    first, unclear = np.zeros(len(table), dtype=bool), np.zeros(len(table), dtype=bool)
    places = np.flatnonzero(window & ~is_meter)
    rows = table.iloc[places]
    signs: tuple[str, ...] = ()
    filed = by_file_order(table.iloc[np.flatnonzero(window)])
    if filed is not None:
        first[np.flatnonzero(window)] = filed
        return first, unclear, ("where it was set back the file's times fall back",)
    around = mine & ~is_meter
    before = around & (log.minutes <= log.minutes[window].min(initial=np.inf)) & ~window
    after = around & (log.minutes >= log.minutes[window].max(initial=-np.inf)) & ~window
    usual = Succession(table[around])
    split = by_succession(rows, table[before], table[after], size, usual)
    if split is not None:
        first[places] = split.is_first
        if split.gain >= LEAST_GAIN:
            text = f"{len(rows)} rows where it was set back make sense only as two stretches"
            signs = (text,)
    elif len(rows) > 1 or len(rows) == 1:
        unclear[places] = True
    first |= _first_readings(log, window & is_meter)
    return first, unclear, signs


def _first_readings(log: _Log, readings: Mask) -> Mask:
    """Of two readings of one time the one recorded first; the rest by their place on the beat."""
    first = np.zeros(len(log.table), dtype=bool)
    places = np.flatnonzero(readings)
    times = log.minutes[places]
    for i, place in enumerate(places):
        later_twin = (np.abs(times[i + 1 :] - times[i]) <= STEADY).any()
        first[place] = bool(later_twin)
    # Before the first pair there is one stretch only, and after the last pair the other.
    if first.any():
        first[places[times < times[np.flatnonzero(first[places])[0]] - STEADY]] = True
    return first


def _handover_words(
    suspect: _Suspect, log: _Log, span: tuple[float, float]
) -> tuple[tuple[str, ...], bool]:
    """What hand-overs inside a stretch say for it, and whether they speak against it."""
    times, gaps, sides = _sides(suspect.work_unit, log.passed)
    inside = (times >= span[0]) & (times <= span[1])
    gaps, sides = gaps[inside], sides[inside]
    after = gaps + sides * suspect.minutes
    broken = gaps < -TOLERANCE
    mended = broken & (after >= -TOLERANCE)
    harmed = ~broken & (after < -TOLERANCE)
    is_against = int(harmed.sum()) > max(HARMED * len(gaps), 0.0) + mended.sum() / 10
    words = []
    if mended.sum() >= 2:
        words.append(
            f"{int(mended.sum())} of {len(gaps)} hand-overs in it cannot have happened as recorded "
            "and are possible without it"
        )
    at_once = int((np.abs(after) <= STEADY).sum())
    if at_once >= WITNESSES and int((np.abs(gaps) <= STEADY).sum()) == 0:
        words.append(f"{at_once} hand-overs in it are {EXACTLY}")
    return tuple(words), is_against


def _of_plant(group: list[Break], log: _Log, plant: Plant) -> FoundJump:
    """A break of all meters at once: named, and where time passes twice left out."""
    one = group[0]
    first, last = log.at(one.first), log.at(one.last)
    back = one.minutes < 0
    what = "read twice" if back else "miss"
    signs = [f"{len(group)} meters {what} the same {abs(one.minutes):.0f} min"]
    zone = plant.zone
    offsets = {t.tz_convert(zone).utcoffset() for t in (first - pd.Timedelta(days=1),
                                                         last + pd.Timedelta(days=1))}  # fmt: skip
    if len(offsets) > 1:
        signs.append(f"the clocks of {plant.timezone} changed there: the change was made twice")
    inside = (log.minutes > one.first - one.beat) & (log.minutes < one.last + one.beat) if back \
        else np.zeros(len(log.minutes), dtype=bool)  # fmt: skip
    inside &= (log.table["work_unit"] != "").to_numpy(dtype=bool)
    rows = log.table.index.to_numpy(dtype=np.int64)[inside]
    jump = ClockJump("", one.minutes, first, last, tuple(signs), len(rows), is_certain=False)
    return FoundJump(jump, rows, np.array([], dtype=np.int64))
