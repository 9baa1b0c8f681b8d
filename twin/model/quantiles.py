"""Quantiles of the normal and the gamma law, in plain arithmetic.

Only + − × ÷ and log, log1p, exp, sqrt and pow of the C library are used, in one order, so that the
compiled kernel repeats them bit for bit on the same computer; its copy is held to this one by test.
"""

from __future__ import annotations

import math

TINY = 1e-300
LARGE_SHAPE = 1e5
"""Above it the cube of a normal quantile is a gamma quantile to 7 digits and more (Wilson and
Hilferty 1931)."""


def normal_quantile(u: float) -> float:
    """Φ⁻¹(u) for u in (0, 1), to 16 digits (Wichura 1988, algorithm AS 241, PPND16).

    >>> round(normal_quantile(0.975), 12)
    1.95996398454
    """
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        num = (((((((2.5090809287301226727e3 * r + 3.3430575583588128105e4) * r
                 + 6.7265770927008700853e4) * r + 4.5921953931549871457e4) * r
                 + 1.3731693765509461125e4) * r + 1.9715909503065514427e3) * r
                 + 1.3314166789178437745e2) * r + 3.3871328727963666080e0)  # fmt: skip
        den = (((((((5.2264952788528545610e3 * r + 2.8729085735721942674e4) * r
                 + 3.9307895800092710610e4) * r + 2.1213794301586595867e4) * r
                 + 5.3941960214247511077e3) * r + 6.8718700749205790830e2) * r
                 + 4.2313330701600911252e1) * r + 1.0)  # fmt: skip
        return q * num / den
    tail = u if q < 0 else 1.0 - u
    r = math.sqrt(-math.log(tail if tail > TINY else TINY))
    if r <= 5.0:
        r -= 1.6
        num = (((((((7.74545014278341407640e-4 * r + 2.27238449892691845833e-2) * r
                 + 2.41780725177450611770e-1) * r + 1.27045825245236838258e0) * r
                 + 3.64784832476320460504e0) * r + 5.76949722146069140550e0) * r
                 + 4.63033784615654529590e0) * r + 1.42343711074968357734e0)  # fmt: skip
        den = (((((((1.05075007164441684324e-9 * r + 5.47593808499534494600e-4) * r
                 + 1.51986665636164571966e-2) * r + 1.48103976427480074590e-1) * r
                 + 6.89767334985100004550e-1) * r + 1.67638483018380384940e0) * r
                 + 2.05319162663775882187e0) * r + 1.0)  # fmt: skip
    else:
        r -= 5.0
        num = (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r
                 + 1.24266094738807843860e-3) * r + 2.65321895265761230930e-2) * r
                 + 2.96560571828504891230e-1) * r + 1.78482653991729133580e0) * r
                 + 5.46378491116411436990e0) * r + 6.65790464350110377720e0)  # fmt: skip
        den = (((((((2.04426310338993978564e-15 * r + 1.42151175831644588870e-7) * r
                 + 1.84631831751005468180e-5) * r + 7.86869131145613259100e-4) * r
                 + 1.48753612908506148525e-2) * r + 1.36929880922735805310e-1) * r
                 + 5.99832206555887937690e-1) * r + 1.0)  # fmt: skip
    return -num / den if q < 0 else num / den


def log_gamma(a: float) -> float:
    """ln Γ(a) for a > 0, relative error of Γ below 1e-13 (Lanczos 1964, g = 7, nine terms).

    >>> abs(log_gamma(5.0) - math.log(24)) < 1e-12
    True
    """
    z = a - 1.0 if a >= 0.5 else a
    series = 0.99999999999980993
    series += 676.5203681218851 / (z + 1.0)
    series += -1259.1392167224028 / (z + 2.0)
    series += 771.32342877765313 / (z + 3.0)
    series += -176.61502916214059 / (z + 4.0)
    series += 12.507343278686905 / (z + 5.0)
    series += -0.13857109526572012 / (z + 6.0)
    series += 9.9843695780195716e-6 / (z + 7.0)
    series += 1.5056327351493116e-7 / (z + 8.0)
    t = z + 7.5
    value = 0.91893853320467274178 + (z + 0.5) * math.log(t) - t + math.log(series)
    return value if a >= 0.5 else value - math.log(a)


