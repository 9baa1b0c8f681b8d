"""What ``noria backtest`` prints: one page on what the twin can be trusted with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scenarios.backtest import Backtest
from scenarios.backtest_verdict import LEVEL, Verdict, in_one_sentence, verdicts
from scenarios.report_text import table
from twin.accounting.log_distance import EXPLAINED
from twin.accounting.scoring import LEVELS

AHEAD = {"day": "a day ahead", "week": "a week ahead"}


def backtest_text(found: Backtest) -> str:
    """The whole page."""
    judged = list(verdicts(found))
    parts = [
        _head(found),
        in_one_sentence(judged),
        *(_verdicts([v for v in judged if v.span == span]) for span in found.spans),
        *(_scores([v for v in judged if v.span == span], found) for span in found.spans),
        _distances(found),
        "\n".join(f"note: {note}" for note in (*found.notes, *remarks(found))),
        shortfall(found),
    ]
    return "\n\n".join(part for part in parts if part)


def _head(found: Backtest) -> str:
    zone = found.plant.zone
    first, last = (choose(found.origins).astimezone(zone) for choose in (min, max))
    begin, until = found.begin.astimezone(zone), found.until.astimezone(zone)
    return "\n".join(
        (
            f"{found.plant.name or found.plant.id}: what this twin can be trusted with",
            f"log: {begin:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} ({found.plant.timezone})",
            f"origins: {len(found.origins)}, from {first:%a %Y-%m-%d %H:%M} to "
            f"{last:%a %Y-%m-%d %H:%M}; at each the twin knew only the log before it",
            f"{found.effort.replications} replications a forecast, seed {found.effort.seed}",
        )
    )


def _verdicts(judged: Sequence[Verdict]) -> str:
    """One line a figure: how far to trust it, and why."""
    width = max(len(v.label) for v in judged)
    lines = [f"  {v.label.ljust(width)}  {v.trust.ljust(9)}  {v.why}" for v in judged]
    return "\n".join([f"{AHEAD[judged[0].span]}:", *lines])


def _scores(judged: Sequence[Verdict], found: Backtest) -> str:
    """Coverage at every level, width, error and skill."""
    head = (
        AHEAD[judged[0].span], "n", *(f"in {level:.0%}" for level in LEVELS), "width 90 %",
        *(("by chance", "by inputs") if found.has_draws else ()), "mean error", "abs. error",
        "CRPS skill", "against", "PIT",
    )  # fmt: skip
    rows = []
    for v in judged:
        s = v.score
        sources = (
            (percent(v.by_chance.width[LEVEL]), percent(found.width_by_inputs(v.keys, v.span)))
            if found.has_draws
            else ()
        )
        rows.append(
            (
                v.label, str(s.n), *(percent(s.coverage[level]) for level in LEVELS),
                percent(s.width[LEVEL]), *sources, f"{100 * s.mean_error:+.1f} %", percent(s.wape),
                number(s.skill), s.best_naive, s.pit_verdict,
            )
        )  # fmt: skip
    return table(head, rows)


def _distances(found: Backtest) -> str:
    if not found.distances:
        return ""
    rows = [
        (name.replace("_", " "), number(mine), number(real))
        for name, mine, real, _ in distance_rows(found)
    ]
    head = ("distance of logs (0: the same)", "simulated from real", "real from real")
    meanings = [f"  {name.replace('_', ' ')}: {words}" for name, words in EXPLAINED.items()]
    return "\n".join([table(head, rows), *meanings])


def distance_rows(found: Backtest) -> list[tuple[str, float, float, str]]:
    """Name, mean distance of simulated logs, of real ones from each other, and what it compares."""
    return [
        (
            name,
            _mean([getattr(d, name) for _, d in found.distances]),
            _mean([getattr(d, name) for d in found.yardstick]),
            explained,
        )
        for name, explained in EXPLAINED.items()
    ]


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def remarks(found: Backtest) -> list[str]:
    """What to know when reading the figures."""
    said = []
    for span in found.spans:
        separate = found.separate(span)
        if separate < len(found.origins):
            said.append(
                f"the {len(found.origins)} forecasts of a {span} overlap: they are worth about "
                f"{separate:.1f} that do not"
            )
    said.append(
        "only one rule of thumb knows which orders come, as the twin does: orders at the usual "
        "flow time"
    )
    if not found.has_draws:
        said.append(
            "ranges show chance alone: the calibrated parameters were taken as exactly known, so "
            "real ranges are wider"
        )
    return said


def shortfall(found: Backtest) -> str:
    """What was asked for and not done; empty when all was."""
    if len(found.origins) == found.asked:
        return ""
    return f"forecast from {len(found.origins)} of {found.asked} origins; the figures are of these"


def percent(share: float) -> str:
    return "–" if np.isnan(share) else f"{100 * share:.0f} %"


def number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.2f}"
