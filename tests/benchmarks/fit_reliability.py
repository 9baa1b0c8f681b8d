"""Fit lives, repairs and degradation in tables of any kind; one JSON line a fit, summary last.

    .venv/bin/python -m tests.benchmarks.fit_reliability FILE.csv ... [--limit LEVEL]

A file may also be the folder of the Azure set, or its PdM_failures.csv. Times stay in the file's
unit. Weibull and power law are told as beta and eta, the lognormal as mu and sigma, the exponential
as theta.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.acceleration import fit_accelerated, transforms
from tests.benchmarks.azure_lives import azure_cases, is_azure
from tests.benchmarks.measure import rounded, tell
from tests.benchmarks.reliability_tables import Case, Paths, Recurrences, Sample, read_cases
from twin.calibration.goodness import fit_p_value
from twin.calibration.law_choice import fits_of, held_out
from twin.calibration.life_laws import LawName
from twin.calibration.lifetimes import Fit, Lives, fit_law, mean_interval, parameter_intervals
from twin.calibration.trend import (
    constant_rate_loglik,
    fit_power_law,
    military_trend,
    pooled_laplace,
)
from twin.errors import NoriaError

Facts = dict[str, Any]
DIGITS = 7
PARAMETERS = ("law", "beta", "eta", "mu", "sigma", "theta", "shape", "scale", "slope")


def main(arguments: list[str] | None = None) -> int:
    """Fit every file; 2 where one cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--limit", type=float, help="level at which a degrading unit has failed")
    chosen = parser.parse_args(arguments)
    best: dict[str, Facts] = {}
    faults = []
    for path in chosen.files:
        try:
            cases = azure_cases(path) if is_azure(path) else read_cases(path)
        except NoriaError as fault:
            faults.append(str(fault))
            tell(what="unreadable", file=path.name, reason=str(fault))
            continue
        best[path.name] = fit_file(path.stem, cases, chosen.limit)
    tell(what="summary", best=best, unreadable=faults)
    return 2 if faults else 0


def fit_file(name: str, cases: list[Case], limit: float | None = None) -> Facts:
    """Tell every fit of a file, and return the best of each of its cases."""
    best: Facts = {}
    for case in cases:
        found: list[Facts] = []
        for facts in fits_of_case(case, limit):
            tell(what="fit", file=name, **facts)
            if "aic" in facts:
                found.append(facts)
        for key in dict.fromkeys(f["case"] for f in found):
            own = [f for f in found if f["case"] == key]
            best[key or "all"] = _best(own)
    return best


def _best(fits: list[Facts]) -> Facts:
    """The fit of lowest AIC.

    Its small-sample form would need to know how many failures a censored life is worth, and with
    four of them refuses a second parameter whatever the likelihood says.
    """
    ranked = sorted(fits, key=lambda f: (f["aic"], -f["loglik"]))
    first = dict(ranked[0])
    others = {f["law"]: rounded(first["loglik"] - f["loglik"]) for f in ranked[1:]}
    kept = (*PARAMETERS, "loglik", "n", "n_censored", "p_value", "mean")
    own = {f["law"]: {k: f[k] for k in PARAMETERS[1:] if k in f} for f in ranked}
    best = {k: first[k] for k in kept if k in first}
    return best | {"loglik_better_by": others, "fits": own}


def fits_of_case(case: Case, limit: float | None) -> Iterator[Facts]:
    """All that is fitted to one case."""
    if isinstance(case, Recurrences):
        yield from _of_recurrences(case)
    elif isinstance(case, Paths):
        yield from _of_paths(case, limit)
    else:
        yield from _of_sample(case)


def _of_sample(case: Sample) -> Iterator[Facts]:
    lives = case.lives
    counts = {"n": _whole(lives.weight.sum()), "n_censored": _whole(lives.censored)}
    if case.left_out:
        counts["rows_left_out"] = case.left_out
    if lives.failures <= 0:
        reason = "nothing failed: only a lower bound of the life is known"
        yield {"case": case.case, "law": None, **counts, "reason": reason,
               "exposure": rounded(lives.exposure, DIGITS)}  # fmt: skip
        return
    for fit in fits_of(lives).values():
        yield {
            "case": case.case,
            **_facts(fit),
            **counts,
            "intervals": _intervals(lives, fit),
            "mean": _finite(fit.mean),
            "mean_interval": [_finite(x) for x in mean_interval(lives, fit)],
            "p_value": _finite(fit_p_value(lives, fit)),
            "held_out": _finite(held_out(lives, fit)),
            **_naive(lives),
        }
    for name, stress in case.stress.items():
        yield from _accelerated(case, name, stress, counts)