def gamma_tail(shape: float, x: float, is_upper: bool) -> float:
    """P(X > x), or P(X ≤ x), for X of the gamma law of this shape and scale 1.

    The power series of the lower tail below shape + 1, Lentz's continued fraction of the upper tail
    above (Abramowitz and Stegun 1964, 6.5.29 and 6.5.31). Both need about 9 √shape terms, so that
    4000 are enough up to :data:`LARGE_SHAPE`.
    """
    if x <= 0.0:
        return 1.0 if is_upper else 0.0
    scale = math.exp(shape * math.log(x) - x - log_gamma(shape))
    if x < shape + 1.0:
        term = 1.0 / shape
        total = term
        n = shape
        for _ in range(4000):
            n += 1.0
            term *= x / n
            total += term
            if term < total * 1e-16:
                break
        lower = scale * total
        return 1.0 - lower if is_upper else lower
    b = x + 1.0 - shape
    c = 1.0 / TINY
    d = 1.0 / b
    h = d
    i = 0.0
    for _ in range(4000):
        i += 1.0
        an = -i * (i - shape)
        b += 2.0
        d = an * d + b
        if abs(d) < TINY:
            d = TINY
        c = b + an / c
        if abs(c) < TINY:
            c = TINY
        d = 1.0 / d
        step = d * c
        h *= step
        if abs(step - 1.0) < 1e-16:
            break
    upper = scale * h
    return upper if is_upper else 1.0 - upper


def gamma_quantile(shape: float, u: float) -> float:
    """x with P(X ≤ x) = u for the gamma law of this shape and scale 1, to about 12 digits.

    >>> round(gamma_quantile(1.0, 0.5), 10) == round(math.log(2), 10)
    True
    """
    return _gamma_inverse(shape, u, False)


def gamma_upper_quantile(shape: float, q: float) -> float:
    """x with P(X > x) = q: exact far out in the tail, where 1 − q is no number any more."""
    return _gamma_inverse(shape, q, True)


def _gamma_inverse(shape: float, p: float, is_upper: bool) -> float:
    """Newton's steps on the logarithm of the wanted tail, kept inside a bracket that halves.

    A lower tail so small that x underflows gives 0.
    """
    if p <= 0.0:
        return math.inf if is_upper else 0.0
    if p >= 1.0:
        return 0.0 if is_upper else math.inf
    if p > 0.5:  # the smaller tail keeps its digits; 1 − p is exact here
        p = 1.0 - p
        is_upper = not is_upper
    lower = 1.0 - p if is_upper else p
    log_first = (math.log(lower if lower > TINY else TINY) + log_gamma(shape + 1.0)) / shape
    if log_first < -600.0:
        return 0.0
    z = -normal_quantile(p) if is_upper else normal_quantile(p)
    ninth = 1.0 / (9.0 * shape)
    cube = 1.0 - ninth + z * math.sqrt(ninth)
    x = shape * cube * cube * cube if cube > 0.0 else 0.0
    if shape > LARGE_SHAPE:
        return x
    if shape < 1.0 or x <= 0.0 or lower < 0.01:
        near = math.exp(log_first)  # P(X ≤ x) ≈ x^shape / Γ(shape + 1) near 0
        if x <= 0.0 or near < shape:
            x = near
    low = 0.0
    high = math.inf
    for _ in range(100):
        tail = gamma_tail(shape, x, is_upper)
        if (tail < p) == is_upper:
            high = x
        else:
            low = x
        density = math.exp((shape - 1.0) * math.log(x) - x - log_gamma(shape))
        if tail > 0.0 and density > 0.0:
            step = math.log(tail / p) * tail / density
            new = x + step if is_upper else x - step
        else:
            new = -1.0
        if not low < new < high:
            new = 2.0 * x if high == math.inf else 0.5 * (low + high)
        if abs(new - x) <= 1e-13 * x:
            return new
        x = new
    return x
