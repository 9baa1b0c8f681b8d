"""What calibration found: one row for each parameter, with its interval and what it rests on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

Quantity = Literal[
    "processing_time",   # of one piece, kg, load or order; key "operation/product or family"
    "processing_cv",     # coefficient of variation of a lot's time; key operation
    "transit",           # once per operation, before the first lot; key operation
    "setup_time",        # mean setup; key "from → to"
    "setup_ratio",       # observed over nominal setup time, for pairs never seen; key "*"
    "scrap",             # share of pieces scrapped; key product or family
    "time_to_failure",   # mean life; key failure mode; law and parameters of the whole law
    "time_to_repair",    # mean repair; key failure mode
    "waiting_for_crew",  # mean wait between failure and repair; key failure mode
    "micro_stop",        # share of lots that hide a short stop; key operation
    "routing",           # share of jobs that go from one operation to another; key "from → to"
    "interarrival",      # mean time between releases; key product, or "*" for all
    "power_kw",          # mean draw; key machine state
]  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """A law that was tried on the same observations."""

    law: str
    parameters: dict[str, float]
    """By the names of :mod:`twin.model.laws` [min]."""
    loglik: float
    aicc: float
    """Akaike's criterion with the small-sample term; the lowest is the best."""
    held_out: float | None = None
    """Mean log density of each observation under the law fitted to the others' part; None where
    there were too few to hold any out."""

    def rounded(self) -> Candidate:
        """The same to eight significant digits."""
        return Candidate(
            self.law,
            {name: _rounded(value) for name, value in self.parameters.items()},
            _rounded(self.loglik),
            _rounded(self.aicc),
            None if self.held_out is None else _rounded(self.held_out),
        )


@dataclass(frozen=True)
class ParameterEstimate:
    """One parameter of one work unit: value, 95 % interval, and the evidence for it."""

    quantity: Quantity
    work_unit: str
    key: str
    """What the value belongs to on that unit, see :data:`Quantity`."""
    value: float
    low: float
    high: float
    """``low`` and ``high`` bound the value at 95 % confidence."""
    unit: str
    """Of value, low, high and nominal: min, min/piece, kW, share, …"""
    n: int
    """Observations that carry it: lots, setups, pieces, failures, repairs, meter intervals."""
    n_censored: int = 0
    """Lives or repairs seen only in part, and counted as such."""
    law: str = ""
    """Name of the law of the quantity, where one is fitted."""
    parameters: dict[str, float] = field(default_factory=dict)
    """Parameters of the law, by the names of :mod:`twin.model.laws` [min]."""
    fit: str = ""
    """Goodness of fit, in words."""
    nominal: float | None = None
    """What the plant file says; None when it says nothing."""
    note: str = ""
    """What was assumed, pooled or left out."""
    candidates: tuple[Candidate, ...] = ()
    """Laws that were compared, the chosen one first."""
    p_value: float | None = None
    """Of the test named in ``fit``: small where the law does not describe the observations."""

    @property
    def is_surprising(self) -> bool:
        """Whether the nominal value lies outside the interval."""
        return self.nominal is not None and not self.low <= self.nominal <= self.high

    def rounded(self) -> ParameterEstimate:
        """The same estimate to eight significant digits.

        What lies beyond depends on which linear algebra a machine has; a plan must not.
        """
        return replace(
            self,
            value=_rounded(self.value),
            low=_rounded(self.low),
            high=_rounded(self.high),
            parameters={name: _rounded(value) for name, value in self.parameters.items()},
            candidates=tuple(candidate.rounded() for candidate in self.candidates),
            p_value=None if self.p_value is None else _rounded(self.p_value),
        )


def _rounded(value: float) -> float:
    return float(f"{value:.8g}")


@dataclass(frozen=True)
class Calibration:
    """Every parameter estimated from one log, in the order of the plant's work units."""

    plant: str
    source: str
    """Where the log came from."""
    begin: datetime | None
    end: datetime
    """The log's stretch that was used."""
    events: int
    estimates: tuple[ParameterEstimate, ...] = ()
    notes: tuple[str, ...] = ()
    """What kept its nominal value, and why."""

    def of(self, quantity: Quantity, work_unit: str | None = None) -> tuple[ParameterEstimate, ...]:
        """Estimates of one quantity, on one work unit or on all."""
        return tuple(self._matching(quantity, work_unit))

    def _matching(self, quantity: Quantity, work_unit: str | None) -> Iterator[ParameterEstimate]:
        for e in self.estimates:
            if e.quantity == quantity and work_unit in (None, e.work_unit):
                yield e

    def find(self, quantity: Quantity, work_unit: str, key: str) -> ParameterEstimate | None:
        """One estimate; None when the log said nothing about it."""
        return next((e for e in self._matching(quantity, work_unit) if e.key == key), None)

    def describe(self) -> str:
        """The estimates as a table, a line each."""
        head = (
            "work unit",
            "quantity",
            "key",
            "value",
            "95 % interval",
            "unit",
            "nominal",
            "n",
            "cens.",
        )
        rows = [head, *(_cells(e) for e in self.estimates)]
        width = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = [
            "  ".join(c.ljust(w) for c, w in zip(r, width, strict=True)).rstrip() for r in rows
        ]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as JSON holds them."""
        content = asdict(self)
        content["begin"] = self.begin.isoformat() if self.begin else None
        content["end"] = self.end.isoformat()
        return content

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1, sort_keys=True, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Calibration:
        """Inverse of :meth:`to_json`; raises ``ValueError``, ``KeyError`` or ``TypeError`` else."""
        content: dict[str, Any] = json.loads(text)
        begin = content["begin"]
        content["begin"] = datetime.fromisoformat(begin) if begin else None
        content["end"] = datetime.fromisoformat(content["end"])
        content["estimates"] = tuple(_estimate_of(e) for e in content["estimates"])
        content["notes"] = tuple(content["notes"])
        return Calibration(**content)


def _estimate_of(content: dict[str, Any]) -> ParameterEstimate:
    candidates = tuple(Candidate(**c) for c in content.pop("candidates", ()))
    return ParameterEstimate(**content, candidates=candidates)


def _cells(e: ParameterEstimate) -> tuple[str, ...]:
    nominal = "" if e.nominal is None else f"{e.nominal:.4g}"
    interval = f"{e.low:.4g} … {e.high:.4g}"
    mark = " *" if e.is_surprising else ""
    return (
        e.work_unit, e.quantity, e.key, f"{e.value:.4g}", interval, e.unit, nominal + mark,
        str(e.n), str(e.n_censored or ""),
    )  # fmt: skip
