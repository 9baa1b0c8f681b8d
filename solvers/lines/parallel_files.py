"""Reads identical parallel machines with energy rates from three lists of numbers.

The format is that of the benchmark of Anghinolfi, Paolucci and Ronco (2021, European Journal of
Operational Research 289, A bi-objective heuristic approach for green identical parallel machine
scheduling): ``Data_p<name>`` has the processing time of each job in slots, ``Data_c<name>`` the
price of each slot, ``Data_e<name>`` the power of each machine while it works. A machine that does
not work draws nothing, and needs nothing to begin or to end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from solvers.lines.problem import OFF, Line, LineProblem, Order, Site, Way
from twin.errors import Fault, InputError

NAME = re.compile(r"Data_([pce])(.+)")
LISTS = {"p": "processing times", "c": "prices", "e": "powers"}
REMEDY = "name a file Data_p, Data_c or Data_e with the other two beside it, or their folder"


def parallel_files(paths: Iterable[Path]) -> list[Path]:
    """The file of processing times of each instance that files or folders belong to, once."""
    found: dict[Path, None] = {}
    for path in paths:
        files = list(path.glob("Data_p*")) if path.is_dir() else [path]
        # A folder without instances stays in the list, to be named by the reader.
        found |= dict.fromkeys(map(_beside, sorted(files or [path], key=_rank)))
    return list(found)


def _beside(path: Path) -> Path:
    """The processing times that go with a file of any kind; other files stay what they are."""
    match = NAME.fullmatch(path.name)
    return path.with_name(f"Data_p{match[2]}") if match else path


def _rank(path: Path) -> tuple[int, str]:
    """By number, where names end in one."""
    digits = re.findall(r"\d+", path.name)
    return int(digits[-1]) if digits else 0, path.name


def instance_of(path: Path) -> str:
    """What follows ``Data_p`` in the name of a file, without its ending."""
    match = NAME.fullmatch(path.stem)
    return match[2] if match else path.stem


def read_parallel(path: Path) -> LineProblem:
    """The line problem of a file ``Data_p``, ``Data_c`` or ``Data_e`` and the two beside it.

    Raises
    ------
    InputError
        If one of the three cannot be read, or with everything in them that does not fit.
    """
    match = NAME.fullmatch(path.name)
    if match is None:
        raise InputError(str(path), [Fault("file", "is not named Data_p, Data_c, Data_e", REMEDY)])
    files = {kind: path.with_name(f"Data_{kind}{match[2]}") for kind in LISTS}
    times, prices, powers = (_numbers(file, LISTS[kind]) for kind, file in files.items())
    faults = [
        Fault(f"{files['p'].name}: value {n + 1}", f"got {p:g}; a job takes whole slots above 0")
        for n, p in enumerate(times)
        if p <= 0 or p != int(p)
    ]
    faults += [
        Fault(f"{files['e'].name}: value {n + 1}", f"got {kw:g}; a power is 0 or above")
        for n, kw in enumerate(powers)
        if kw < 0
    ]
    if faults:
        raise InputError(str(path.parent), faults)
    name = f"{path.parent.name}/{instance_of(path)}"
    return parallel_problem(name, [int(p) for p in times], prices, powers)


def _numbers(path: Path, what: str) -> list[float]:
    try:
        words = re.split(r"[\s,;]+", path.read_text(encoding="utf-8").strip())
        numbers = [float(word) for word in words if word]
    except OSError as error:
        raise InputError(str(path), [Fault("file", error.strerror or str(error), REMEDY)]) from None
    except ValueError as error:
        raise InputError(str(path), [Fault("file", f"{error}; {what} expected", REMEDY)]) from None
    if not numbers or not np.isfinite(numbers).all():
        raise InputError(str(path), [Fault("file", f"finite {what} expected", REMEDY)])
    return numbers


def parallel_problem(
    name: str, times: list[int], prices: list[float], powers: list[float]
) -> LineProblem:
    """Machines as lines that are always off and ready, jobs as orders that any of them makes."""
    slots = len(prices)
    lines = tuple(
        Line(f"machine {m}", np.ones(slots, dtype=bool), (0.0,), ()) for m in range(len(powers))
    )
    orders = tuple(
        Order(f"job {j}", tuple(Way(m, OFF, ((p, kw),)) for m, kw in enumerate(powers)))
        for j, p in enumerate(times)
    )
    site = Site(
        price_per_kwh=np.array(prices),
        carbon_intensity=np.zeros(slots),
        carbon_price_per_t=0.0,
        base_kw=np.zeros(slots),
        generation_kw=np.zeros(slots),
    )
    return LineProblem(name, 1.0, slots, lines, orders, (), site)
