"""Run the anchors and print how the simulator compares with the exact values.

    python -m tests.validation.run [--only A1,B] [--json]

An anchor is passed when the exact value lies in the 99 % interval of at least 20 independent
replications and the half-width of the interval is at most 1 % of the value (3 % for a few, said in
their figures). With some 200 figures one or two fall out of their intervals by chance, so an anchor
that fails is run once more with a new seed, and the table says so.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass

import numpy as np
from scipy.stats import t as student

from tests.validation.anchor import Anchor, Figure, Run
from tests.validation.anchors import ANCHORS, chosen
from twin.simulation.engines import build_engine

CONFIDENCE = 0.99
PIECES = 4
"""An anchor's replications are run in so many pieces, side by side."""


@dataclass(frozen=True)
class Verdict:
    """One figure of one anchor."""

    anchor: str
    figure: str
    exact: float
    simulated: float
    half_width: float
    allowed: float
    """Largest half-width that proves something."""
    z: float
    """Distance in standard errors."""
    verdict: str
    seed: int

    @property
    def is_passed(self) -> bool:
        return self.verdict.startswith("pass")


@dataclass(frozen=True)
class Piece:
    """Some replications of one anchor."""

    anchor: str
    seed: int
    scale: float
    replications: tuple[int, ...]
    engine: str


def samples(piece: Piece) -> tuple[Piece, list[list[float]], float]:
    """The figures of each replication of a piece, (R, figures), and the processor time [s]."""
    begin = time.process_time()
    anchor = ANCHORS[piece.anchor]
    experiment = anchor.experiment(piece.seed, piece.scale)
    engine = build_engine(experiment, piece.engine)  # type: ignore[arg-type]
    found = []
    for replication in piece.replications:
        result = engine.run(replication, trace=anchor.trace)
        run = Run(experiment, result, replication)
        found.append([figure.of(run) for figure in anchor.figures])
    return piece, found, time.process_time() - begin


def judge(figure: Figure, values: Sequence[float], anchor: str, seed: int) -> Verdict:
    """Whether a figure's exact value lies in its interval, and whether that is narrow enough."""
    count = len(values)
    mean = float(np.mean(values))
    error = float(np.std(values, ddof=1)) / math.sqrt(count)
    half_width = float(student.ppf((1 + CONFIDENCE) / 2, count - 1)) * error
    allowed = figure.allowed * abs(figure.exact)
    distance = mean - figure.exact
    is_rounding = abs(distance) <= 1e-9 * abs(figure.exact)
    z = distance / math.hypot(error, figure.own / 2.576) if error > 0 and not is_rounding else 0.0
    is_inside = is_rounding or abs(distance) <= half_width + figure.own
    if figure.bound:
        is_inside = distance <= half_width + figure.own
    if not is_inside:
        verdict = "FAIL"
    elif half_width > allowed:
        verdict = "wide"
    else:
        verdict = "pass as a bound (no exact equivalent)" if figure.bound else "pass"
    return Verdict(
        anchor, figure.name, figure.exact, mean, half_width, allowed, z, verdict, seed
    )  # fmt: skip


def judged(
    anchors: Sequence[Anchor], seed: int, scale: float, engine: str, workers: int
) -> dict[str, list[Verdict]]:
    """Every anchor run and judged; what is done is told on the error stream."""
    pieces = []
    for anchor in anchors:
        count = anchor.replications
        if anchor.once:
            count = max(20, round(count * scale))
        for k in range(PIECES):
            part = tuple(range(k, count, PIECES))
            pieces.append(Piece(anchor.id, seed, scale, part, engine))
    found: dict[str, list[list[float]]] = {anchor.id: [] for anchor in anchors}
    seconds = dict.fromkeys(found, 0.0)
    left = dict.fromkeys(found, PIECES)
    for piece, values, took in _run(pieces, workers):
        found[piece.anchor] += values
        seconds[piece.anchor] += took
        left[piece.anchor] -= 1
        if not left[piece.anchor]:
            done = sum(not count for count in left.values())
            told = f"{done}/{len(anchors)} {piece.anchor} ({seconds[piece.anchor]:.1f} s)"
            print(told, file=sys.stderr, flush=True)
    return {
        anchor.id: [
            judge(figure, [row[i] for row in found[anchor.id]], anchor.id, seed)
            for i, figure in enumerate(anchor.figures)
        ]
        for anchor in anchors
    }


def _run(pieces: Sequence[Piece], workers: int) -> Iterator[tuple[Piece, list[list[float]], float]]:
    if workers < 2:
        yield from map(samples, pieces)
        return
    with ProcessPoolExecutor(workers) as pool:
        for done in as_completed([pool.submit(samples, piece) for piece in pieces]):
            yield done.result()


def table(verdicts: Iterable[Verdict]) -> str:
    """The verdicts, one a line."""
    rows = [("anchor", "figure", "exact", "simulated", "± 99 %", "± rel.", "z", "verdict")]
    for v in verdicts:
        relative = f"{100 * v.half_width / abs(v.exact):.2f} %"
        rows.append(
            (v.anchor, v.figure, f"{v.exact:.6g}", f"{v.simulated:.6g}", f"{v.half_width:.2g}",
             relative, f"{v.z:+.2f}", v.verdict)
        )  # fmt: skip
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    text = []
    for row in rows:
        cells = [
            cell.ljust(width) if i in (0, 1, 7) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        text.append("  ".join(cells).rstrip())
    return "\n".join(text)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compare the simulator with exact values.")
    parser.add_argument("--only", default="", help='ids or their begin: "A1,B3", "Q"')
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--engine", choices=("auto", "kernel", "simpy"), default="auto")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the usual length")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="processes")
    chosen_by = parser.parse_args(arguments)
    begin = time.perf_counter()
    anchors = chosen(chosen_by.only)
    how = (chosen_by.scale, chosen_by.engine, chosen_by.workers)
    found = judged(anchors, chosen_by.seed, *how)
    again = [a for a in anchors if any(v.verdict == "FAIL" for v in found[a.id])]
    if again:
        print(f"again, with a new seed: {', '.join(a.id for a in again)}", file=sys.stderr)
        second = judged(again, chosen_by.seed + 1, *how)
        for id, verdicts in second.items():
            found[id] = [_second(one, two) for one, two in zip(found[id], verdicts, strict=True)]
    verdicts = [verdict for one in found.values() for verdict in one]
    if chosen_by.json:
        print(json.dumps([asdict(verdict) for verdict in verdicts], indent=1))
    else:
        print(table(verdicts))
    passed = sum(verdict.is_passed for verdict in verdicts)
    print(
        f"{passed} of {len(verdicts)} figures of {len(anchors)} anchors passed, "
        f"{len(again)} anchors run twice, {time.perf_counter() - begin:.0f} s",
        file=sys.stderr,
    )
    return 0 if passed == len(verdicts) else 1


def _second(first: Verdict, second: Verdict) -> Verdict:
    """A figure that failed is judged by the second run; the others keep their first."""
    if first.verdict != "FAIL":
        return first
    note = f"{second.verdict} (second seed; first z {first.z:+.2f})"
    return Verdict(**{**asdict(second), "verdict": note})


if __name__ == "__main__":
    sys.exit(main())
