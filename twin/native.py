"""Loads a kernel: the compiled one, or the same file running as plain Python.

A kernel is a file ``_kernel.py`` or ``_<name>_kernel.py`` of annotated Python. Both ways give the
same results to the last bit; the compiled one is about a hundred times faster. It is taken when it
was compiled from the file beside it, byte for byte, which setup.py noted in it as a sha256.

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

REMEDY = "run make venv, or pip install --editable ."


class UnusableKernel(UserWarning):
    """A compiled kernel is out of date or broken: results stay right, and take 100 times longer."""


def load(kernel: str) -> ModuleType:
    """Return a kernel by the name of its module, such as ``twin.simulation._kernel``.

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
    return _load(kernel, os.environ.get("NORIA_KERNEL", ""))


def which(kernel: str) -> Literal["compiled", "Python"]:
    """Say which form of a kernel is loaded."""
    return "compiled" if load(kernel).__name__ == _compiled_name(kernel) else "Python"


def source_of(kernel: str) -> Path:
    """The file that a kernel is, or is compiled from."""
    package, _, name = kernel.rpartition(".")
    [folder] = import_module(package).__path__
    return Path(folder, f"{name}.py")


def _compiled_name(kernel: str) -> str:
    return f"{kernel}_c"


@cache
def _load(kernel: str, wanted: str) -> ModuleType:
    if wanted not in ("", "compiled", "python"):
        fault = Fault("NORIA_KERNEL", f'got "{wanted}"; known: compiled, python', "or unset it")
        raise InputError("environment", [fault])
    if wanted != "python":
        compiled, fault_found = _compiled(kernel)
        if compiled is not None:
            return compiled
        name = _compiled_name(kernel)
        if wanted == "compiled":
            found = fault_found or "is not there; NORIA_KERNEL asks for it"
            raise NoriaError(f"{name}: {found}; {REMEDY}, with a C compiler installed")
        if fault_found:
            text = f"{name}: {fault_found}; running in Python, slowly; {REMEDY}"
            warnings.warn(text, UnusableKernel, stacklevel=4)
    return import_module(kernel)


def _compiled(kernel: str) -> tuple[ModuleType | None, str]:
    """The compiled kernel if it can be used; if not, what is wrong with the one that is there."""
    try:
        module = import_module(_compiled_name(kernel))
    except ModuleNotFoundError:
        return None, ""
    except ImportError as error:
        return None, f"cannot be loaded: {error}"
    source = source_of(kernel)
    if hashlib.sha256(source.read_bytes()).hexdigest() != module.SOURCE_SHA256:
        return None, f"was compiled from another {source.name} than the one beside it"
    return module, ""
