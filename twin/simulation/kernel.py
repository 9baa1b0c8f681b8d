"""The event kernel that simulations run on, compiled where it can be (see :mod:`twin.native`)."""

from __future__ import annotations

from types import ModuleType
from typing import Literal

from twin import native

KERNEL = "twin.simulation._kernel"


def load() -> ModuleType:
    """Return the event kernel; errors and warnings are those of :func:`twin.native.load`."""
    return native.load(KERNEL)


def which() -> Literal["compiled", "Python"]:
    """Say which form of the kernel simulations run on."""
    return native.which(KERNEL)
