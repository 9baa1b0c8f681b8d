"""The compiled max-plus recursion of a plain line (maxplus.c): the fastest there can be."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).with_name("maxplus.c")
FLAGS = ["-O2", "-ffp-contract=off", "-shared", "-fPIC"]


@cache
def compiled_line() -> Callable[[int, int, float, int], int] | None:
    """Parts made by so many machines, with a buffer, in so many minutes, for a seed.

    None where there is no compiler ``cc``.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        library = str(Path(folder, "maxplus.so"))
        subprocess.run([compiler, *FLAGS, str(SOURCE), "-o", library, "-lm"], check=True)
        function = ctypes.CDLL(library).line
    function.restype = ctypes.c_int64
    function.argtypes = [ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint32]

    def line(machines: int, buffer: int, minutes: float, seed: int) -> int:
        return int(function(machines, buffer, round(minutes * 60e6), seed))

    return line
