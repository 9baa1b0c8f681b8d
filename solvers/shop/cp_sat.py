"""CP-SAT as a second opinion: it proves bounds and sometimes shortens a schedule.

It is optional (package ``ortools``) and always runs in a process of its own, because OR-tools and
HiGHS cannot live in one, and because a process can be ended at any moment. The child runs
:func:`serve`: it reads one line of JSON and writes a line for each better schedule and bound.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from queue import Empty, SimpleQueue
from typing import IO, Any

from solvers.shop.problem import Alternative, Operation, Problem, Schedule, Work

CHILD = (
    "import json, sys; sys.path[:0] = json.loads(sys.argv[1]);"
    "from solvers.shop.cp_sat import serve; serve()"
)
ENDED_SECONDS = 1.0
"""A child that was killed is waited for so long."""


@dataclass(frozen=True)
class News:
    """What the child has found: a schedule, a bound of the makespan, or how it ended."""

    schedule: Schedule | None = None
    bound: int | None = None
    ended: str = ""
    """CP-SAT's word for how its search ended."""
    failed: str = ""
    """The last words of a child that could not do its work."""


def is_installed() -> bool:
    """Whether OR-tools can be imported, found out without importing it."""
    try:
        return find_spec("ortools") is not None
    except (ImportError, ValueError):
        return False