def _accelerated(case: Sample, name: str, stress: Any, counts: Facts) -> Iterator[Facts]:
    if len(stress) != len(case.lives.ages) or case.lives.failures < 4:
        return
    laws: tuple[LawName, ...] = ("weibull", "lognormal")
    for transform, x in transforms(name, stress).items():
        for law in laws:
            found = fit_accelerated(case.lives, transform, x, law)
            key = f"{case.case} by {name}, {transform}".strip()
            yield {"case": key, **_facts(found.fit), **counts,
                   "slope": rounded(found.slope, DIGITS)}  # fmt: skip


def _of_recurrences(case: Recurrences) -> Iterator[Facts]:
    """Power law against a constant rate, trend tests, and lives between repairs."""
    windows = case.systems
    times = np.concatenate([np.zeros(0), *(t for t, _, _ in windows)])
    starts, ends = (np.array([w[i] for w in windows]) for i in (1, 2))
    of_each = [np.full(len(t), i) for i, (t, _, _) in enumerate(windows)]
    index = np.concatenate([np.zeros(0, dtype=int), *of_each]).astype(int)
    watched = float(np.sum(ends - starts))
    counts = {"n": len(times), "n_censored": len(windows)}
    if not len(times):
        yield {"case": case.case, "law": None, **counts, "reason": "no repair"}
        return
    inside = times > 0
    power = fit_power_law(times[inside], starts, ends)
    shape = [rounded(x, DIGITS) for x in power.shape_interval()]
    yield {
        "case": case.case, "law": "power law", "beta": rounded(power.shape, DIGITS),
        "eta": rounded(power.scale, DIGITS), "loglik": rounded(power.loglik, DIGITS),
        "aic": rounded(4 - 2 * power.loglik, DIGITS), **counts, "intervals": {"beta": shape},
        "laplace_p": _finite(pooled_laplace(times, starts[index], ends[index])),
        "military_p": _finite(military_trend(times[inside], ends[index][inside]))
        if not starts.any() else None,
        "mean_cumulative": _mean_cumulative(windows), "mean_cost": rounded(case.costs),
    }  # fmt: skip
    loglik = constant_rate_loglik(len(times), watched)
    yield {
        "case": case.case, "law": "constant rate", "theta": rounded(watched / len(times), DIGITS),
        "loglik": rounded(loglik, DIGITS), "aic": rounded(2 - 2 * loglik, DIGITS), **counts,
    }  # fmt: skip
    gaps = _gaps(case)
    if gaps.failures >= 2:
        laws: tuple[LawName, ...] = ("weibull", "lognormal")
        for law in laws:
            fit = fit_law(gaps, law)
            yield {"case": f"{case.case} between repairs".strip(), **_facts(fit),
                   "n": _whole(gaps.weight.sum()), "n_censored": _whole(gaps.censored),
                   "p_value": _finite(fit_p_value(gaps, fit))}  # fmt: skip


def _gaps(case: Recurrences) -> Lives:
    """Lives between repairs, the last of each window censored; the first where it began new."""
    ages, failed = [], []
    for times, start, end in case.systems:
        knots = [*([start] if start == 0 else []), *times.tolist(), end]
        for number, (a, b) in enumerate(pairwise(knots)):
            if b > a:
                ages.append(b - a)
                failed.append(float(number < len(knots) - 2))
    return Lives(np.array(ages, dtype=float), np.array(failed, dtype=float))


def _mean_cumulative(windows: tuple[tuple[Any, float, float], ...]) -> float:
    """Repairs of a system by the end of the longest window (Nelson's estimate)."""
    times = np.sort(np.concatenate([np.zeros(0), *(t for t, _, _ in windows)]))
    starts, ends = (np.array([w[i] for w in windows]) for i in (1, 2))
    at_risk = np.array([np.sum((starts < t) & (ends >= t)) for t in times])
    return rounded(float(np.sum(1 / np.maximum(at_risk, 1))))


