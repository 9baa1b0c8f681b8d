"""How numbers, shares, dates and clock times are written, once for every page and report."""

from __future__ import annotations

from datetime import date, datetime
from math import floor, isfinite, log10

from twin.accounting.report import Estimate

THIN = "\u202f"
"""Narrow no-break space: between thousands, and before a unit or per cent sign."""
MINUS = "\u2212"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WEEKDAYS_LONG = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def number(value: float, decimals: int = 0) -> str:
    """A number with thin spaces between thousands and a true minus.

    >>> number(-1515.04, 1)
    '−1\u202f515.0'
    >>> number(-0.04, 1)
    '0.0'
    """
    if not isfinite(value):
        return "–"
    text = f"{abs(value):,.{decimals}f}".replace(",", THIN)
    is_zero = not text.strip(f"0.{THIN}")
    return text if value >= 0 or is_zero else MINUS + text


def signed(value: float, decimals: int = 0) -> str:
    """A difference: with its sign, also when positive; zero has none.

    >>> signed(3.94, 1), signed(-1.2, 1), signed(0.01, 1)
    ('+3.9', '−1.2', '0.0')
    """
    text = number(value, decimals)
    return text if text.startswith(MINUS) or not text.strip(f"0.{THIN}") else f"+{text}"


def decimals_for(value: float, digits: int = 3) -> int:
    """Decimals that show ``digits`` significant digits of a value; none above that many.

    >>> decimals_for(61.23), decimals_for(1515.0), decimals_for(0.0512)
    (1, 0, 4)
    """
    if not isfinite(value) or value == 0:
        return 0
    return max(digits - 1 - floor(log10(abs(value))), 0)


def significant(value: float, digits: int = 3) -> str:
    """A number to so many significant digits, whole digits never rounded away.

    >>> significant(61.23), significant(1515.2)
    ('61.2', '1\u202f515')
    """
    return number(value, decimals_for(value, digits))


def interval(low: float, high: float, decimals: int = 0) -> str:
    """An interval; one number when both ends read the same.

    >>> interval(18.42, 19.68, 1), interval(-4.1, -2.4, 1)
    ('18.4 – 19.7', '−4.1 to −2.4')
    """
    first, last = number(low, decimals), number(high, decimals)
    if first == last:
        return first
    return f"{first} to {last}" if first.startswith(MINUS) else f"{first} – {last}"


def signed_interval(low: float, high: float, decimals: int = 0) -> str:
    """The interval of a difference.

    >>> signed_interval(-0.5, 0.3, 1)
    '−0.5 to +0.3'
    """
    return f"{signed(low, decimals)} to {signed(high, decimals)}"


def share(value: float) -> str:
    """A probability or share in per cent; never "100 %" or "0 %" for something merely likely.

    >>> share(0.664), share(1.0), share(0.001)
    ('66\u202f%', '>\u202f99\u202f%', '<\u202f1\u202f%')
    """
    if value > 0.99:
        return f">{THIN}99{THIN}%"
    if value < 0.01:
        return f"<{THIN}1{THIN}%"
    return f"{100 * value:.0f}{THIN}%"


def scaled(value: float, unit: str) -> tuple[float, str]:
    """Divisor and unit in which a value of this size is easily read.

    >>> scaled(61_230, "MAD"), scaled(38_400, "kgCO2e"), scaled(950, "kW")
    ((1000.0, 'k MAD'), (1000.0, 't CO₂e'), (1.0, 'kW'))
    """
    size = abs(value)
    if unit == "kgCO2e":
        return (1000.0, "t CO₂e") if size >= 1000 else (1.0, "kg CO₂e")
    if unit == "kWh":
        return (1000.0, "MWh") if size >= 10_000 else (1.0, "kWh")
    if unit in ("kW", "h", "", "min"):
        return 1.0, unit
    if size >= 1_000_000:
        return 1e6, f"M {unit}"
    return (1000.0, f"k {unit}") if size >= 10_000 else (1.0, unit)


def is_exact(estimate: Estimate) -> bool:
    """Whether a figure has no spread worth an interval."""
    return estimate.n <= 1 or estimate.low == estimate.high == estimate.mean


def hours(minutes: float) -> str:
    """A duration in words: minutes below an hour, else hours with one decimal.

    >>> hours(45), hours(204)
    ('45\u202fmin', '3.4\u202fh')
    """
    return f"{minutes:.0f}{THIN}min" if minutes < 59.5 else f"{number(minutes / 60, 1)}{THIN}h"


def day(instant: date) -> str:
    """``Mon 23 Nov`` of a local date or datetime."""
    return f"{WEEKDAYS[instant.weekday()]} {instant.day} {MONTHS[instant.month - 1]}"


def long_day(instant: date) -> str:
    """``Monday 23 Nov``."""
    return f"{WEEKDAYS_LONG[instant.weekday()]} {instant.day} {MONTHS[instant.month - 1]}"


def clock(local: datetime) -> str:
    """24-hour clock of a zone-aware local time; with its offset when that hour comes twice."""
    text = f"{local.hour:02d}:{local.minute:02d}"
    return text + _offset(local) if _comes_twice(local) else text


def moment(local: datetime) -> str:
    """``Mon 23 Nov 05:00``."""
    return f"{day(local)} {clock(local)}"


def short_moment(local: datetime) -> str:
    """``Mon 05:00``, where the week is plain from the context."""
    return f"{WEEKDAYS[local.weekday()]} {clock(local)}"


def _comes_twice(local: datetime) -> bool:
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def _offset(local: datetime) -> str:
    offset = local.utcoffset()
    minutes = round(offset.total_seconds() / 60) if offset is not None else 0
    sign = MINUS if minutes < 0 else "+"
    whole, rest = divmod(abs(minutes), 60)
    return f"{sign}{whole:02d}" + (f":{rest:02d}" if rest else "")
