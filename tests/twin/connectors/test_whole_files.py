"""A file is replaced in one stroke: whatever fails, the old one stands and nothing lies beside."""

from pathlib import Path

import pytest

from twin.connectors.whole_files import write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plan.csv"
    write_text(path, "old")

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("twin.connectors.whole_files.os.fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        write_text(path, "new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("plan.csv", "old")]


def test_the_new_text_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "plan.csv"
    write_text(path, "a longer text")
    write_text(path, "é\n")
    assert path.read_bytes() == "é\n".encode()


def test_others_may_read_the_file(tmp_path: Path) -> None:
    write_text(tmp_path / "plan.csv", "")
    assert (tmp_path / "plan.csv").stat().st_mode & 0o777 == 0o644
