"""Compiles the kernels. Everything else about the package stands in pyproject.toml.

A kernel is a file ``_kernel.py`` or ``_<name>_kernel.py``: annotated Python, complete as it is. A
copy of it is compiled under another name, ``_kernel_c``: a compiled module of the same name would
hide the source, and nobody would see that it is old. The copy carries the sha256 of its source, by
which ``twin.native`` refuses a stale one.

The limited API makes one wheel serve every Python from 3.11, at the same speed within noise. The
flags keep floating-point results the same on every machine: no fused multiply-add, no -ffast-math.

Without Cython or a C compiler the installation succeeds and the kernels run as Python.

NORIA_REQUIRE_NATIVE=1   a kernel that cannot be compiled is an error
NORIA_KERNEL_CHECKED=1   for tests: a wrong index raises IndexError, and so does every -1
"""

import ast
import hashlib
import io
import os
import re
import sysconfig
import tokenize
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

KERNELS = sorted(
    path for package in ("twin", "solvers") for path in Path(package).glob("*/_*kernel.py")
)
STAND_IN = "from twin.simulation import _cython_shim as cython\n"
SILENT = "@cython.exceptval(check=False)\n"

IS_REQUIRED = os.environ.get("NORIA_REQUIRE_NATIVE", "") not in ("", "0")
IS_CHECKED = os.environ.get("NORIA_KERNEL_CHECKED", "") not in ("", "0")
# A Python without the global lock has no limited API yet.
IS_LIMITED = not sysconfig.get_config_var("Py_GIL_DISABLED")

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": IS_CHECKED,
    "initializedcheck": IS_CHECKED,
    "wraparound": False,  # also when checked, so that an index of -1 is found
    "cdivision": True,
    "infer_types": False,
    "auto_pickle": False,  # half of the compiler's time, for what nobody does to a kernel
    "show_performance_hints": not IS_CHECKED,
}


def with_literals(text: str) -> str:
    """The text with the literals of its declared constants in place of their names.

    Cython makes a C variable of a declared constant, which is loaded from memory at every use.
    """
    declared = re.findall(
        r"^(\w+) = cython\.declare\(cython\.(?:u?longlong|double), (.+)\)$", text, re.MULTILINE
    )
    literal = {name: value for name, value in declared if _is_plain(value)}
    lines = text.splitlines(keepends=True)
    before = ""
    names = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.string in literal and before != "." and token.start[1] > 0:
            names.append(token)
        before = token.string
    for token in reversed(names):
        row, begin = token.start
        line = lines[row - 1]
        lines[row - 1] = f"{line[:begin]}{literal[token.string]}{line[token.end[1] :]}"
    return "".join(lines)


def _is_plain(value: str) -> bool:
    """Whether Cython keeps a literal in C: a fraction, or a whole number of at most 31 bits."""
    try:
        number = ast.literal_eval(value)
    except ValueError:
        return False
    return isinstance(number, float) or abs(number) < 2**31


def source_to_compile(kernel: Path) -> str:
    """A kernel's text for Cython, line for line, and the constants that say what it is."""
    source = kernel.read_bytes()
    text = source.decode("utf-8")
    if text.count(STAND_IN) != 1:
        raise CompileError(f"{kernel}: has to contain one line: {STAND_IN.strip()}")
    text = with_literals(text.replace(STAND_IN, "import cython\n"))
    if IS_CHECKED:
        text = text.replace(SILENT, "# exceptions are handed on\n")
    digest = hashlib.sha256(source).hexdigest()
    return f'{text}\nSOURCE_SHA256 = "{digest}"\nIS_CHECKED = {IS_CHECKED}\n'


class BuildKernel(build_ext):
    """Writes the copy into the build's own folder, translates it to C, and compiles that."""

    def build_extension(self, extension: Extension) -> None:
        [kernel] = map(Path, extension.sources)
        built = Path(self.get_ext_fullpath(extension.name))
        if self.is_current(built, kernel):
            return
        try:
            from Cython.Build import cythonize
            from Cython.Compiler.Errors import CompileError as TranslationError
        except ImportError as error:
            raise CompileError("Cython is not installed") from error
        copy = Path(self.build_temp, "kernel", f"{kernel.stem}_c.py")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(source_to_compile(kernel), encoding="utf-8")
        try:
            [translated] = cythonize(
                [Extension(extension.name, [str(copy)])],
                compiler_directives=DIRECTIVES,
                force=True,
                quiet=True,
            )
        except TranslationError as error:
            raise CompileError(f"{kernel}: Cython could not translate it") from error
        # cythonize() makes a new extension and drops `optional`, so only its C file is taken.
        extension.sources = translated.sources
        super().build_extension(extension)

    def is_current(self, built: Path, kernel: Path) -> bool:
        """Whether a kernel was compiled, in the same way, after its last change."""
        if self.force or IS_CHECKED or not built.exists():
            return False
        changed = max(path.stat().st_mtime for path in (kernel, Path("setup.py")))
        return built.stat().st_mtime > changed


setup(
    ext_modules=[
        Extension(
            ".".join(kernel.with_name(f"{kernel.stem}_c").parts),
            [str(kernel)],
            extra_compile_args=["-O3", "-g0", "-ffp-contract=off"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")] if IS_LIMITED else [],
            py_limited_api=IS_LIMITED,
            optional=not IS_REQUIRED,
        )
        for kernel in KERNELS
    ],
    cmdclass={"build_ext": BuildKernel},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if IS_LIMITED else {},
)
