"""Imports go one way: twin <- solvers <- scenarios <- dashboards, and none in a circle.

The modules are parsed, not run, so an import that hides in a function is seen as well.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGES = ("twin", "solvers", "scenarios", "dashboards")

# Inside a function only: one starts the app, the other writes the HTML report.
DOORS = {("scenarios.commands", "dashboards"), ("scenarios.replan", "dashboards")}

# What each part of twin may import from the other parts; all may import twin.errors.
TWIN_ALLOWS = {
    "errors": set(),
    "native": set(),
    "model": set(),
    "behaviour": {"model"},
    "simulation": {"model", "behaviour", "native"},
    "accounting": {"model", "behaviour", "simulation"},
    "calibration": {"model", "behaviour", "accounting"},
    "connectors": {"model", "behaviour"},
    "secrets": {"model"},
    "store": {"model", "secrets"},
    "ingest": {"model", "store", "connectors", "secrets"},
    "erp": {"model", "connectors", "secrets"},
}


@dataclass(frozen=True)
class Import:
    """One import: where it stands, what it names, and whether it runs when the module loads."""

    importer: str
    imported: str
    line: int
    is_in_function: bool
    is_for_types: bool

    def __str__(self) -> str:
        return f"{self.importer}: line {self.line}: imports {self.imported}"


def modules_under(root: Path) -> dict[str, Path]:
    """Dotted name and file of every module of the four packages."""
    modules = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            modules[name] = path
    return modules


def imports_under(root: Path) -> list[Import]:
    """Every import of one of our modules by another."""
    modules = modules_under(root)
    found = []
    for importer, path in modules.items():
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        package = importer if path.name == "__init__.py" else importer.rpartition(".")[0]
        for node, is_in_function, is_for_types in import_nodes(tree):
            for imported in targets(node, package, modules):
                if imported.partition(".")[0] in PACKAGES and imported != importer:
                    found.append(
                        Import(importer, imported, node.lineno, is_in_function, is_for_types)
                    )
    return found


def import_nodes(
    node: ast.AST, is_in_function: bool = False, is_for_types: bool = False
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    """Import statements below a node, and whether a function or TYPE_CHECKING holds them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, is_in_function, is_for_types
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for part in child.body:
                yield from import_nodes(ast.Module([part], []), is_in_function, True)
            for part in child.orelse:
                yield from import_nodes(ast.Module([part], []), is_in_function, is_for_types)
        else:
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from import_nodes(child, is_in_function or is_function, is_for_types)


def targets(
    node: ast.Import | ast.ImportFrom, package: str, modules: dict[str, Path]
) -> Iterator[str]:
    """Modules that a statement names; ``from a import b`` names a.b when that is a module."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = node.module or ""
    if node.level:
        parents = package.split(".")
        parents = parents[: len(parents) - node.level + 1]
        base = ".".join([*parents, base] if base else parents)
    for alias in node.names:
        submodule = f"{base}.{alias.name}"
        yield submodule if submodule in modules else base


def is_allowed(item: Import) -> bool:
    """Whether an import follows the order of packages and of the parts of twin."""
    source, target = item.importer.split("."), item.imported.split(".")
    if source[0] != target[0]:
        is_door = item.is_in_function and (item.importer, target[0]) in DOORS
        return is_door or PACKAGES.index(target[0]) < PACKAGES.index(source[0])
    if source[0] != "twin" or len(source) == 1:
        return True
    if len(target) == 1:
        return False  # a part of twin names the part it needs
    is_same_part = source[1] == target[1]
    return is_same_part or target[1] in TWIN_ALLOWS.get(source[1], set()) | {"errors"}


def violations(root: Path) -> list[str]:
    """Imports against the order, each in one line."""
    return [str(item) for item in imports_under(root) if not is_allowed(item)]


def circle(root: Path) -> list[str]:
    """Modules of one circle of imports that run when the modules load; empty when there is none."""
    graph: dict[str, set[str]] = {}
    for item in imports_under(root):
        if not (item.is_in_function or item.is_for_types):
            graph.setdefault(item.importer, set()).add(item.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def test_all_four_packages_are_read() -> None:
    assert {name.partition(".")[0] for name in modules_under(CHECKOUT)} == set(PACKAGES)


def test_every_part_of_twin_is_in_the_table() -> None:
    parts = {name.split(".")[1] for name in modules_under(CHECKOUT) if name.startswith("twin.")}
    assert parts <= set(TWIN_ALLOWS)


def test_imports_follow_the_order() -> None:
    assert violations(CHECKOUT) == []


def test_no_module_imports_in_a_circle() -> None:
    assert circle(CHECKOUT) == []


# --- positive controls: planted faults are found, and what is allowed is not called a fault ---


def plant_module(root: Path, name: str, text: str) -> None:
    path = root.joinpath(*name.split(".")).with_suffix(".py")
    for folder in list(path.parents)[: name.count(".")]:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").touch()
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("twin.model.plant", "import solvers"),
        ("twin.model.plant", "from scenarios.run import run"),
        ("twin.model.plant", "from twin.behaviour import reliability"),
        ("twin.model.plant", "from ..behaviour import reliability"),
        ("twin.model.plant", "def f():\n    import twin.simulation.simulate"),
        (
            "twin.model.plant",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import solvers",
        ),
        ("twin.behaviour.reliability", "import twin.accounting.kpi"),
        ("twin.simulation.simulate", "from twin.calibration import drift"),
        ("twin.calibration.drift", "from twin.simulation import simulate"),
        ("twin.accounting.kpi", "from twin.calibration import drift"),
        ("twin.connectors.mqtt", "from twin import simulation"),
        ("twin.unlisted.news", "import twin.model.plant"),
        ("solvers.milp", "import dashboards.app"),
        ("solvers.milp", "class A:\n    from scenarios import run"),
        ("scenarios.commands", "import dashboards.app"),
        ("scenarios.run", "def f():\n    import dashboards.app"),
        ("twin.model.plant", "try:\n    import solvers\nexcept ImportError:\n    pass"),
    ],
)
def test_a_planted_fault_is_found(tmp_path: Path, module: str, text: str) -> None:
    plant_module(tmp_path, module, text)
    assert len(violations(tmp_path)) == 1


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("twin.model.plant", "from twin.errors import PlantError\nfrom . import orders"),
        ("twin.behaviour.reliability", "import twin.model.plant"),
        ("twin.calibration.drift", "from twin.accounting import kpi"),
        ("solvers.milp", "from twin.model import plant"),
        ("scenarios.commands", "def dashboard():\n    from dashboards.app import create_app"),
        ("scenarios.replan", "def write_page():\n    import dashboards.figures"),
        ("dashboards.app", "import scenarios, solvers, twin"),
    ],
)
def test_what_is_allowed_is_no_fault(tmp_path: Path, module: str, text: str) -> None:
    plant_module(tmp_path, module, text)
    assert violations(tmp_path) == []


def test_a_planted_circle_is_found(tmp_path: Path) -> None:
    plant_module(tmp_path, "solvers.problem", "from solvers import milp")
    plant_module(tmp_path, "solvers.milp", "from .problem import Problem")
    assert set(circle(tmp_path)) == {"solvers.problem", "solvers.milp"}


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    from .problem import Problem",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .problem import Problem",
    ],
)
def test_an_import_that_does_not_run_on_loading_closes_no_circle(tmp_path: Path, text: str) -> None:
    plant_module(tmp_path, "solvers.problem", "from solvers import milp")
    plant_module(tmp_path, "solvers.milp", text)
    assert circle(tmp_path) == []
