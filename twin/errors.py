"""What a user can repair, as a small tree of exceptions.

::

    NoriaError                 exit code
    ├── InputError                 2      a file or value is wrong; every fault of it is listed
    ├── Locked                     3      another run holds the lock
    ├── UnfitData                  8      the data are too poor to carry a plan
    │   └── StaleData              4      the data are too old
    ├── Infeasible                 5      no schedule meets the hard demands
    ├── PublishRefused             6      the ERP (or its drop folder) did not take the plan
    │   └── ErpAway                9      the ERP cannot be reached, or refuses the login
    ├── Partial                    7      something was done, something was not; both are named
    ├── DiskFull                  10      there is no room left where something must be written
    ├── FeedMissing               11      prices or carbon intensity do not cover the horizon
    └── StoreAway                 12      the event store cannot be reached

Wrong calls inside the program raise Python's own errors. Each message reads
``where: what was found; what is expected; what to do``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


class NoriaError(Exception):
    """Something a user can repair. The message is complete; no traceback is needed."""

    exit_code = 1


@dataclass(frozen=True)
class Fault:
    """One thing wrong with an input: where it is, what was found, what to do about it."""

    where: str
    """Key path, line or unit inside the source, for example ``work_units.3.startup_time``."""
    found: str
    """What was found and what is expected, in one clause or two."""
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.found}" if self.where else self.found
        return f"{text}; {self.remedy}" if self.remedy else text


class InputError(NoriaError):
    """A file or value is wrong; all its faults are in one message, a line each."""

    exit_code = 2

    def __init__(self, source: str, faults: Iterable[Fault]) -> None:
        self.source = source
        self.faults = tuple(faults)
        super().__init__("\n".join(f"{source}: {fault}" for fault in self.faults))


class Locked(NoriaError):
    """Another run holds the lock."""

    exit_code = 3


class UnfitData(NoriaError):
    """The data are too poor to carry a plan; the message says what is missing."""

    exit_code = 8


class StaleData(UnfitData):
    """The last event is too old for a plan from the cut-off."""

    exit_code = 4


class Infeasible(NoriaError):
    """No schedule meets the hard demands; the message names what conflicts."""

    exit_code = 5


class PublishRefused(NoriaError):
    """The ERP, or the folder it reads, did not take the plan."""

    exit_code = 6


class ErpAway(PublishRefused):
    """The ERP cannot be reached, or refuses the login. What was to be published waits."""

    exit_code = 9


class Partial(NoriaError):
    """Something was done and something was not; the message names both."""

    exit_code = 7


class DiskFull(NoriaError):
    """There is no room left where something must be written; nothing half-written remains."""

    exit_code = 10


class FeedMissing(NoriaError):
    """Prices or carbon intensity are missing, or do not cover the horizon."""

    exit_code = 11


class StoreAway(NoriaError):
    """The event store cannot be reached; what a source has not handed over stays with it."""

    exit_code = 12


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean "x"?`` for a misspelt name, or the list of known names.

    >>> did_you_mean("cycle_tme", ["cycle_time", "power_kw"])
    'did you mean "cycle_time"?'
    """
    names = sorted(known)
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f'did you mean "{close[0]}"?'
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"known: {shown}" if names else "none is known"
