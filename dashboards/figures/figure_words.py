"""The figures of a report by name: label, unit, which direction is good and the word for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class DifferenceLike(Protocol):
    """A paired difference, other − base, over the same replications."""

    @property
    def mean(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def n(self) -> int: ...
    @property
    def base_mean(self) -> float: ...
    @property
    def other_mean(self) -> float: ...
    @property
    def is_clear(self) -> bool: ...


@dataclass(frozen=True)
class FigureWords:
    """How one figure of a report is spoken of."""

    key: str
    label: str
    unit: str
    """``currency`` stands for the plant's."""
    good: int
    """+1 when more is better, −1 when less is."""
    better: str
    worse: str

    def unit_in(self, currency: str) -> str:
        return currency if self.unit == "currency" else self.unit


FIGURES: tuple[FigureWords, ...] = (
    FigureWords("orders_on_time", "Orders on time", "", +1, "more on time", "fewer on time"),
    FigureWords("tardiness_h", "Lateness, weighted", "h", -1, "less late", "later"),
    FigureWords("good_pieces", "Output", "pieces", +1, "more", "less"),
    FigureWords("total_cost", "Total cost", "currency", -1, "cheaper", "dearer"),
    FigureWords("energy_cost", "Energy cost", "currency", -1, "cheaper", "dearer"),
    FigureWords("demand_cost", "Demand charge", "currency", -1, "cheaper", "dearer"),
    FigureWords("carbon_kg", "Carbon, location", "kgCO2e", -1, "cleaner", "dirtier"),
    FigureWords("peak_kw", "Peak import", "kW", -1, "lower", "higher"),
    FigureWords("import_kwh", "Energy bought", "kWh", -1, "less", "more"),
    FigureWords("energy_kwh", "Energy drawn", "kWh", -1, "less", "more"),
    FigureWords("carbon_cost", "Carbon cost", "currency", -1, "cheaper", "dearer"),
    FigureWords("setup_cost", "Setups", "currency", -1, "cheaper", "dearer"),
    FigureWords("maintenance_cost", "Preventive maintenance", "currency", -1, "cheaper", "dearer"),
    FigureWords("failure_cost", "Failures", "currency", -1, "cheaper", "dearer"),
    FigureWords("failures", "Breakdowns", "", -1, "fewer", "more"),
    FigureWords("tardiness_cost", "Late orders, cost", "currency", -1, "cheaper", "dearer"),
    FigureWords("change_cost", "Moved operations, cost", "currency", -1, "cheaper", "dearer"),
)
BY_KEY = {words.key: words for words in FIGURES}
