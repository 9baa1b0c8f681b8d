"""What the reasons of stops tell: whether they name causes, or are all the same word.

Entropy H = −Σ p ln p over the K reasons used, divided by ln K: 1 where all come equally often, 0
where one word stands for everything. A low entropy with many stops means that someone presses the
first button of the list; no failure mode can be told from another then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from twin.calibration.activity import Activity
from twin.model.plant import WorkUnit

STOPS = ("down", "repair")
WORDLESS = frozenset(
    {"", "-", "?", "other", "others", "misc", "miscellaneous", "unknown", "unspecified", "general",
     "none", "n/a", "na", "autre", "autres", "divers", "inconnu", "sonstiges", "unbekannt", "otro",
     "otros", "altro"}
)  # fmt: skip
"""Reasons that say nothing, in the languages of the shop."""
LEAST_STOPS = 10
MOST_OF_ONE = 0.8
"""Share of stops under one reason from which the choice of reasons is in doubt."""
EXPECTED_OF_ONE = 0.6
"""Where the plant file foretells more of it, one reason may well be so common."""
MOST_WORDLESS = 0.2


@dataclass(frozen=True)
class StopCodes:
    """How the reasons of one unit's stops are spread."""

    work_unit: str
    """Empty for the whole plant."""
    stops: int
    reasons: int
    """Different ones."""
    commonest: str
    commonest_share: float
    expected_share: float
    """Of that reason by the mean lives of the plant file; 0 where it is no failure mode."""
    entropy: float
    """From 0 (always the same) to 1 (all equally often); 1 where there is but one stop or word to
    choose from in the plant file."""
    expected_entropy: float
    """By the mean lives of the plant file."""
    wordless_share: float
    """Of stops without a reason, or under one that says nothing."""
    meaning: str
    """What it means for the failures learnt from it; empty where it means nothing bad."""


def stop_codes_of(activity: Activity) -> list[StopCodes]:
    """Reasons of stops of the plant, then of every unit with some."""
    found: list[StopCodes] = []
    every: list[pd.Series] = []
    rates: dict[str, float] = {}
    for unit in activity.plant.work_units:
        states = activity.units.get(unit.id)
        if states is None:
            continue
        reasons = states.episodes(STOPS)["reason"].astype(str)
        for mode, rate in _rates(unit).items():
            rates[mode] = rates.get(mode, 0.0) + rate
        if len(reasons):
            every.append(reasons)
            found.append(stop_codes(unit.id, reasons, expected_shares(unit)))
    if not every:
        return []
    total = sum(rates.values())
    expected = {mode: rate / total for mode, rate in rates.items()} if total else {}
    return [stop_codes("", pd.concat(every), expected), *found]


def expected_shares(unit: WorkUnit) -> dict[str, float]:
    """Share of each failure mode among the stops that the plant file's mean lives foretell."""
    rates = _rates(unit)
    total = sum(rates.values())
    return {mode: rate / total for mode, rate in rates.items()} if total else {}


def _rates(unit: WorkUnit) -> dict[str, float]:
    """Stops of each mode in a minute of its clock; modes without a law of their own count none."""
    means = {
        m.id: m.time_to_failure.mean for m in unit.failure_modes
        if m.time_to_failure is not None
    }  # fmt: skip
    return {mode: 1 / mean if mean > 0 else 0.0 for mode, mean in means.items()}


def stop_codes(work_unit: str, reasons: pd.Series, expected: Mapping[str, float]) -> StopCodes:
    """The spread of (N,) reasons beside the shares that the plant file foretells.

    >>> reasons = pd.Series(["jam", "jam", "belt", "belt"])
    >>> stop_codes("U", reasons, {"jam": 0.7, "belt": 0.3}).entropy
    1.0
    """
    counts, choices = reasons.value_counts(), len(expected)
    entropy = normalised_entropy(counts.to_numpy(float), max(len(counts), choices))
    wordless = float(reasons.str.strip().str.casefold().isin(WORDLESS).mean())
    share = float(counts.iloc[0] / len(reasons))
    commonest = str(counts.index[0])
    codes = StopCodes(
        work_unit, len(reasons), len(counts), commonest, share, expected.get(commonest, 0.0),
        entropy, normalised_entropy(np.array([*expected.values()]), choices), wordless, "",
    )  # fmt: skip
    return replace(codes, meaning="; ".join(_meanings(codes, choices)))


def normalised_entropy(counts: np.ndarray, choices: int) -> float:
    """Entropy of counts over the largest that so many choices allow; 1 where there is no choice."""
    if choices < 2:
        return 1.0
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum() / np.log(choices)) + 0.0


def _meanings(codes: StopCodes, choices: int) -> Iterator[str]:
    if codes.stops < LEAST_STOPS:
        return
    if codes.wordless_share > MOST_WORDLESS:
        yield (
            f"{codes.wordless_share:.0%} of the stops have no reason or one that says nothing: no "
            "life of any failure mode is learnt from them"
        )
    is_one = codes.commonest_share > MOST_OF_ONE and codes.expected_share < EXPECTED_OF_ONE
    if is_one and choices > 1 and codes.wordless_share <= MOST_WORDLESS:
        yield (
            f'{codes.commonest_share:.0%} of the stops are called "{codes.commonest}" where the '
            f"plant file's lives expect {codes.expected_share:.0%} (entropy {codes.entropy:.2f}, "
            f"expected {codes.expected_entropy:.2f}): likely the first button of the list; believe "
            "the sum of all failures, not the lives of single modes"
        )
