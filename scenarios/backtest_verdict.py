"""What a twin can be trusted with, figure by figure, in words that a planner understands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.stats import binom

from scenarios.backtest import Backtest, Span
from twin.accounting.indicators import Key
from twin.accounting.recorded import LABELS
from twin.accounting.scoring import Score

Trust = Literal["trusted", "with care", "not"]

LEVEL = 0.9
"""Of the range that is spoken of."""
LEAST_SKILL = 0.1
"""Better than the best rule of thumb by this share, at least, to be trusted."""
SMALL_BIAS, LARGE_BIAS = 0.05, 0.25
"""Errors of the mean, over the actual mean: up to the first they do not matter, from the second on
the figure is not to be used."""
LEAST_COVERAGE = 0.6
SURPRISE = 0.02
"""So unlikely that so few values lie inside by chance, and the range is too narrow."""
LEAST_SEPARATE = 5.0
"""Values that do not overlap; with fewer, nothing is trusted yet."""


@dataclass(frozen=True)
class Verdict:
    """On one figure of all products or work units, a day or a week ahead."""

    span: Span
    label: str
    """What it is, in words."""
    keys: tuple[Key, ...]
    trust: Trust
    why: str
    score: Score
    by_chance: Score
    """As if the inputs were known exactly."""


def verdicts(found: Backtest) -> Iterator[Verdict]:
    """For every figure of every length of forecast, in their order."""
    for span in found.spans:
        share = found.separate(span) / max(len(found.origins), 1)
        for (kind, figure), keys in found.groups(span).items():
            score = found.score(keys, span)
            trust, why = judged(score, share)
            yield Verdict(
                span, label(kind, figure), tuple(keys), trust, why, score,
                found.score_by_chance(keys, span),
            )  # fmt: skip


def label(kind: str, figure: str) -> str:
    """``good pieces, each product``."""
    whose = {"product": ", each product", "work_unit": ", each work unit"}.get(kind, "")
    return LABELS.get(figure, figure) + whose


def judged(score: Score, share: float) -> tuple[Trust, str]:
    """How far to trust, and why.

    Parameters
    ----------
    share
        Of the forecasts that do not overlap: only they count as evidence.
    """
    faults = list(_faults(score, share))
    worst = max((weight for weight, _ in faults), default=0)
    words = [text for _, text in faults] or [_praise(score)]
    return ("trusted", "with care", "not")[worst], "; ".join(words)


def _faults(score: Score, share: float) -> Iterator[tuple[int, str]]:
    """Each with its weight: 1 takes care, 2 is not to be used."""
    inside = score.coverage[LEVEL]
    if score.error_skill != score.error_skill:
        yield 1, "no past to compare with"
    elif score.error_skill <= 0:
        yield 2, f'"{score.best_naive}" says it {_more(score.error_skill)} without a twin'
    elif score.error_skill < LEAST_SKILL:
        yield 1, f'hardly better than "{score.best_naive}" ({100 * score.error_skill:.0f} %)'
    if is_too_narrow(score, share):
        weight = 2 if inside < LEAST_COVERAGE else 1
        yield weight, f"its 90 % range held only {100 * inside:.0f} %: reality differs by more"
    if abs(score.mean_error) > SMALL_BIAS:
        side = "high" if score.mean_error > 0 else "low"
        weight = 2 if abs(score.mean_error) > LARGE_BIAS else 1
        yield weight, f"{100 * abs(score.mean_error):.0f} % too {side} on average"
    if score.n * share < LEAST_SEPARATE:
        yield 1, f"only {_separate(score.n * share)} not overlap: too few to tell"


def _separate(n: float) -> str:
    """``1 forecast that does``, ``3 forecasts that do`` or ``2.3 forecasts that do``."""
    return "1 forecast that does" if f"{n:.2g}" == "1" else f"{n:.2g} forecasts that do"


def is_too_narrow(score: Score, share: float) -> bool:
    """Whether fewer values lie inside the range than chance explains."""
    n = max(round(score.n * share), 1)
    return bool(binom.cdf(round(score.coverage[LEVEL] * n), n, LEVEL) < SURPRISE)


def _more(skill: float) -> str:
    return "as well" if skill > -0.05 else "better"


def _praise(score: Score) -> str:
    return (
        f"its 90 % range held {100 * score.coverage[LEVEL]:.0f} %; errs "
        f'{100 * score.error_skill:.0f} % less than "{score.best_naive}"'
    )


def in_one_sentence(found: Sequence[Verdict]) -> str:
    """``Trust it with ... a day ahead. Do not use ... The rest with care.``"""
    parts = []
    for trust, begin in (("trusted", "Trust it with"), ("not", "Do not use it for")):
        for span in dict.fromkeys(v.span for v in found):
            names = [v.label for v in found if (v.trust, v.span) == (trust, span)]
            if names:
                parts.append(f"{begin} {listed(names)} a {span} ahead.")
    if any(v.trust == "with care" for v in found):
        parts.append("Take the rest with care." if parts else "Take every figure with care.")
    return " ".join(parts) or "No figure could be tested."


def listed(names: Sequence[str]) -> str:
    """``a; b and c``, for names that may hold commas."""
    return " and ".join(["; ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
