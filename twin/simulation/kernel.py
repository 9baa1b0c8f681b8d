"""Chooses the event kernel: the compiled one, or the same file running as plain Python.

Both give the same runs to the last bit; the compiled one is about a hundred times faster. It is
taken when it was compiled from the ``_kernel.py`` beside it, byte for byte, which setup.py noted
in it as a sha256.

The variable NORIA_KERNEL overrules: ``python`` takes the Python one, ``compiled`` makes a missing
or stale build an error. It is read here and not at the doors, because it concerns the installation
and no run, and has to reach the worker processes too.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Literal

from twin.errors import Fault, InputError, NoriaError

SOURCE = Path(__file__).with_name("_kernel.py")
COMPILED = "twin.simulation._kernel_c"
REMEDY = "run make venv, or pip install --editable ."


class UnusableKernel(UserWarning):
    """The compiled kernel is out of date or broken: runs stay right, and take 100 times longer."""


def load() -> ModuleType:
    """Return the kernel that simulations run on.

    Raises
    ------
    InputError
        If NORIA_KERNEL is another word than ``compiled`` or ``python``.
    NoriaError
        If it is ``compiled`` and that kernel is missing or unusable.

    Warns
    -----
    UnusableKernel
        If there is a compiled kernel that cannot be used; once in a process.
    """
    return _load(os.environ.get("NORIA_KERNEL", ""))


def which() -> Literal["compiled", "Python"]:
    """Say which kernel simulations run on."""
    return "compiled" if load().__name__ == COMPILED else "Python"


@cache
def _load(wanted: str) -> ModuleType:
    if wanted not in ("", "compiled", "python"):
        fault = Fault("NORIA_KERNEL", f'got "{wanted}"; known: compiled, python', "or unset it")
        raise InputError("environment", [fault])
    if wanted != "python":
        compiled, fault_found = _compiled()
        if compiled is not None:
            return compiled
        if wanted == "compiled":
            found = fault_found or "is not there; NORIA_KERNEL asks for it"
            raise NoriaError(f"{COMPILED}: {found}; {REMEDY}, with a C compiler installed")
        if fault_found:
            text = f"{COMPILED}: {fault_found}; simulating in Python, slowly; {REMEDY}"
            warnings.warn(text, UnusableKernel, stacklevel=4)
    return import_module("twin.simulation._kernel")


def _compiled() -> tuple[ModuleType | None, str]:
    """The compiled kernel if it can be used; if not, what is wrong with the one that is there."""
    try:
        module = import_module(COMPILED)
    except ModuleNotFoundError:
        return None, ""
    except ImportError as error:
        return None, f"cannot be loaded: {error}"
    if hashlib.sha256(SOURCE.read_bytes()).hexdigest() != module.SOURCE_SHA256:
        return None, f"was compiled from another {SOURCE.name} than the one beside it"
    return module, ""
