"""``noria simulate --out``: a place that is no good is said before a run; all files or none."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from scenarios import simulate
from scenarios.cli import main
from scenarios.simulate_files import NAMES
from twin.connectors import mes_files

LINE = Path(__file__).resolve().parents[2] / "data" / "plants" / "line.yaml"
SHORT = ("--days", "0.1", "--warm-up", "0", "--replications", "1", "--quiet")


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """No replication may be run."""

    def totals(*_: Any, **__: Any) -> None:
        raise AssertionError("it was simulated")

    monkeypatch.setattr(simulate, "totals", totals)


def refused(capsys: pytest.CaptureFixture[str], out: Path) -> str:
    assert main(["simulate", str(LINE), "--out", str(out), *SHORT]) == 2
    printed, err = capsys.readouterr()
    assert printed == ""
    assert err.count("\n") == 1
    return err


def test_a_file_in_the_way_is_named(
    never: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "below" / "it"):
        assert f"--out: {tmp_path / 'file'} is a file; name a folder" in refused(capsys, out)


def test_a_folder_in_the_place_of_a_file_is_named(
    never: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log.csv").mkdir()
    assert "log.csv is a folder, where a file is to be written" in refused(capsys, tmp_path)


@pytest.mark.parametrize("refuser", ["mkdir", "TemporaryFile"])
def test_a_place_without_the_right_to_write_is_named(
    refuser: str,
    never: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Made up, as nothing is forbidden to root, who may run this."""

    def forbidden(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    owner = "pathlib.Path" if refuser == "mkdir" else "tempfile"
    monkeypatch.setattr(f"{owner}.{refuser}", forbidden)
    err = refused(capsys, tmp_path / "out")
    assert f"nothing can be written to {tmp_path / 'out'}: Permission denied" in err


def test_a_parent_that_is_missing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a" / "b"
    assert main(["simulate", str(LINE), "--out", str(out), *SHORT]) == 0
    assert sorted(os.listdir(out)) == sorted(NAMES)


def test_a_run_that_ends_early_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(simulate, "totals", interrupted)
    assert main(["simulate", str(LINE), "--out", str(tmp_path / "a" / "b"), *SHORT]) == 130
    assert os.listdir(tmp_path) == []


def test_a_full_disk_loses_no_figure_and_leaves_no_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report fits, the log does not; what an earlier run wrote stays as it was."""
    for name in NAMES:
        (tmp_path / name).write_text("earlier")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(mes_files, "write_log", full)
    assert main(["simulate", str(LINE), "--out", str(tmp_path), *SHORT]) == 7
    out, err = capsys.readouterr()
    assert "Throughput" in out
    assert f"nothing was written to {tmp_path}: No space left on device" in out
    assert err == ""
    assert sorted(os.listdir(tmp_path)) == sorted(NAMES)
    assert {(tmp_path / name).read_text() for name in NAMES} == {"earlier"}
    assert main(["simulate", str(LINE), "--out", str(tmp_path), *SHORT, "--json"]) == 7
    found = json.loads(capsys.readouterr().out)
    assert found["written"] == []
    assert "No space left on device" in found["shortfall"]
    assert found["figures"]["plant"]["throughput_per_h"]["n"] == 1
