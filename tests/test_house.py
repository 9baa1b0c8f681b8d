"""The checkout keeps its house rules: pinned requirements, small files, short modules."""

import re
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt", "requirements-build.txt")
LARGEST_FILE_BYTES = 2_000_000
LONGEST_MODULE_LINES = 600
ONE_PIECE = "_kernel.py"
"""How the names of kernels end. Each is compiled as one: calls between modules would leave C."""

# A pin is a name, one version, perhaps a marker, and hashes: nothing that could name a place.
PIN = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._-]*)(\[[a-z0-9,_-]+\])?==(?P<version>[0-9][0-9a-z.+!]*)"
    r"( ; (?P<marker>[^#@/]+?))?"
    r"( --hash=sha256:[0-9a-f]{64})+"
)
PLACE = re.compile(
    r"[a-z+]+://|\bfile:|\bwww\.|\.(org|com|io|net|dev)\b|-index|--find-links|--trusted-host", re.I
)


def requirement_lines(text: str) -> list[str]:
    """Requirements, one a line, with continued lines joined."""
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    return [line.strip() for line in joined.splitlines() if line.strip()]


def unpinned(text: str) -> list[str]:
    """Requirements without one exact version and its hashes."""
    return [line for line in requirement_lines(text) if not PIN.fullmatch(line)]


def versions(text: str) -> dict[str, set[str]]:
    """Pinned versions by name; more than one where they differ by Python version."""
    pinned: dict[str, set[str]] = {}
    for line in requirement_lines(text):
        if match := PIN.fullmatch(line):
            pinned.setdefault(match["name"], set()).add(match["version"])
    return pinned


def read(name: str) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def tracked_files() -> list[Path]:
    """Files that git tracks or would track."""
    if not (CHECKOUT / ".git").exists():
        pytest.skip("this tree is no git checkout")
    command = ["git", "-c", f"safe.directory={CHECKOUT}", "ls-files", "-z"]
    listed = subprocess.run(
        [*command, "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = (CHECKOUT / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def test_no_tracked_file_is_over_two_megabytes() -> None:
    files = tracked_files()
    assert files
    assert [str(path) for path in files if path.stat().st_size > LARGEST_FILE_BYTES] == []


def test_no_module_is_over_600_lines() -> None:
    modules = [
        path
        for path in tracked_files()
        if path.suffix == ".py" and not path.name.endswith(ONE_PIECE)
    ]
    lengths = {str(path): path.read_bytes().count(b"\n") for path in modules}
    assert lengths
    assert {path: n for path, n in lengths.items() if n > LONGEST_MODULE_LINES} == {}


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    assert requirement_lines(read(name))
    assert unpinned(read(name)) == []


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_no_requirement_names_a_place(name: str) -> None:
    assert [line for line in read(name).splitlines() if PLACE.search(line)] == []


@pytest.mark.parametrize(
    "line",
    [
        "numpy>=2",
        "numpy==2.4.6",
        "numpy @ https://example.org/numpy.whl --hash=sha256:" + "0" * 64,
        "--index-url https://example.org/simple",
        "numpy==2.4.6 --hash=md5:" + "0" * 64,
    ],
)
def test_a_loose_requirement_is_found(line: str) -> None:
    assert unpinned(line) == [line]


@pytest.mark.parametrize(
    "line", ["--index-url https://example.org/simple", "# from pypi.org", "--find-links wheels"]
)
def test_a_place_is_found(line: str) -> None:
    assert PLACE.search(line)


def test_testing_uses_the_versions_that_run() -> None:
    testing = versions(read("requirements-dev.txt"))
    for name in ("requirements.txt", "requirements-build.txt"):
        pinned = versions(read(name))
        assert {package: testing.get(package) for package in pinned} == pinned


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_highspy_is_below_1_15(name: str) -> None:
    for version in versions(read(name))["highspy"]:
        major, minor = version.split(".")[:2]
        assert (int(major), int(minor)) < (1, 15)
