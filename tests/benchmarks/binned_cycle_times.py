"""Laws of cycle times, and of short stops, that come as histograms: one machine and operation each.

    .venv/bin/python tests/benchmarks/binned_cycle_times.py cycle_time_histograms.csv [FILE...]

A file has the columns machine and operation, then the classes, with counts or probabilities:

* cycle times: columns named "15  per  12  seconds per unit", in any order, which have no gaps;
* stops: columns named by the upper edge of the class [s], increasing; the first class begins at 0.

Other columns are left out. Every row gives a JSON line: law, its parameters by the usual names
(location is the mean cycle of the most frequent speed and sigma its spread, both without stops),
all speeds, the share of the cycles that hide a stop, AICc and the mean log probability of each half
of the observations under the fit to the other half, beside those of the best law alone. ``n`` is
"probabilities" where the file has no counts; ``n_assumed`` is then what the criteria went by.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.measure import rounded, tell
from twin.calibration.binned import BinnedFit, Histogram, distance, fit_histogram, held_out
from twin.calibration.binned import histogram as as_histogram
from twin.model.horizon import Array

PACE = re.compile(r"\s*([\d.]+)\s+per\s+([\d.]+)\s+seconds per unit\s*")


def classes_of(path: Path, table: pd.DataFrame) -> tuple[list[str], Array, str]:
    """Columns of the classes by rising time, their edges [s] and what they are about."""
    names = [str(column) for column in table.columns]
    paces = {c: tuple(map(float, m.groups())) for c in names if (m := PACE.fullmatch(c))}
    if paces:
        columns = sorted(paces, key=lambda c: min(paces[c]))
        low = [min(paces[c]) for c in columns]
        high = [max(paces[c]) for c in columns]
        if not np.allclose(low[1:], high[:-1], rtol=1e-3):
            sys.exit(f"{path}: classes of cycle times leave gaps; each must begin where one ends")
        return columns, np.array([*low, high[-1]]), "cycle time"
    columns = [c for c in names if re.fullmatch(r"[\d.]+", c)]
    edges = np.array([0.0, *map(float, columns)])
    if not columns or not (np.diff(edges) > 0).all():
        sys.exit(
            f'{path}: no classes found; expected columns "15  per  12  seconds per unit", or the '
            "upper edges of stops as rising numbers"
        )
    return columns, edges, "stop"


def told(found: Histogram, fits: list[BinnedFit], about: str) -> dict[str, object]:
    """The figures of one row."""
    best = fits[0]
    alone = min((f for f in fits if len(f.parts) == 1), key=lambda f: f.aicc)
    scores = {name: held_out(found, f) for name, f in (("best", best), ("alone", alone))}
    speeds = [
        {"share": rounded(s.share), "median_of_logs": rounded(float(np.exp(s.mean_log))),
         "sigma": rounded(s.sigma_log)}
        for s in best.speeds
    ]  # fmt: skip
    second = "micro_stop_share" if about == "cycle time" else "long_share"
    facts: dict[str, object] = {
        "law": best.law.name,
        "parameters": {k: rounded(v, 6) for k, v in best.parameters.items()},
        "location": rounded(best.location, 6),
        "sigma": rounded(best.sigma),
        second: rounded(best.stop_share),
        "n": round(found.n) if found.is_counted else "probabilities",
        "n_assumed": round(found.n),
        "aicc": rounded(best.aicc, 6),
        "held_out": _score(scores["best"]),
        "distance": rounded(distance(found, best)),
        "alone": {
            "law": alone.law.name,
            "location": rounded(alone.location, 6),
            "sigma": rounded(alone.sigma),
            "aicc": rounded(alone.aicc, 6),
            "held_out": _score(scores["alone"]),
            "distance": rounded(distance(found, alone)),
        },
    }
    if best.stop:
        median = float(np.exp(best.stop.mean_log))
        facts["with_stop"] = {"median": rounded(median), "sigma": rounded(best.stop.sigma_log)}
    if about == "cycle time":
        facts["speeds"] = speeds
    return facts


def _score(value: float | None) -> float | None:
    return None if value is None else rounded(value, 6)


def rows_of(path: Path) -> tuple[int, list[dict[str, object]]]:
    """Print every row of a file; how many could not be used, and the figures of the rest."""
    table = pd.read_csv(path, dtype={"machine": str, "operation": str})
    missing = {"machine", "operation"} - set(table.columns)
    if missing:
        sys.exit(f"{path}: column {' and '.join(sorted(missing))} missing")
    columns, edges, about = classes_of(path, table)
    faults, figures = 0, []
    values = table[columns].to_numpy(float)
    for number, row in enumerate(values):
        names = {
            "machine": table["machine"].iloc[number], "operation": table["operation"].iloc[number],
        }  # fmt: skip
        try:
            found = as_histogram(edges, row)
        except ValueError as fault:
            faults += 1
            tell(what="left out", file=path.name, line=number + 2, **names, why=str(fault))
            continue
        fits = fit_histogram(found) if about == "cycle time" else fit_histogram(found, 1)
        facts = told(found, fits, about)
        tell(what=about, **names, **facts)
        figures.append(facts)
    return faults, figures


def summary_of(path: Path, faults: int, figures: list[dict[str, object]]) -> dict[str, object]:
    """What the rows of a file have in common."""
    if not figures:
        return {"rows": 0, "left_out": faults}
    table = pd.DataFrame(figures)
    alone = pd.DataFrame(table["alone"].tolist())
    gain = (table["held_out"].astype(float) - alone["held_out"].astype(float)).dropna()
    share = table.filter(regex="_share$").iloc[:, 0]
    return {
        "rows": len(figures),
        "left_out": faults,
        "laws": dict(Counter(table["law"])),
        "mixture_better_held_out": rounded(float((gain > 0).mean())) if len(gain) else None,
        "held_out_gain_median": rounded(float(gain.median())) if len(gain) else None,
        "distance_median": rounded(float(table["distance"].median())),
        "distance_median_alone": rounded(float(alone["distance"].median())),
        "distance_p90": rounded(float(table["distance"].quantile(0.9))),
        "share_median": rounded(float(share.median())),
        "sigma_median": rounded(float(table["sigma"].median())),
        "sigma_median_alone": rounded(float(alone["sigma"].median())),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--seeds", type=int, default=0, help="not used: nothing is drawn at random")
    summaries = {}
    for path in parser.parse_args().files:
        if not path.is_file():
            sys.exit(f"{path}: no such file")
        summaries[path.name] = summary_of(path, *rows_of(path))
    tell(what="summary", **summaries)


if __name__ == "__main__":
    main()