def _of_paths(case: Paths, limit: float | None) -> Iterator[Facts]:
    """A straight path for each unit, its time at a limit, and the law of these times."""
    last = np.array([y[-1] for _, y in case.units])
    level = _round_level(last) if limit is None else limit
    ages, failed, slopes = [], [], []
    for times, levels in case.units:
        reached = np.flatnonzero(levels >= level)
        slope = float(times @ (levels - levels[0]) / max(times @ times, 1e-300))
        slopes.append(slope)
        if len(reached) and reached[0] > 0:
            i = reached[0]
            share = (level - levels[i - 1]) / (levels[i] - levels[i - 1])
            ages.append(float(times[i - 1] + share * (times[i] - times[i - 1])))
        elif slope > 0:
            ages.append((level - float(levels[0])) / slope)
        else:
            ages.append(float(times[-1]))
        failed.append(float(slope > 0 or len(reached) > 0))
    base = {"level": case.level, "limit": rounded(level), "limit_is_guessed": limit is None,
            "mean_slope": rounded(float(np.mean(slopes)), DIGITS), "crossed_inside":
            int(np.sum(last >= level))}  # fmt: skip
    lives = Lives(np.array(ages), np.array(failed))
    for facts in _of_sample(Sample(f"{case.level} reaches {rounded(level)}", lives)):
        yield facts | base
    rising = Lives.of([s for s in slopes if s > 0])
    if rising.failures >= 2:
        fit = fit_law(rising, "lognormal")
        yield {"case": f"growth of {case.level}", **_facts(fit), "n": len(slopes), "n_censored": 0}


def _round_level(last: Any) -> float:
    """The roundest number among the last readings: 1, 2 or 5 times a power of ten."""
    top, bottom = float(np.max(last)), float(np.min(last))
    if top <= 0:
        return float(np.median(last))
    power = 10 ** math.floor(math.log10(top))
    for step in (1.0, 5.0, 2.0):
        if bottom <= step * power <= top:
            return float(step * power)
    return float(np.median(last))


def _facts(fit: Fit) -> Facts:
    """Law, parameters by their usual names, and likelihood."""
    return {
        "law": fit.law,
        **{name: rounded(value, DIGITS) for name, value in _usual(fit).items()},
        "loglik": rounded(fit.loglik, DIGITS),
        "aic": rounded(2 * fit.free - 2 * fit.loglik, DIGITS),
        "aicc": _finite(fit.aicc),
    }


def _usual(fit: Fit) -> dict[str, float]:
    p = fit.parameters
    if fit.law == "weibull":
        return {"beta": p["shape"], "eta": p["scale"]}
    if fit.law == "lognormal":
        return {"mu": math.log(p["median"]), "sigma": p["sigma"]}
    return {"theta": p["scale"]} if fit.law == "exponential" else dict(p)


def _intervals(lives: Lives, fit: Fit) -> Facts:
    names = {"weibull": {"shape": "beta", "scale": "eta"}, "exponential": {"scale": "theta"}}
    found = parameter_intervals(lives, fit)
    if "median" in found:
        found["mu"] = [math.log(x) for x in found.pop("median")]
    own = names.get(fit.law, {})
    return {own.get(k, k): [rounded(x, 5) for x in v] for k, v in found.items()}


def _naive(lives: Lives) -> Facts:
    """The mean without the lives cut short, beside ours."""
    if lives.censored == 0 or lives.has_intervals:
        return {}
    naive = float(lives.weight @ (lives.failed * lives.ages)) / lives.failures
    return {"mean_without_censored": rounded(naive, DIGITS)}


def _finite(value: float | None) -> float | None:
    """JSON has no infinity."""
    return rounded(value, DIGITS) if value is not None and math.isfinite(value) else None


def _whole(value: float) -> float:
    return int(value) if float(value).is_integer() else rounded(float(value), DIGITS)


if __name__ == "__main__":
    sys.exit(main())
