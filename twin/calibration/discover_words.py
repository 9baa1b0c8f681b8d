"""How surely a value was inferred, in the words of the comment beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from twin.calibration.estimates import ParameterEstimate
from twin.calibration.plant_text import Note
from twin.calibration.setups import ARROW, OTHERS

SURENESS = ((0.05, "sure"), (0.2, "fairly sure"), (0.5, "unsure"))
"""By half the width of the interval over the value."""
COUNTED = {
    "processing_time": "lots", "processing_cv": "lots", "transit": "orders", "setup_time": "setups",
    "scrap": "pieces", "time_to_failure": "failures", "time_to_repair": "repairs",
    "waiting_for_crew": "failures", "micro_stop": "lots", "power_kw": "meter intervals",
    "routing": "jobs", "interarrival": "releases",
}  # fmt: skip
ABOUT_LAWS = {"time_to_failure": "mean", "time_to_repair": "mean"}


def sureness(value: float, low: float, high: float, n: int) -> str:
    """A word for the width of an interval.

    >>> sureness(0.175, 0.17, 0.18, 1452), sureness(400, 120, 900, 3)
    ('sure', 'a guess')
    """
    if n == 0 or value <= 0:
        return "a guess"
    half = (high - low) / 2 / value
    return next((word for limit, word in SURENESS if half <= limit), "a guess")


def words_of(e: ParameterEstimate, what: str = "") -> str:
    """What one value rests on: from how many, its interval, how sure.

    Parameters
    ----------
    what
        Of which value the interval is, where it is not the one beside it.
    """
    counted = COUNTED.get(e.quantity, "observations")
    if e.n == 0:
        origin = "never seen, from the others"
    else:
        origin = f"from {e.n:,} {counted}"
    if "leans on the nominal" in e.note or "nominal law counts" in e.note:
        origin += " and those of like units"
    about = ABOUT_LAWS.get(e.quantity, "")
    mean = f"{about} {e.value:.4g} {e.unit}, " if about else ""
    interval = f"{what or mean}95 % {e.low:.3g}–{e.high:.3g}"
    return f"{origin}; {interval}; {sureness(e.value, e.low, e.high, e.n)}"


def notes_of(estimates: Iterable[ParameterEstimate]) -> Iterator[Note]:
    """A note on the value that each estimate was put into, or on what it is about."""
    estimates = list(estimates)
    stopped = {(e.work_unit, e.key) for e in estimates if e.quantity == "micro_stop"}
    for e in estimates:
        if place := _place(e):
            operation = e.key.rpartition("/")[0]
            is_raised = e.quantity == "processing_time" and (e.work_unit, operation) in stopped
            plain = f"without short stops {e.value:.4g}, " if is_raised else ""
            yield Note(place, words_of(e, plain))
        elif e.quantity == "interarrival":
            where = "plant" if e.key == "*" else f"products.{e.key}"
            what = "orders are" if e.key == "*" else "its orders are"
            law = f" ({e.law})" if e.law else ""
            note = f"; {e.note}" if e.note else ""
            yield Note(where, f"{what} released every {e.value:.4g} {e.unit}{law}{note}; "
                              f"{words_of(e)}")  # fmt: skip
        elif e.quantity == "micro_stop":
            length = e.parameters.get("minutes", 0.0)
            told = f" of about {length:.3g} min" if length else ""
            yield Note(
                f"work_units.{e.work_unit}",
                f"{e.value:.1%} of the lots of {e.key} hide a short stop{told}, which the "
                f"processing times include; {words_of(e)}",
            )
        elif e.quantity == "waiting_for_crew":
            yield Note(
                f"work_units.{e.work_unit}",
                f"{e.key} waited {e.value:.3g} min for people on average; {words_of(e)}",
            )


def _place(e: ParameterEstimate) -> str:
    unit = f"work_units.{e.work_unit}"
    if e.quantity == "processing_time":
        operation, _, key = e.key.rpartition("/")
        return f"{unit}.processing.{operation}.time.{key}"
    if e.quantity in ("processing_cv", "transit"):
        field = "cv" if e.quantity == "processing_cv" else "transit"
        return f"{unit}.processing.{e.key}.{field}"
    if e.quantity == "setup_time":
        if e.key == OTHERS:
            return f"{unit}.setup.default"
        before, _, after = e.key.partition(ARROW)
        return f"{unit}.setup.times.{before}.{after}"
    if e.quantity in ("time_to_failure", "time_to_repair"):
        return f"{unit}.failure_modes.{e.key}.{e.quantity}"
    return f"{unit}.{e.quantity}.{e.key}" if e.quantity in ("scrap", "power_kw") else ""
