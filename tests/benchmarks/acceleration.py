"""Lives under stress: ln(time) shifts in proportion to a function of temperature or load."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize

from twin.calibration.life_laws import LawName
from twin.calibration.lifetimes import Fit, Lives, fit_law
from twin.model.horizon import Array

KELVIN = 273.15
BOLTZMANN = 1 / 11605
"""[eV/K], as Meeker & Escobar round it."""


@dataclass(frozen=True)
class Accelerated:
    """A fit at stress x = 0, and by how much ln(time) shifts for each unit of x."""

    transform: str
    slope: float
    fit: Fit


def transforms(name: str, stress: Array) -> dict[str, Array]:
    """Arrhenius for a temperature; else the number itself, and the logarithm of one above 0."""
    if "celsius" in name or name in ("temp", "temperature", "degreesc", "degrees_c"):
        return {"Arrhenius": 1 / (BOLTZMANN * (stress + KELVIN))}
    return {"linear": stress} | ({"log": np.log(stress)} if np.all(stress > 0) else {})


def fit_accelerated(lives: Lives, transform: str, x: Array, law: LawName) -> Accelerated:
    """One form for all, the time of each row multiplied by exp(slope · x); highest likelihood."""
    centre = float(x.mean())
    spread = float(x.std()) or 1.0
    z = (x - centre) / spread
    exact = lives.weight * lives.failed * (lives.latest == lives.ages)

    def scaled(slope: float) -> Lives:
        factor = np.exp(-slope * z)
        return replace(
            lives, ages=lives.ages * factor, entry=lives.entry * factor,
            latest=lives.latest * factor,
        )  # fmt: skip

    def loss(slope: float) -> float:
        return -fit_law(scaled(slope), law).loglik + slope * float(exact @ z)

    found = optimize.minimize_scalar(loss, bounds=(-8.0, 8.0), method="bounded",
                                     options={"xatol": 1e-7})  # fmt: skip
    slope = float(found.x)
    at_centre = fit_law(scaled(slope), law)
    shift = float(np.exp(np.clip(-slope * centre / spread, -600, 600)))
    parameters = dict(at_centre.parameters)
    for time in ("scale", "median"):
        if time in parameters:
            parameters[time] *= shift
    fit = replace(at_centre, parameters=parameters, loglik=-float(found.fun),
                  free=at_centre.free + 1)  # fmt: skip
    return Accelerated(transform, slope / spread, fit)
