"""Clocks of work units that run ahead or behind, seen where batches pass from one unit to the next.

A batch cannot start its next operation before it has ended the one before. Where one unit's
hand-overs break this again and again in one direction, its clock is off. How far follows from
stretches that have a mark on both clocks: batches taken up at once, and meters that are all read
on one beat. A shift is taken out only where these agree; else it is reported and left in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from twin.model.events import EventLog
from twin.model.horizon import Array
from twin.model.plant import Plant

TOLERANCE = 1.0
"""Hand-overs broken by less [min] are rounding."""
LEAST_BROKEN = 3
"""Broken hand-overs from which a clock is suspected without any other sign."""
WITNESSES = 3
REACH = 30.0
"""How far [min] a shift may lie above the largest overlap."""
LEAST_READINGS = 20
STEADY = 0.2
"""Readings within this of their beat [min] are on it."""
BEAT = "its meter is read so far off the beat of the others"
LARGEST = 180.0
"""Overlaps above this [min] are no clocks."""
EXCEPTIONS = 0.05
"""Share of hand-overs that may speak against a shift."""
AGREE = 1.0
"""[min]"""


@dataclass(frozen=True)
class ClockShift:
    """A work unit whose clock differs from the others' by a constant."""

    work_unit: str
    minutes: float
    """Recorded minus true time [min]; positive when the clock is ahead."""
    broken: int
    """Hand-overs that cannot have happened as recorded."""
    handovers: int
    sources: int
    """Independent signs that agree on the shift."""
    evidence: str
    """What they are."""

    @property
    def is_certain(self) -> bool:
        """Whether the shift is clear enough to be taken out."""
        return self.sources >= 2


def handovers(log: EventLog, plant: Plant) -> pd.DataFrame:
    """Every batch passed from one work unit to another.

    Returns
    -------
    DataFrame with order, giver, taker, given and taken: last end of an operation and first sign of
    work on the next one in the route, gap: minutes between them. A setup is no sign of work: it may
    precede the batch.
    """
    routes = {p.id: plant.route_of(p) for p in plant.products}
    table = log.table
    ends = spans(table[table["event"] == "end"], "max")
    signs = table[(table["event"] == "start") | (table["state"] == "working")]
    starts = spans(signs[signs["order"] != ""], "min")
    places = {(p, o): i for p, route in routes.items() for i, o in enumerate(route)}
    for side in (ends, starts):
        side["place"] = [
            places.get(k, -9) for k in zip(side["product"], side["operation"], strict=True)
        ]
    ends["place"] += 1
    met = ends[ends["place"] > 0].merge(
        starts[starts["place"] > 0], on=["order", "place"], suffixes=("_giver", "_taker")
    )
    gap = (met["time_taker"] - met["time_giver"]).dt.total_seconds() / 60
    found = pd.DataFrame(
        {
            "order": met["order"],
            "giver": met["work_unit_giver"],
            "taker": met["work_unit_taker"],
            "given": met["time_giver"],
            "taken": met["time_taker"],
            "gap": gap,
        }
    )
    return found[found["giver"] != found["taker"]].reset_index(drop=True)


def spans(rows: pd.DataFrame, which: str) -> pd.DataFrame:
    """First or last time of each operation of each order, and the unit it was on."""
    rows = rows.sort_values("time", kind="stable", ascending=which == "min")
    firsts = rows.drop_duplicates(["order", "operation"])
    return firsts[["order", "operation", "product", "work_unit", "time"]].copy()


def clock_shifts(log: EventLog, plant: Plant) -> list[ClockShift]:
    """Units whose clock is off, the clearest first; each found with those before it taken out."""
    passed = handovers(log, plant)
    phases = meter_phases(log)
    gaps = passed["gap"].to_numpy(dtype=float).copy()
    found: list[ClockShift] = []
    for _ in plant.work_units:
        done = {s.work_unit for s in found}
        units = sorted((set(passed["giver"]) | set(passed["taker"])) - done)
        suspects = [_suspicion(u, passed, gaps, phases.get(u)) for u in units]
        clearest = max((s for s in suspects if s), key=_clarity, default=None)
        if clearest is None:
            break
        found.append(clearest)
        gaps += clearest.minutes * (passed["giver"] == clearest.work_unit).to_numpy(dtype=float)
        gaps -= clearest.minutes * (passed["taker"] == clearest.work_unit).to_numpy(dtype=float)
    return found


def _clarity(shift: ClockShift) -> tuple[bool, int, float]:
    return shift.is_certain, shift.sources, shift.broken / max(shift.handovers, 1)


