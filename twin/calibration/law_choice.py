"""Which law lives follow: candidates side by side, by Akaike's criterion and on lives held out.

A law is left for another only on evidence (:data:`EVIDENCE`): with a dozen failures the lowest
criterion picks a wrong family every third time, and a plan changes its mind with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from twin.calibration.estimates import Candidate
from twin.calibration.life_laws import FAMILIES, LAWS, LawName
from twin.calibration.lifetimes import Fit, Lives, fit_law, log_likelihood
from twin.model.horizon import Array

EVIDENCE = 4.0
"""By how much AICc must be lower to leave the usual family: odds of about seven to one."""
FOLDS = 5
FEWEST_HELD_OUT = 10
"""Failures from which lives are held out."""


def fits_of(lives: Lives, laws: Sequence[LawName] = LAWS) -> dict[LawName, Fit]:
    """Each family fitted, where there are failures enough for its parameters."""
    enough = [law for law in laws if lives.failures >= FAMILIES[law].free]
    return {law: fit_law(lives, law) for law in enough}


def candidates_of(lives: Lives, fits: dict[LawName, Fit], first: LawName) -> tuple[Candidate, ...]:
    """The fits as rows of a table, ``first`` on top and the others by AICc.

    Families with too many parameters for the failures at hand have no AICc and no row.
    """
    judged = [law for law in fits if math.isfinite(fits[law].aicc)]
    order = sorted(judged, key=lambda law: (law != first, fits[law].aicc, -fits[law].loglik))
    return tuple(
        Candidate(
            law, fits[law].parameters, fits[law].loglik, fits[law].aicc, held_out(lives, fits[law])
        )
        for law in order
    )


def preferred(fits: dict[LawName, Fit], usual: LawName, scores: dict[str, float | None]) -> LawName:
    """The usual family, or another with an AICc lower by :data:`EVIDENCE` that also foretells
    lives held out better."""
    best = min(fits, key=lambda law: fits[law].aicc)
    if usual not in fits or best == usual:
        return best if math.isfinite(fits[best].aicc) else usual
    is_evident = fits[best].aicc <= fits[usual].aicc - EVIDENCE
    own, others = scores.get(usual), scores.get(best)
    foretells = own is None or others is None or others > own
    return best if is_evident and foretells else usual


def held_out(lives: Lives, fit: Fit, folds: int = FOLDS) -> float | None:
    """Mean log-likelihood of a life under the law of a fit, fitted to the other folds.

    Lives are dealt to the folds in order of age, failures apart from censored ones, so that each
    fold is like the whole. None with fewer than :data:`FEWEST_HELD_OUT` failures.
    """
    if lives.failures < FEWEST_HELD_OUT or np.sum(lives.failed) < folds:
        return None
    fold = dealt(lives, folds)
    family, total = FAMILIES[fit.law], 0.0
    near = family.position(fit.parameters)
    for number in range(folds):
        others = fit_law(lives.rows(fold != number), fit.law, near)
        position = family.position(others.parameters)
        total += log_likelihood(lives.rows(fold == number), fit.law, position)
    return max(total / float(lives.weight.sum()), -1e6)


def dealt(lives: Lives, folds: int) -> Array:
    """Number of the fold of each life."""
    order = np.lexsort((lives.ages, lives.failed))
    fold = np.empty(len(order))
    fold[order] = np.arange(len(order)) % folds
    return fold
