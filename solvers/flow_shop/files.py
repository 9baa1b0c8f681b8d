"""Reads carbon-aware permutation flow shops in the text format of the CAS-PFSP benchmark.

Mencaroni et al., Journal of Cleaner Production 529 (2025) 146787. A file has, comma-separated:

* a header that begins with machines, days, jobs and the sum of all processing times [slots];
* a line of power [W], slot by slot, for each operation, job by job and machine by machine. In files
  of several machines it begins with the numbers of job and machine, which are no power; a line
  without further numbers is an operation of no length;
* a line each of on-site generation [W], carbon intensity [g/kWh] and price, slot by slot.

A slot has 15 minutes, a day 96 of them.
"""

from __future__ import annotations

import math
from pathlib import Path

from solvers.flow_shop.problem import FlowShop, Profile
from twin.errors import Fault, InputError

SLOTS_PER_DAY = 96
MOST_SLOTS = 100 * SLOTS_PER_DAY
MOST_OPERATIONS = 20_000
SERIES = ("generation", "carbon intensity", "price")


def load_flow_shop(path: Path) -> FlowShop:
    """The shop of a file, charged for carbon.

    Raises
    ------
    InputError
        With every fault of the file.
    """
    return _Reader(path).shop()


class _Reader:
    """Lines of one file, and the faults met in them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.faults: list[Fault] = []
        self.lines = _lines_of(path)

    def shop(self) -> FlowShop:
        machines, days, jobs, total = self._header()
        operations = [(job, machine) for job in range(jobs) for machine in range(machines)]
        self._expect_lines(1 + len(operations) + len(SERIES))
        profiles = [
            self._profile(1 + row, place if machines > 1 else None)
            for row, place in enumerate(operations)
        ]
        first = 1 + len(operations)
        series = [
            self._series(first + row, name, days * SLOTS_PER_DAY) for row, name in enumerate(SERIES)
        ]
        self._raise()
        length = sum(len(profile) for profile in profiles)
        if length != total:
            self._fault(1, f"the header counts {total} slots of work, the lines have {length}")
        self._raise()
        generation, carbon_intensity, price = series
        rows = [profiles[job * machines : (job + 1) * machines] for job in range(jobs)]
        power = tuple(tuple(row) for row in rows)
        shop = FlowShop(self.path.stem, power, generation, (), carbon_intensity, price)
        return shop.charged_for_carbon()

    def _header(self) -> tuple[int, int, int, int]:
        words = self.lines[0].split(",") if self.lines else []
        try:
            machines, days, jobs, total = (int(word) for word in words[:4])
        except ValueError:
            found = f'got "{_short(",".join(words))}"; the header begins with four whole numbers: '
            self._fault(1, found + "machines, days, jobs, slots of work")
            raise InputError(str(self.path), self.faults) from None
        if min(machines, days, jobs) < 1:
            self._fault(1, f"got {machines} machines, {days} days, {jobs} jobs; each is above 0")
        if days * SLOTS_PER_DAY > MOST_SLOTS or machines * jobs > MOST_OPERATIONS:
            limits = f"{MOST_SLOTS // SLOTS_PER_DAY} days, {MOST_OPERATIONS} operations"
            self._fault(1, f"got {days} days and {machines * jobs} operations; at most {limits}")
        self._raise()
        return machines, days, jobs, total

    def _expect_lines(self, expected: int) -> None:
        found = len(self.lines)
        if found != expected:
            self._fault(found, f"the file ends here; by its header it has {expected} lines")
        self._raise()

    def _profile(self, row: int, place: tuple[int, int] | None) -> Profile:
        numbers = self._numbers(row)
        if place is not None:
            if tuple(numbers[:2]) != place:
                self._fault(row + 1, f"does not begin with job {place[0]}, machine {place[1]}")
            numbers = numbers[2:]
        if any(number < 0 for number in numbers):
            self._fault(row + 1, f"got a power of {min(numbers):g} W; power is 0 or above")
        return tuple(numbers)

    def _series(self, row: int, name: str, slots: int) -> tuple[float, ...]:
        numbers = self._numbers(row)
        if len(numbers) != slots:
            self._fault(row + 1, f"got {len(numbers)} values of {name}; the horizon has {slots}")
        elif name != "price" and min(numbers) < 0:
            self._fault(row + 1, f"got a {name} of {min(numbers):g}; it is 0 or above")
        return tuple(numbers)

    def _numbers(self, row: int) -> list[float]:
        words = [word.strip() for word in self.lines[row].split(",")]
        try:
            numbers = [float(word) for word in words if word]
        except ValueError:
            self._fault(row + 1, f'got "{_short(self.lines[row])}"; numbers and commas expected')
            return []
        if not all(math.isfinite(number) for number in numbers):
            self._fault(row + 1, "a number is not finite")
        return numbers

    def _fault(self, line: int, found: str) -> None:
        self.faults.append(Fault(f"line {line}", found))

    def _raise(self) -> None:
        if self.faults:
            raise InputError(str(self.path), self.faults)


def _lines_of(path: Path) -> list[str]:
    """Lines of a text file; empty ones at its end are not counted."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(str(path), [Fault("", f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise InputError(str(path), [Fault("", "is no text file in UTF-8")]) from error
    return text.rstrip().splitlines()


def _short(text: str, longest: int = 40) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
