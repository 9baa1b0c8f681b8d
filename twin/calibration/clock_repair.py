"""Wrong clocks: taken out where it is certain how wrong they were, else left out of times."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from twin.calibration.cleaning import SetAside, describe_row
from twin.calibration.clocks import ClockShift, clock_shifts
from twin.calibration.jumps import ClockJump, FoundJump, clock_jumps, moved_back
from twin.model.events import EventLog
from twin.model.plant import Plant

SHIFTED = "clock of the work unit shifted"
JUMPED = "clock of the work unit jumped"
SHUFFLED = "of before or after a clock was set back, nobody can tell"
DOUBTFUL = "clock in doubt, not used for times"
OPEN_END = pd.Timedelta(hours=12)
"""A doubtful stretch that comes so near the end of the log is kept: the state of the shop hangs
on it."""


@dataclass(frozen=True)
class Clocks:
    """A log's rows on right clocks, and what was wrong with them."""

    table: pd.DataFrame
    """In the order of the file."""
    recorded: pd.Series
    """Their times as stamped."""
    shifts: list[ClockShift]
    jumps: list[FoundJump]
    details: list[SetAside]


def set_right(table: pd.DataFrame, plant: Plant) -> Clocks:
    """Take certain shifts and jumps out of rows indexed by their number, in the file's order."""
    early = clock_shifts(_in_order(table), plant)
    sure = [s for s in early if s.is_certain]
    unsure = {s.work_unit for s in early if not s.is_certain}
    shifted = _without_shifts(table, sure)
    jumps = clock_jumps(shifted, plant, unsure, {s.work_unit for s in sure})
    right = moved_back(shifted, jumps)
    unclear = [row for f in jumps if f.jump.is_certain for row in f.unclear]
    details = [_of_shift(s, table) for s in sure]
    for found in jumps:
        details += _of_jump(found, shifted)
    right = right.drop(unclear)
    # A jump taken out may have been all there was to a doubtful shift.
    about = {f.jump.work_unit for f in jumps} | {s.work_unit for s in sure}
    late = clock_shifts(_in_order(right), plant) if unsure else []
    left = [s for s in late if not s.is_certain and s.work_unit not in about]
    return Clocks(right, table.loc[right.index, "time"], sure + left, jumps, details)


def _in_order(table: pd.DataFrame) -> EventLog:
    return EventLog(table.sort_values("time", kind="stable"))


def _without_shifts(table: pd.DataFrame, sure: list[ClockShift]) -> pd.DataFrame:
    if not sure:
        return table
    kind, minutes = table["time"].dtype, {s.work_unit: s.minutes for s in sure}
    wrong = table["work_unit"].map(minutes).fillna(0.0)
    time = table["time"] - pd.to_timedelta(wrong * 60, unit="s").dt.round("us")
    return table.assign(time=time.astype(kind))


def _of_shift(shift: ClockShift, table: pd.DataFrame) -> SetAside:
    rows = table["work_unit"] == shift.work_unit
    way = "ahead" if shift.minutes > 0 else "behind"
    return SetAside(
        SHIFTED, int(rows.sum()),
        f"{shift.work_unit}: {abs(shift.minutes):.1f} min {way}; {shift.evidence}",
        "adjusted", shift.work_unit,
    )  # fmt: skip


def _of_jump(found: FoundJump, table: pd.DataFrame) -> list[SetAside]:
    jump = found.jump
    if not jump.is_certain:
        return []
    words = f"{jump_words(jump)}; {jump.evidence}"
    details = [SetAside(JUMPED, len(found.moved), words, "adjusted", jump.work_unit)]
    if len(found.unclear):
        example = describe_row(table, int(found.unclear[0]))
        count = len(found.unclear)
        details.append(SetAside(SHUFFLED, count, example, "set aside", jump.work_unit))
    return details


def jump_words(jump: ClockJump) -> str:
    """Who, when and how far, in words."""
    way = "ahead" if jump.minutes > 0 else "behind"
    who = jump.work_unit or "the whole plant"
    return (
        f"{who}: {abs(jump.minutes):.0f} min {way} from {jump.begin:%Y-%m-%d %H:%M} to "
        f"{jump.end:%Y-%m-%d %H:%M} UTC as recorded"
    )


def without_doubtful(
    table: pd.DataFrame, jumps: list[FoundJump]
) -> tuple[pd.DataFrame, list[SetAside]]:
    """Rows in the order of time, doubtful stretches left out of every time.

    Ends of lots stay, for progress. The unit counts as off from the first state in the stretch to
    its last, so that it neither works nor ages there.
    """
    details: list[SetAside] = []
    for found in jumps:
        jump = found.jump
        rows = table.index[table.index.isin(found.moved)]
        if jump.is_certain or not len(rows) or is_at_the_end(jump, table):
            continue
        dropped, off = _left_out(table.loc[rows])
        if not dropped and not off:
            continue
        example = f"{jump_words(jump)}: {jump.evidence}"
        count = len(dropped) + len(off)
        details.append(SetAside(DOUBTFUL, count, example, "set aside", jump.work_unit))
        table = table.copy()
        blank = {"state": "off", "order": "", "operation": "", "product": "", "reason": ""}
        for column, word in blank.items():
            table.loc[off, column] = word
        table = table.drop(dropped)
    return table, details


def is_at_the_end(jump: ClockJump, table: pd.DataFrame) -> bool:
    """Whether a stretch reaches, or nearly, the end of the log."""
    return bool(table["time"].max() - jump.end < OPEN_END)


def _left_out(rows: pd.DataFrame) -> tuple[list[int], list[int]]:
    """Numbers of the rows to drop, and of those that become *off*, unit by unit."""
    dropped = rows.index[rows["event"].isin(["start", "meter"])].tolist()
    off = []
    for _, states in rows[rows["event"] == "state"].groupby("work_unit"):
        if len(states) >= 2:
            off.append(int(states.index[0]))
            dropped += states.index[1:-1].tolist()
    return dropped, off
