"""What ``cython`` means while the kernel runs as plain Python, without Cython.

``_kernel.py`` begins with exactly this import; setup.py puts ``import cython`` in its place, and
nothing else, in the copy that it compiles. There is one stand-in whether Cython is installed or
not, and Cython's own is 1.6 times slower::

    from __future__ import annotations

    from twin.simulation import _cython_shim as cython

    if cython.compiled:
        from cython.cimports.libc.math import exp, log
    else:
        from math import exp, log

    i64 = cython.typedef(cython.longlong)
    u64 = cython.typedef(cython.ulonglong)
    f64 = cython.typedef(cython.double)

    NONE = cython.declare(cython.longlong, -1)
    MASK = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)


    @cython.cclass
    class Kernel:
        clock: f64
        started: i64[::1]
        table: f64[:, ::1]

        def __init__(self, started: i64[::1], table: f64[:, ::1]) -> None: ...

        @cython.cfunc
        @cython.nogil
        @cython.exceptval(check=False)
        def step(self, unit: i64) -> cython.void:
            lot: i64
            ...

        def run(self, until: f64) -> float:
            code: i64
            with cython.nogil:
                code = self.loop(until)
            if code != 0:
                raise RuntimeError(...)

What differs between C and Python, so that the kernel must avoid it:

* A cfunc is silent about exceptions: it sets an error code and returns, and ``run`` raises. One
  that returns nothing is ``-> cython.void``; ``-> None`` or no word at all returns an object, which
  needs the interpreter's lock. Every local is annotated, or it is an object as well.
* A number above 2**63 - 1 is an object too: name it by ``declare(cython.ulonglong, ...)``.
* ulonglong wraps in C and grows in Python: ``& MASK`` after every ``+``, ``*``, ``<<`` and ``-``.
* ``/`` of integers divides whole in C: one operand is declared f64, is a float constant, or is
  ``cython.cast(f64, ...)``; a test reads the kernel for this, and for the next two kinds of slip:
  a cfunc without ``exceptval(check=False)`` (8 times slower), and the C type ``long``.
  ``//`` and ``%`` round to zero in C and down in Python: only on what is never negative. No
  ``**`` on integers. ``cython.cast(i64, x)`` cuts to zero in both.
* Index -1 reads outside in C and the last element in Python: test sentinels before indexing.
* ``log(0)`` and an ``exp`` that overflows give infinities in C and exceptions in Python. ``floor``
  and ``ceil`` give a double in C and an integer in Python. Python has its own ``lgamma`` and
  ``gamma``, with other last digits than C; ``exp log log1p expm1 sqrt pow sin cos`` agree.
* Hand arrays in as ``memoryview(array)``: reading one gives Python's int and float, where numpy's
  scalars overflow. A row ``table[i]`` of a two-dimensional one cannot be taken: index ``[i, j]``.
  Records of ``cython.struct`` stand in an array ``Unit[::1]`` in C and in a list in Python.
  A read-only array needs ``cython.const[i64][::1]``. Types such as ``i64[::1]`` stand in
  annotations only.
* The fields of a cclass are out of Python's reach when compiled: hand results out by a def method.
* The limited API forbids none of this and costs no time.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

compiled = False

bint = builtins.bool
double = builtins.float
int = uint = longlong = ulonglong = uchar = Py_ssize_t = builtins.int
void = None


def _as_it_is(declared: Any) -> Any:
    return declared


cclass = ccall = cfunc = final = inline = typedef = _as_it_is


def _decorator(*_types: object, **_named_types: object) -> Callable[[Any], Any]:
    return _as_it_is


exceptval = returns = locals = _decorator


class _NoGil:
    """Both ``@cython.nogil`` and ``with cython.nogil:``."""

    def __call__(self, function: Any) -> Any:
        return function

    def __enter__(self) -> None: ...

    def __exit__(self, *_error: object) -> None: ...


nogil = _NoGil()


def declare(_type: object, value: Any = None) -> Any:
    return value


def struct(**fields: type) -> type:
    """A kind of record: an object whose fields are numbers, 0 until they are set."""
    zeros = {name: kind(0) for name, kind in fields.items()}

    def __init__(self: Any) -> None:
        for name, zero in zeros.items():
            setattr(self, name, zero)

    return type("Record", (), {"__slots__": tuple(fields), "__init__": __init__})


def sizeof(record: Any) -> builtins.int:
    """Bytes of a record in C, where every number has eight."""
    return 8 * len(record.__slots__)


def cast(kind: Any, value: Any) -> Any:
    """A number of the C type; an object of a cclass is handed on."""
    return kind(value) if kind in (bint, double, longlong) else value
