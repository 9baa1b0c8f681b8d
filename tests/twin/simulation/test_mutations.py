"""The equality test would notice if a rule of order were another one.

Each mutation changes one rule in a copy of the kernel (or of the tables it reads), which then runs
as plain Python; the first of the random plants on which it differs from the reference has caught
it. A mutation whose text is no longer in the source fails: write it anew.
"""

from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from tests.twin.simulation.comparison import difference, outcome
from tests.twin.simulation.random_cases import numbered
from twin.simulation import kernel_engine
from twin.simulation.simpy_engine import SimpyEngine

SOURCES = Path(kernel_engine.__file__).parent
MOST = 600
"""Plants a mutation may survive."""


@dataclass(frozen=True)
class Mutation:
    """A rule of order replaced by another: pairs of text to be found once, and what it becomes."""

    rule: str
    function: str
    changes: tuple[tuple[str, str], ...]
    file: str = "_kernel.py"

    def apply(self, source: str) -> str:
        """The source with the function changed; fails where the text is not found just once."""
        start = source.index(f"    def {self.function}(")
        end = source.find("\n    def ", start)
        body = source[start:end]
        for found, put in self.changes:
            assert body.count(found) == 1, f"{self.rule}: {self.function} has no one {found!r}"
            body = body.replace(found, put)
        return source[:start] + body + source[end:]


MUTATIONS = (
    Mutation(
        "timers of one instant fire in the order of the slots", "fire_due",
        (("node *= 2\n", "node = 2 * node + 1\n"), ("node += 1", "node -= 1")),
    ),
    Mutation(
        "shifts turn before activities end", "_timers",
        (
            ("        self.activity_slot = len(self._kinds)\n"
             "        self._slots(2, [True for _ in units])\n", ""),
            ("        self.shift_slot = self._slots(0,",
             "        self.activity_slot = len(self._kinds)\n"
             "        self._slots(2, [True for _ in units])\n"
             "        self.shift_slot = self._slots(0,"),
        ),
        file="tables.py",
    ),
    Mutation(
        "activities end before overlays do", "_timers",
        (
            ("        self.overlay_slot = self._slots(3, has_overlay)\n", ""),
            ("        self.activity_slot = len(self._kinds)\n",
             "        self.overlay_slot = self._slots(3, has_overlay)\n"
             "        self.activity_slot = len(self._kinds)\n"),
        ),
        file="tables.py",
    ),
    Mutation(
        "parts come before orders are released", "_timers",
        (
            ("        self.release_slot = len(self._kinds)\n        self._slots(10, [True])\n", ""),
            ("        self.source_slot = self._slots(9,",
             "        self.release_slot = len(self._kinds)\n        self._slots(10, [True])\n"
             "        self.source_slot = self._slots(9,"),
        ),
        file="tables.py",
    ),
    Mutation(
        "the dirty unit of the lowest index is settled first", "settle_dirty",
        (
            ("m = self.lowest_bit(bits)", "m = int(bits).bit_length() - 1"),
            ("bits & (bits - ONE)", "bits ^ (ONE << m)"),
        ),
    ),
    Mutation(
        "units settle before people are served", "conclude_instant",
        (
            ("        self.settle_dirty()\n        while self.calls",
             "        if self.calls:\n            self.calls = 0\n            self.serve_people()\n"
             "        self.settle_dirty()\n        while self.calls"),
        ),
    ),
    Mutation(
        "idle units ask for tasks before people are served", "conclude_instant",
        (("if self.has_tasks and self.wake_for_tasks():", "if False:"),),
    ),
    Mutation(
        "jobs of equal due date go in the order they came", "enqueue",
        (("self.job_rank[before] > rank", "self.job_rank[before] >= rank"),),
    ),
    Mutation(
        "jobs of equal rank go in the order they came", "goes_first",
        (("self.job_came[j] < self.job_came[other]", "self.job_came[j] > self.job_came[other]"),),
    ),
    Mutation(
        "repairs are served before tasks, setups and work", "goes_before",
        (("self.call_kind[a] < self.call_kind[b]", "self.call_kind[a] > self.call_kind[b]"),),
    ),
    Mutation(
        "earlier calls are served first", "goes_before",
        (("self.call_tick[a] < self.call_tick[b]", "self.call_tick[a] > self.call_tick[b]"),),
    ),
    Mutation(
        "calls of one instant are served by unit", "goes_before",
        (("self.call_unit[a] < self.call_unit[b]", "self.call_unit[a] > self.call_unit[b]"),),
    ),
    Mutation(
        "the first crew of the plant comes", "free_crew",
        (
            ("range(self.group_first[g], self.group_first[g + 1])",
             "range(self.group_first[g + 1] - 1, self.group_first[g] - 1, -1)"),
        ),
    ),
    Mutation(
        "places go to blocked jobs in the order they asked", "hand_out_places",
        (
            ("j: i64 = self.held_head[o]", "j: i64 = self.held_tail[o]"),
            ("            j = self.held_head[o]", "            j = self.held_tail[o]"),
        ),
    ),
    Mutation(
        "vehicles come in the order they were asked for", "serve_vehicles",
        (
            ("self.held_head[self.operations + t]", "self.held_tail[self.operations + t]"),
            ("j = self.job_held_next[j]", "j = self.job_held_before[j]"),
        ),
    ),
    Mutation(
        "a job is offered to the readiest unit", "readiest",
        (("if last - first == 1 or", "if last > first or"),),
    ),
    Mutation(
        "of equally ready units the one that found the job takes it", "readiest",
        (("setup < least_setup", "setup <= least_setup"),),
    ),
    Mutation(
        "of two modes that are over the first listed strikes", "look_for_strike",
        (
            ("range(self.mode_first[m], self.mode_first[m + 1])",
             "range(self.mode_first[m + 1] - 1, self.mode_first[m] - 1, -1)"),
        ),
    ),
    Mutation(
        "people who go free are called again", "free_base_people",
        (("            self.calls = 1", "            pass"),),
    ),
    Mutation(
        "a vehicle that goes free is called again", "vehicle_arrives",
        (("        self.calls = 1\n", ""),),
    ),
    Mutation(
        "a place that goes free calls a vehicle", "free_place",
        (("            self.calls = 1", "            pass"),),
    ),
    Mutation(
        "of two tasks due at one instant the first listed is begun", "find_task",
        (("t < self.found_task", "t > self.found_task"),),
    ),
)  # fmt: skip


