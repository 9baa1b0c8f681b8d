"""A kernel is compiled where it can be, runs as Python where it cannot, and never stale.

What is built here is a small kernel in a small project of its own, by the setup.py of this one.
"""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from twin import native
from twin.errors import InputError
from twin.simulation import _cython_shim, kernel

CHECKOUT = Path(__file__).resolve().parents[3]
NEEDED = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "twin/errors.py")
NEEDED_BY_KERNEL = (
    "twin/native.py",
    "twin/simulation/kernel.py",
    "twin/simulation/_cython_shim.py",
)

SMALL_KERNEL = """
from __future__ import annotations

from twin.simulation import _cython_shim as cython

if cython.compiled:
    from cython.cimports.libc.math import log
else:
    from math import log

i64 = cython.typedef(cython.longlong)
f64 = cython.typedef(cython.double)

MINUTES_PER_HOUR = cython.declare(cython.double, 60.0)


@cython.cclass
class Counter:
    counts: i64[::1]
    hours: f64

    def __init__(self, counts: i64[::1]) -> None:
        self.counts = counts
        self.hours = 0.0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def add(self, place: i64) -> cython.void:
        self.counts[place] += 1
        self.hours += log(1.5 + self.counts[place]) / MINUTES_PER_HOUR

    def run(self, place: i64) -> float:
        with cython.nogil:
            self.add(place)
        return self.hours
"""

WHICH = "from twin.simulation import kernel; print(kernel.which())"
RUN = """
from array import array
from twin.simulation import kernel
counter = kernel.load().Counter(array("q", [0, 0]))
print([counter.run(place).hex() for place in (0, 1, 1)])
"""


def python(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python run in a folder, whose packages come before the installed ones."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("NORIA_")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**kept, **environment},
        capture_output=True,
        text=True,
    )


def small_project(folder: Path) -> Path:
    """A project that consists of the kernel and its loader."""
    (folder / "twin/simulation").mkdir(parents=True)
    for name in (*NEEDED, *NEEDED_BY_KERNEL):
        shutil.copy(CHECKOUT / name, folder / name)
    for name in ("twin/__init__.py", "twin/simulation/__init__.py"):
        (folder / name).touch()
    (folder / "twin/simulation/_kernel.py").write_text(SMALL_KERNEL, encoding="utf-8")
    return folder


def install(project: Path, **environment: str) -> Path:
    """Folder into which pip installs the project, beside it, without touching this environment."""
    site = project.with_name(f"{project.name}-site")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(site)]
    done = python(project, "-m", "pip", "install", *options, ".", **environment)
    assert done.returncode == 0, done.stderr
    return site


