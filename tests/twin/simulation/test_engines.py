"""Which engine is taken, and what is said when the one asked for cannot be."""

import pytest

from twin.behaviour.dispatching import EarliestDueDate, Waiting
from twin.errors import InputError
from twin.simulation.engines import engine_name


class MyRule:
    """A rule of the user's own."""

    def rank(self, waiting: Waiting) -> float:
        return -waiting.arrived


def test_the_kernel_refuses_a_rule_written_in_python_by_its_name() -> None:
    assert "kernel" in engine_name(EarliestDueDate(), "kernel")
    with pytest.raises(InputError, match=r"engine kernel: .* cannot ask MyRule; use the engine"):
        engine_name(MyRule(), "kernel")
