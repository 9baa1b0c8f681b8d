"""Reads shops and best known makespans from the text files in which they are published.

Job shop: a line with the numbers of jobs and machines; then a line a job with pairs of machine and
time. Flexible job shop (``.fjs``): the first line may end with the mean number of alternatives; a
line a job has its number of operations, and for each the number of alternatives and their pairs of
machine and time. Machines are counted from 0 in the one and from 1 in the other; a file that counts
otherwise is recognised by the number that the usual count does not have. Lines that begin with #
are remarks.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from solvers.shop.problem import Alternative, Operation, Problem
from twin.errors import Fault, InputError

FLEXIBLE = (".fjs", ".fjsp")
Line = tuple[int, list[int]]
"""Number of a line and the whole numbers in it."""


@dataclass(frozen=True)
class BestKnown:
    """What is published of an instance: bounds of its least makespan."""

    lower: int | None
    upper: int


def read_problem(path: Path) -> Problem:
    """Read a job shop or, from a file that ends with .fjs, a flexible one.

    Raises
    ------
    InputError
        If the file cannot be read or is not of that format; all faults found are named.
    """
    header, *lines = _lines(path)
    if len(header[1]) < 2 or min(header[1][:2]) < 1:
        raise _refused(path, header[0], "numbers of jobs and machines are expected, both above 0")
    jobs, machines = header[1][:2]
    if len(lines) != jobs:
        found = f"{jobs} jobs are announced and {len(lines)} lines with jobs follow"
        raise _refused(path, header[0], found)
    is_flexible = path.suffix.lower() in FLEXIBLE
    rows = [_flexible_job(path, x) if is_flexible else _plain_job(path, x) for x in lines]
    first = _first_machine([x for x, _ in rows], machines, usual=1 if is_flexible else 0)
    _refuse_wrong_numbers(path, rows, machines, first)
    return Problem(path.stem, machines, tuple(_job(row, first) for row, _ in rows))


def read_best_known(folder: Path) -> dict[str, BestKnown]:
    """Read ``best_known.csv`` of a folder, by name of instance; empty without that file.

    Raises
    ------
    InputError
        If it has no columns instance and ub, or a bound in them is no number.
    """
    path = folder / "best_known.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file)
        if not {"instance", "ub"} <= set(table.fieldnames or ()):
            fault = Fault("header", f"got {table.fieldnames}; columns instance and ub are expected")
            raise InputError(str(path), [fault])
        return {row["instance"]: _best_known(path, row) for row in table if row["ub"]}


def _best_known(path: Path, row: dict[str, str]) -> BestKnown:
    try:
        return BestKnown(int(row["lb"]) if row.get("lb") else None, int(row["ub"]))
    except ValueError as error:
        fault = Fault(row["instance"], f"{error}; whole numbers are expected as lb and ub")
        raise InputError(str(path), [fault]) from error


RawJob = list[list[tuple[int, int]]]
"""Of each operation the pairs of machine and time, machines as the file counts them."""


def _lines(path: Path) -> list[Line]:
    """Lines that are neither empty nor remarks, at least one."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        fault = Fault("", f"cannot be read as text ({error})", "give the file of a shop")
        raise InputError(str(path), [fault]) from error
    found = [
        (number, line.split())
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not found:
        raise InputError(str(path), [Fault("", "is empty; a shop is expected")])
    number, words = found[0]
    header = (number, [_number(path, number, word) for word in words[:2]])
    return [header, *((n, [_number(path, n, word) for word in words]) for n, words in found[1:])]


def _number(path: Path, line: int, word: str) -> int:
    try:
        value = float(word)
    except ValueError:
        value = -1.0
    if value < 0 or not value.is_integer():
        raise _refused(path, line, f'got "{word}"; whole numbers from 0 on are expected')
    return int(value)


def _plain_job(path: Path, line: Line) -> tuple[RawJob, int]:
    number, values = line
    if len(values) % 2:
        raise _refused(path, number, f"got {len(values)} numbers; pairs machine, time are expected")
    pairs = zip(values[::2], values[1::2], strict=True)
    return [[pair] for pair in pairs], number


def _flexible_job(path: Path, line: Line) -> tuple[RawJob, int]:
    number, values = line
    job: RawJob = []
    at = 1
    while at < len(values) and len(job) < values[0]:
        end = at + 1 + 2 * values[at]
        pairs = values[at + 1 : end]
        if not pairs or end > len(values):
            break
        job.append(list(zip(pairs[::2], pairs[1::2], strict=True)))
        at = end
    if len(job) != values[0] or at != len(values):
        found = (
            f"{values[0]} operations are announced and {len(job)} are complete, with "
            f"{len(values) - at} numbers left over; each operation is the number of its "
            "alternatives and that many pairs machine, time"
        )
        raise _refused(path, number, found)
    return job, number


def _first_machine(jobs: list[RawJob], machines: int, usual: int) -> int:
    """The number of the first machine: 0 or 1."""
    used = {machine for job in jobs for pairs in job for machine, _ in pairs}
    if usual == 0 and machines in used and 0 not in used:
        return 1
    if usual == 1 and 0 in used and machines not in used:
        return 0
    return usual


def _refuse_wrong_numbers(
    path: Path, rows: list[tuple[RawJob, int]], machines: int, first: int
) -> None:
    last = machines - 1 + first
    faults = [
        Fault(f"line {number}", f"got machine {machine}; {first} to {last} are expected")
        for job, number in rows
        for machine in sorted({machine for pairs in job for machine, _ in pairs})
        if not first <= machine <= last
    ]
    if faults:
        raise InputError(str(path), faults)


def _job(job: RawJob, first: int) -> tuple[Operation, ...]:
    return tuple(
        Operation(tuple(Alternative(machine - first, time) for machine, time in pairs))
        for pairs in job
    )


def _refused(path: Path, line: int, found: str) -> InputError:
    return InputError(str(path), [Fault(f"line {line}", found)])