def caught_by(mutation: Mutation, folder: Path, patch: pytest.MonkeyPatch) -> int | None:
    """The number of the first plant on which the mutated kernel differs from the reference."""
    mutated = _module(mutation, folder)
    if mutation.file == "_kernel.py":
        patch.setattr(kernel_engine, "load", lambda: mutated)
    else:
        patch.setattr(kernel_engine, "Tables", mutated.Tables)
    for n in range(MOST):
        experiment = numbered(n)
        reference = outcome(SimpyEngine, experiment)
        try:
            found = outcome(kernel_engine.KernelEngine, experiment)
        except (ArithmeticError, LookupError, ValueError):
            return n
        if difference(reference, found, experiment) is not None:
            return n
    return None


def _module(mutation: Mutation, folder: Path) -> ModuleType:
    source = (SOURCES / mutation.file).read_text(encoding="utf-8")
    path = folder / f"mutated{mutation.file}"
    path.write_text(mutation.apply(source), encoding="utf-8")
    spec = spec_from_file_location(f"twin.simulation.{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.rule)
def test_every_mutation_finds_its_text(mutation: Mutation) -> None:
    source = (SOURCES / mutation.file).read_text(encoding="utf-8")
    assert mutation.apply(source) != source


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.rule)
def test_every_mutation_is_caught(
    mutation: Mutation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert caught_by(mutation, tmp_path, monkeypatch) is not None


def test_the_kernel_itself_is_not_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy runs like the kernel, so what is caught is the mutation."""
    same = Mutation("no rule changed", "fire_due", ())
    monkeypatch.setattr(kernel_engine, "load", lambda: _module(same, tmp_path))
    for n in range(8):
        experiment = numbered(n)
        found = outcome(kernel_engine.KernelEngine, experiment)
        assert difference(outcome(SimpyEngine, experiment), found, experiment) is None
