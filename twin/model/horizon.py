"""The stretch of time that is planned, cut into slots; here alone dates become minutes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Horizon:
    """Half-open interval [start, start + minutes) of elapsed time.

    Minutes are elapsed (physical) minutes, so a change of clock never makes an hour vanish or
    repeat inside the horizon; only :meth:`local` shows the clock on the wall.
    """

    start: datetime
    """Zone-aware instant of minute 0."""
    minutes: int
    timezone: str = "UTC"
    """IANA zone of the plant, for showing times and reading shift calendars."""
    slot_minutes: int = 15
    """Length of a slot: the interval in which electricity is netted and its peak is measured."""

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise ValueError(f"horizon start {self.start} has no time zone")
        if self.minutes <= 0 or self.minutes % self.slot_minutes:
            slots = f"{self.slot_minutes}-min slots"
            raise ValueError(f"a horizon of {self.minutes} min is no whole number of {slots}")
        object.__setattr__(self, "start", self.start.astimezone(UTC))

    @property
    def slots(self) -> int:
        """Number of slots T."""
        return self.minutes // self.slot_minutes

    @property
    def edges(self) -> Array:
        """Slot boundaries (T + 1,) [min from start]."""
        return np.arange(self.slots + 1, dtype=float) * self.slot_minutes

    @property
    def end(self) -> datetime:
        return self.start + timedelta(minutes=self.minutes)

    def to_minutes(self, instant: datetime) -> float:
        """Minutes from the start to a zone-aware instant; negative before the start."""
        if instant.tzinfo is None:
            raise ValueError(f"instant {instant} has no time zone")
        return (instant - self.start).total_seconds() / 60

    def to_minutes_array(self, instants: Iterable[datetime]) -> Array:
        return np.array([self.to_minutes(i) for i in instants], dtype=float)

    def to_datetime(self, minute: float) -> datetime:
        """UTC instant of a minute of the horizon, to the microsecond."""
        return self.start + timedelta(minutes=minute)

    def local(self, minute: float) -> datetime:
        """The same instant on the plant's clock."""
        return self.to_datetime(minute).astimezone(ZoneInfo(self.timezone))

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as JSON holds them."""
        return {**asdict(self), "start": self.start.isoformat()}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Horizon:
        """Inverse of :meth:`to_dict`."""
        return Horizon(**{**content, "start": datetime.fromisoformat(content["start"])})
