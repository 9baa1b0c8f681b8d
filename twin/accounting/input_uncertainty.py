"""What part of a figure's uncertainty comes from the inputs, and what from too few replications.

Figures of a simulation are uncertain twice: replications differ by chance, and the parameters were
estimated from a log that could have been another. By the law of total variance, with plants θ drawn
as uncertain as the parameters are and some replications Y of each,

    Var Y = E[Var(Y | θ)] + Var(E[Y | θ]),

and the second term is the *input uncertainty*. The means of plants scatter by both, so the variance
within plants, over the replications of each, is taken off (analysis of variance of one way with
random effects). Few replications of many plants are best: Sun, Apley and Staum (2011), Efficient
nested simulation for estimating the variance of a conditional expectation, Operations Research 59,
998–1007. Barton, Nelson and Xie (2014), Quantifying input uncertainty via simulation confidence
intervals, INFORMS Journal on Computing 26, say why an interval without it is too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np
from scipy.special import ndtri, stdtrit

from twin.accounting.report import Estimate
from twin.model.horizon import Array


@dataclass(frozen=True)
class TwoWidths:
    """How sure a figure is, by source; half-widths of intervals of one level."""

    mean: float
    """With the best estimate of every parameter."""
    simulation: float
    """Half-width by chance: narrower with more replications."""
    inputs: float
    """Half-width by the parameters: narrower with a longer log only."""
    mean_of_draws: float
    """Over the plants drawn; apart from ``mean`` where a figure does not follow its inputs in
    proportion."""
    draws: int
    """Plants that have a value for it."""
    level: float

    @property
    def both(self) -> float:
        """Half-width by chance and parameters together; the sources are independent."""
        return hypot(self.simulation, self.inputs)


def two_widths(figure: Estimate, drawn: Sequence[Array]) -> TwoWidths | None:
    """The two half-widths of a figure; None with fewer than two plants drawn.

    Parameters
    ----------
    figure
        From replications with the best estimate of every parameter.
    drawn
        Of each plant drawn, the figure's value in each of its replications.
    """
    known = [values for values in drawn if len(values)]
    if len(known) < 2:
        return None
    t = float(stdtrit(len(known) - 1, (1 + figure.level) / 2))
    return TwoWidths(
        figure.mean, (figure.high - figure.low) / 2, t * sqrt(input_variance(known)),
        float(np.mean([values.mean() for values in known])), len(known), figure.level,
    )  # fmt: skip


def range_half_widths(
    by_chance: Array, drawn: Sequence[Array], level: float = 0.9
) -> tuple[float, float]:
    """Half-widths of a normal range of one outcome: by chance alone, and by the inputs alone.

    Parameters
    ----------
    by_chance
        Outcomes of one plant.
    drawn
        Outcomes of each of several plants drawn.
    """
    z = float(ndtri((1 + level) / 2))
    inputs = input_variance(drawn) if len(drawn) > 1 else 0.0
    return z * float(np.std(by_chance)), z * sqrt(inputs)


def input_variance(drawn: Sequence[Array]) -> float:
    """Var(E[Y | θ]) from the replications of some plants; 0 where chance explains all.

    With one replication of each plant chance cannot be told from inputs: all is then put down to
    the inputs.

    >>> input_variance([np.array([1.0, 3.0]), np.array([5.0, 7.0])])  # 8 between, less 2/2 within
    7.0
    """
    sizes = np.array([len(values) for values in drawn], dtype=float)
    centres = np.array([values.mean() for values in drawn])
    total, free = float(sizes.sum()), len(drawn) - 1
    between = float(sizes @ (centres - sizes @ centres / total) ** 2) / free
    within = 0.0
    if total > len(drawn):
        squares = sum(float(((values - values.mean()) ** 2).sum()) for values in drawn)
        within = squares / (total - len(drawn))
    usual_size = (total - float(sizes @ sizes) / total) / free
    return max(between - within, 0.0) / usual_size