def compile_in_place(project: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return python(project, "setup.py", "--quiet", "build_ext", "--inplace", **environment)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project, installed with its kernel compiled."""
    site = install(small_project(tmp_path_factory.mktemp("compiled") / "project"))
    if not list(site.glob("twin/simulation/_kernel_c.*")):
        needed = os.environ.get("NORIA_REQUIRE_NATIVE", "") not in ("", "0")
        (pytest.fail if needed else pytest.skip)("no C compiler, no Python.h, or no Cython")
    return site


@pytest.fixture
def stale(compiled: Path, tmp_path: Path) -> Path:
    """The same, after somebody edited the source."""
    site = shutil.copytree(compiled, tmp_path / "site")
    with (site / "twin/simulation/_kernel.py").open("a", encoding="utf-8") as source:
        source.write("# edited\n")
    return site


@pytest.fixture(scope="module")
def checked(compiled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project, compiled in place with every index checked."""
    project = small_project(tmp_path_factory.mktemp("checked") / "project")
    built = compile_in_place(project, NORIA_KERNEL_CHECKED="1")
    assert built.returncode == 0, built.stderr
    return project


@pytest.fixture(scope="module")
def uncompiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project, installed where the C compiler fails."""
    return install(
        small_project(tmp_path_factory.mktemp("uncompiled") / "project"), CC="/bin/false"
    )


def test_the_compiled_kernel_is_chosen_and_says_so(compiled: Path) -> None:
    assert python(compiled, "-c", WHICH).stdout == "compiled\n"


def test_one_wheel_serves_every_python_from_3_11(compiled: Path) -> None:
    [wheel] = compiled.glob("noria-*.dist-info/WHEEL")
    assert "Tag: cp311-abi3-" in wheel.read_text(encoding="utf-8")


def test_both_kernels_count_alike_to_the_last_bit(compiled: Path) -> None:
    in_c = python(compiled, "-c", RUN, NORIA_KERNEL="compiled")
    in_python = python(compiled, "-c", RUN, NORIA_KERNEL="python")
    assert in_c.stdout.count("0x1.") == 3
    assert in_c.stdout == in_python.stdout


def test_running_needs_no_cython(compiled: Path) -> None:
    code = "import sys; from twin.simulation import kernel; kernel.load(); print(*sys.modules)"
    for choice in ("compiled", "python"):
        loaded = python(compiled, "-c", code, NORIA_KERNEL=choice).stdout.split()
        assert "twin.simulation.kernel" in loaded
        assert not {"cython", "Cython"} & set(loaded)


def test_a_stale_build_is_refused_with_a_warning(stale: Path) -> None:
    done = python(stale, "-c", WHICH)
    assert done.stdout == "Python\n"
    assert done.stderr.count("UnusableKernel") == 1
    assert "run make venv, or pip install" in done.stderr


def test_a_stale_build_is_an_error_where_the_compiled_one_is_asked_for(stale: Path) -> None:
    done = python(stale, "-c", WHICH, NORIA_KERNEL="compiled")
    assert done.returncode != 0
    assert "NoriaError: twin.simulation._kernel_c: was compiled from another" in done.stderr


def test_without_a_compiler_the_kernel_runs_as_python(uncompiled: Path) -> None:
    done = python(uncompiled, "-c", WHICH)
    assert (done.stdout, done.stderr) == ("Python\n", "")


def test_a_missing_build_is_an_error_where_it_is_asked_for(uncompiled: Path) -> None:
    done = python(uncompiled, "-c", WHICH, NORIA_KERNEL="compiled")
    assert "NoriaError: twin.simulation._kernel_c: is not there" in done.stderr


def test_a_failed_build_is_an_error_where_it_is_required(tmp_path: Path) -> None:
    project = small_project(tmp_path / "project")
    failed = compile_in_place(project, CC="/bin/false", NORIA_REQUIRE_NATIVE="1")
    assert failed.returncode != 0
    assert compile_in_place(project, CC="/bin/false").returncode == 0


def test_an_unknown_choice_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORIA_KERNEL", "fast")
    with pytest.raises(InputError, match='NORIA_KERNEL: got "fast"; known: compiled, python'):
        kernel.load()


@pytest.mark.parametrize("place", [2, -1])
def test_the_checked_build_finds_a_wrong_index(checked: Path, place: int) -> None:
    run = RUN.replace("(0, 1, 1)", f"({place},)")
    done = python(checked, "-c", run, NORIA_KERNEL="compiled")
    assert "IndexError: Out of bounds" in done.stderr


# --- the kernel itself ---


KERNELS = sorted(p for name in ("twin", "solvers") for p in CHECKOUT.glob(f"{name}/*/_*kernel.py"))


def is_of_cython(node: ast.AST, *words: str) -> bool:
    """Whether a node reads ``cython.word``."""
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
        return False
    return node.value.id == "cython" and node.attr in words


def is_f64(annotation: ast.expr | None) -> bool:
    """Whether an annotation is of a double or of an array of them."""
    kind = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return kind is not None and ast.unparse(kind) in ("f64", "cython.double")


def parts(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node below a node, without what stands inside functions."""
    for node in ast.iter_child_nodes(tree):
        yield node
        if not isinstance(node, ast.FunctionDef):
            yield from parts(node)


def doubles_of(tree: ast.AST) -> set[str]:
    """What is declared as a double: a function's locals; a module's constants and functions."""
    found = set()
    for node in parts(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            if is_of_cython(node.value.func, "declare") and is_f64(node.value.args[0]):
                found.add(ast.unparse(node.targets[0]))
        elif isinstance(node, ast.arg | ast.AnnAssign) and is_f64(node.annotation):
            found.add(node.arg if isinstance(node, ast.arg) else ast.unparse(node.target))
        elif isinstance(node, ast.FunctionDef) and is_f64(node.returns):
            found.add(node.name)
        elif isinstance(node, ast.ImportFrom) and node.module == "math":
            found.update(alias.name for alias in node.names)
    return found


def is_double(node: ast.expr, doubles: set[str]) -> bool:
    """Whether an operand is seen to be a double in C."""
    match node:
        case ast.Constant():
            return isinstance(node.value, float)
        case ast.UnaryOp():
            return is_double(node.operand, doubles)
        case ast.BinOp():
            return is_double(node.left, doubles) or is_double(node.right, doubles)
        case ast.Call() if is_of_cython(node.func, "cast"):
            return is_f64(node.args[0])
        case ast.Call():
            return is_double(node.func, doubles)
        case ast.Subscript():
            return is_double(node.value, doubles)
        case ast.Attribute(value=ast.Name(id="self")):
            return node.attr in doubles
        case _:
            return isinstance(node, ast.Name) and node.id in doubles


def whole_divisions(tree: ast.AST, known: set[str]) -> Iterator[str]:
    """Divisions without an operand that is seen to be a double."""
    doubles = known | doubles_of(tree)
    for node in parts(tree):
        if isinstance(node, ast.FunctionDef):
            yield from whole_divisions(node, doubles)
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            operands = (
                [node.left, node.right]
                if isinstance(node, ast.BinOp)
                else [node.target, node.value]
            )
            if not any(is_double(operand, doubles) for operand in operands):
                yield f"{node.lineno}: may divide whole numbers: {ast.unparse(node)}"


def broken_rules(source: str) -> Iterator[str]:
    """Lines of a kernel that would mean something else, or run far slower, in C."""
    tree = ast.parse(source)
    yield from whole_divisions(tree, set())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
            if {"cython.cfunc", "cython.ccall"} & set(decorators) and (
                "cython.exceptval(check=False)" not in decorators
            ):
                yield f"{node.lineno}: {node.name} lacks @cython.exceptval(check=False)"
        if is_of_cython(node, "long", "ulong", "slong", "p_long", "p_ulong"):
            yield f"{node.lineno}: long has 32 bits on some systems; use longlong"


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: path.stem)
def test_a_kernel_means_the_same_in_c(path: Path) -> None:
    assert list(broken_rules(path.read_text(encoding="utf-8"))) == []


def test_the_small_kernel_keeps_the_rules() -> None:
    assert list(broken_rules(SMALL_KERNEL)) == []


@pytest.mark.parametrize(
    "text",
    [
        "a = b / c",
        "a = b / 60",
        "a /= b",
        "a = cython.cast(i64, b) / c",
        "a = -b / (c + 2)",
        "def f(a: f64): ...\ndef g(a: i64, b: i64):\n    return a / b",
        "def f(a: i64) -> i64: ...\nb = f(2) / c",
        "class A:\n    a: i64\n    def f(self, b: i64[::1]):\n        return b[0] / self.a",
        "N = cython.declare(cython.longlong, 2)\na = b / N",
        "@cython.cfunc\ndef f(): ...",
        "@cython.ccall\n@cython.nogil\ndef f(): ...",
        "class A:\n    @cython.cfunc\n    @cython.exceptval(-1)\n    def f(self): ...",
        "def f():\n    a: cython.long",
        "i64 = cython.typedef(cython.long)",
    ],
)
def test_a_broken_rule_is_found(text: str) -> None:
    assert len(list(broken_rules(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "a = b / 60.0",
        "a = (b + 1) / -(c + 2.0)",
        "N = cython.declare(cython.double, 2)\na = b / N",
        "def f(a: i64, b: f64):\n    return a / b",
        "def f(a: i64) -> f64: ...\nb = f(2) / c",
        "class A:\n    a: f64\n    def f(self, b: f64[::1]):\n        return b[0] / 2 + 3 / self.a",
        "from math import log\na = log(b) / c",
    ],
)
def test_a_division_of_doubles_is_no_fault(text: str) -> None:
    assert list(broken_rules(text)) == []


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: path.stem)
def test_the_stand_in_has_every_word_that_a_kernel_uses(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and is_of_cython(node, node.attr)
    }
    assert {word for word in used - {"const"} if not hasattr(_cython_shim, word)} == set()


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: path.stem)
def test_an_installed_kernel_is_compiled_where_that_is_required(path: Path) -> None:
    if os.environ.get("NORIA_REQUIRE_NATIVE", "") in ("", "0"):
        pytest.skip("NORIA_REQUIRE_NATIVE is not set")
    module = ".".join(path.relative_to(CHECKOUT).with_suffix("").parts)
    assert native.which(module) == "compiled"


@pytest.mark.slow
@pytest.mark.usefixtures("compiled")
def test_no_test_of_the_simulation_makes_the_kernel_read_outside_an_array(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns(".*", "*.so", "build", "dist", "runs", "noria-demo")
    project = shutil.copytree(CHECKOUT, tmp_path / "project", ignore=ignored)
    built = compile_in_place(project, NORIA_KERNEL_CHECKED="1", NORIA_REQUIRE_NATIVE="1")
    assert built.returncode == 0, built.stderr
    says = "from twin.simulation import kernel; print(kernel.load().IS_CHECKED)"
    assert python(project, "-c", says, NORIA_KERNEL="compiled").stdout == "True\n"
    this = f"tests/twin/simulation/{Path(__file__).name}"
    pytest_run = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--ignore", this)
    done = python(project, *pytest_run, "tests/twin/simulation", NORIA_KERNEL="compiled")
    assert done.returncode == 0, done.stdout