class CpSat:
    """A child at work; use it as a context, which kills it at the end."""

    def __init__(
        self, problem: Problem, hint: Schedule, bound: int, seconds: float, seed: int = 0
    ) -> None:
        asked = {
            "problem": asdict(problem),
            "hint": [[work.machine, work.start] for work in hint.works],
            "bound": bound,
            "below": hint.makespan,
            "seconds": seconds,
            "seed": seed,
        }
        self._news: SimpleQueue[News] = SimpleQueue()
        self._process = subprocess.Popen(
            [sys.executable, "-c", CHILD, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C is for the parent, which kills it
        )
        self._talk = threading.Thread(target=self._listen, args=(json.dumps(asked),), daemon=True)
        self._talk.start()

    def __enter__(self) -> CpSat:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.wait()
        self._talk.join(ENDED_SECONDS)

    @property
    def is_dead(self) -> bool:
        """Whether its process has ended."""
        return self._process.poll() is not None

    def news(self) -> Iterator[News]:
        """What has been found since the last call, oldest first."""
        while True:
            try:
                yield self._news.get_nowait()
            except Empty:
                return

    def _listen(self, asked: str) -> None:
        """Hand the child its problem and its lines on; a broken child only ends."""
        words = "no word"
        try:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            with self._process.stdin as door:
                door.write(f"{asked}\n")
            for line in self._process.stdout:
                if line.startswith("{"):
                    self._news.put(_news_of(json.loads(line)))
                elif line.strip():
                    words = line.strip()
        except (OSError, ValueError) as error:
            words = str(error)
        if self._process.wait() > 0:
            self._news.put(News(failed=words))


def _news_of(told: dict[str, Any]) -> News:
    works = told.get("works")
    schedule = Schedule(tuple(Work(*work) for work in works)) if works else None
    return News(schedule, told.get("bound"), told.get("ended", ""))


# The child ------------------------------------------------------------------------------------


def serve(source: IO[str] | None = None, target: IO[str] | None = None) -> None:
    """Read a problem from stdin, solve it, and write news to stdout line by line."""
    asked = json.loads((source or sys.stdin).readline())
    target = target or sys.stdout

    def tell(**news: object) -> None:
        print(json.dumps(news), file=target, flush=True)

    prove(_problem_of(asked["problem"]), asked, tell)


def _problem_of(told: dict[str, Any]) -> Problem:
    jobs = tuple(
        tuple(
            Operation(tuple(Alternative(**a) for a in operation["alternatives"]))
            for operation in job
        )
        for job in told["jobs"]
    )
    return Problem(told["name"], told["machines"], jobs)


def prove(problem: Problem, asked: dict[str, Any], tell: Any) -> None:
    """Look for a schedule shorter than the hint; that there is none proves the hint optimal."""
    from ortools.sat.python import cp_model

    model = Model(cp_model, problem, asked["bound"], asked["below"] - 1)
    model.hint(asked["hint"])
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = asked["seconds"]
    solver.parameters.num_workers = 1
    solver.parameters.optimize_with_core = True  # of the ways with one worker the best bounds
    solver.parameters.random_seed = asked["seed"] % 2**31
    best_bound = asked["bound"]

    def tell_bound(value: float) -> None:
        nonlocal best_bound
        if value > best_bound + 0.5:
            best_bound = round(value)
            tell(bound=best_bound)

    class Watch(cp_model.CpSolverSolutionCallback):
        def on_solution_callback(self) -> None:
            tell(works=model.works(self.value))

    solver.best_bound_callback = tell_bound
    status = solver.solve(model.model, Watch())
    if status == cp_model.INFEASIBLE:
        tell(bound=asked["below"])
    elif status == cp_model.OPTIMAL:
        tell(bound=round(solver.objective_value))
    tell(ended=solver.status_name(status))


class Model:
    """Intervals on machines and in jobs; the makespan lies between two bounds."""

    def __init__(self, cp_model: Any, problem: Problem, low: int, high: int) -> None:
        self.model = cp_model.CpModel()
        self.problem = problem
        self.low, self.high = min(low, high), high
        self.makespan = self.model.new_int_var(self.low, high, "makespan")
        self.starts: list[Any] = []
        self.choices: list[list[tuple[Alternative, Any]]] = []
        self.on_machine: list[list[Any]] = [[] for _ in range(problem.machines)]
        for job in problem.jobs:
            self._add_job(job)
        for intervals in self.on_machine:
            self.model.add_no_overlap(intervals)
        self.model.minimize(self.makespan)

    def _add_job(self, job: tuple[Operation, ...]) -> None:
        ready: Any = 0
        head, tail = 0, sum(operation.shortest for operation in job)
        for operation in job:
            latest = max(self.high - tail, 0)
            start = self.model.new_int_var(min(head, latest), latest, "")
            self.model.add(start >= ready)
            ready = start + self._add_operation(operation, start)
            self.starts.append(start)
            head += operation.shortest
            tail -= operation.shortest
        self.model.add(self.makespan >= ready)

    def _add_operation(self, operation: Operation, start: Any) -> Any:
        """Add the intervals of an operation and return its duration."""
        if len(operation.alternatives) == 1:
            [only] = operation.alternatives
            self.choices.append([(only, 1)])
            interval = self.model.new_fixed_size_interval_var(start, only.time, "")
            self.on_machine[only.machine].append(interval)
            return only.time
        chosen = [self.model.new_bool_var("") for _ in operation.alternatives]
        self.model.add_exactly_one(chosen)
        self.choices.append(list(zip(operation.alternatives, chosen, strict=True)))
        for alternative, is_chosen in self.choices[-1]:
            interval = self.model.new_optional_fixed_size_interval_var(
                start, alternative.time, is_chosen, ""
            )
            self.on_machine[alternative.machine].append(interval)
        return sum(a.time * is_chosen for a, is_chosen in self.choices[-1])

    def hint(self, hint: list[list[int]]) -> None:
        """Begin at a schedule: machine and start of each operation, job by job."""
        for start, choices, (machine, at) in zip(self.starts, self.choices, hint, strict=True):
            self.model.add_hint(start, at)
            for alternative, is_chosen in choices:
                if len(choices) > 1:
                    self.model.add_hint(is_chosen, alternative.machine == machine)

    def works(self, value: Any) -> list[list[int]]:
        """Job, step, machine, start and end of each operation in a solution."""
        found = []
        each = zip(self.problem.each(), self.starts, self.choices, strict=True)
        for (j, i, _), start, choices in each:
            [taken] = [a for a, is_chosen in choices if len(choices) == 1 or value(is_chosen)]
            at = value(start)
            found.append([j, i, taken.machine, at, at + taken.time])
        return found