def _suspicion(
    unit: str, passed: pd.DataFrame, gaps: Array, phase: tuple[float, float] | None
) -> ClockShift | None:
    """What hand-overs and meter say about one clock; None when they say nothing against it.

    A clock ahead ends batches too late for the next unit, and seems to take them up late even where
    it took them up at once; a clock behind does the reverse.
    """
    gives = np.sort(gaps[(passed["giver"] == unit).to_numpy(dtype=bool)])
    takes = np.sort(gaps[(passed["taker"] == unit).to_numpy(dtype=bool)])
    found = [_one_way(unit, 1.0, gives, takes, phase), _one_way(unit, -1.0, takes, gives, phase)]
    return max((s for s in found if s), key=_clarity, default=None)


def _one_way(
    unit: str, sign: float, early: Array, late: Array, phase: tuple[float, float] | None
) -> ClockShift | None:
    """Suspicion of a clock ahead (sign 1) or behind (−1), from (N,) increasing gaps [min].

    No hand-over overlaps by more than the shift. Batches taken up at once overlap by exactly the
    shift on the ``early`` side of the unit, and seem to wait exactly so long on the ``late`` one.
    """
    overlaps = -early[early < -TOLERANCE]
    largest = float(overlaps[0]) if len(overlaps) else 0.0
    candidates: list[tuple[float, str]] = []
    if phase is not None:
        beat, off = phase
        size = (sign * off) % beat
        size += beat * max(np.ceil((largest - AGREE - size) / beat), 0.0)
        candidates.append((float(size), BEAT))
    if len(late) >= WITNESSES and late[WITNESSES - 1] - late[0] <= STEADY and late[0] > TOLERANCE:
        text = f"{int((late <= late[0] + STEADY).sum())} hand-overs wait for exactly so long"
        candidates.append((float(late[0]), text))
    agree = overlaps[overlaps >= largest - AGREE]
    if len(agree) >= WITNESSES:
        text = f"{len(agree)} hand-overs overlap by so much within {AGREE:g} min"
        candidates.append((float(np.median(agree)), text))
    # Overlaps are a sign by themselves: they give the direction and the least size.
    least = [f"the largest overlap is {largest:.2f} min"] if len(overlaps) else []
    size, same = _agreed(candidates, largest)
    is_shown = len(overlaps) >= LEAST_BROKEN or (phase is not None and same[:1] == [BEAT])
    count = len(early) + len(late)
    if len(same) + len(least) >= 2 and is_shown and _is_steady(size, early, late):
        evidence = "; ".join(same + least)
        sources = len(same) + len(least)
        return ClockShift(unit, sign * size, len(overlaps), count, sources, evidence)
    if len(overlaps) >= LEAST_BROKEN and _is_steady(largest, early, late):
        evidence = f"{least[0]}; nothing else tells its size"
        return ClockShift(unit, sign * largest, len(overlaps), count, 1, evidence)
    return None


def _is_steady(size: float, early: Array, late: Array) -> bool:
    """Whether the unit's other hand-overs bear a shift out.

    On the late side all seem to wait for so long; on the early side none seems to be taken up at
    once. Where batches are passed on in part, or reports are made up later, this is not so.
    """
    against = float(np.mean(late < size - AGREE)) if len(late) else 0.0
    at_once = int((np.abs(early) <= STEADY).sum())
    return size <= LARGEST and against <= EXCEPTIONS and at_once < WITNESSES


def _agreed(candidates: list[tuple[float, str]], largest: float) -> tuple[float, list[str]]:
    """The size on which most candidates agree, and their words; none where all are impossible."""
    best: tuple[float, list[str]] = (0.0, [])
    for size, _ in candidates:
        same = [text for other, text in candidates if abs(other - size) <= AGREE]
        if largest - AGREE <= size <= largest + REACH and len(same) > len(best[1]):
            best = (size, same)
    return best


def meter_phases(log: EventLog) -> dict[str, tuple[float, float]]:
    """Units whose meter is read at a steady beat, but off that of most others: (beat, phase)
    [min]."""
    meters = log.of_kind("meter")
    seconds = (meters["time"] - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy(float)
    beats: dict[str, tuple[float, float]] = {}
    for unit, rows in meters.groupby("work_unit", sort=True).indices.items():
        times = np.sort(seconds[rows]) / 60
        if len(times) < LEAST_READINGS:
            continue
        beat = float(np.median(np.diff(times)))
        phase = times % beat if beat > 0 else times
        usual = float(np.median(phase))
        if beat > 0 and np.mean(np.abs(phase - usual) < STEADY) > 0.9:
            beats[str(unit)] = beat, usual
    if len(beats) < 3:
        return {}
    common = pd.Series([(round(b, 1), round(p, 1)) for b, p in beats.values()]).mode().iloc[0]
    return {
        unit: (beat, phase - common[1])
        for unit, (beat, phase) in beats.items()
        if abs(beat - common[0]) < STEADY and abs(phase - common[1]) > TOLERANCE
    }
