"""Files that grow, shrink and are replaced are read line by line, none twice and none in half."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from twin.ingest import following
from twin.ingest.following import Place, Unreadable, files_in, open_file, read_on, shown


def test_whole_lines_are_read_and_half_ones_wait(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"a\nb\r\nhal")
    first = read_on(path, Place())
    assert (first.lines, first.first_line, first.rest) == ([b"a", b"b"], 1, 3)
    assert first.is_from_start
    path.write_bytes(b"a\nb\r\nhalf\nc\n")
    second = read_on(path, Place.of_json(first.place.as_json()))
    assert (second.lines, second.first_line, second.rest) == ([b"half", b"c"], 3, 0)
    assert not second.is_from_start


def test_pieces_of_a_long_file_join_without_loss(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    lines = [f"line {n} {'x' * (n % 37)}".encode() for n in range(1, 2000)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    place, read = Place(), []
    while True:
        piece = read_on(path, place, at_once=999)
        read += piece.lines
        place = piece.place
        if not piece.has_more:
            break
    assert read == lines
    assert place.line == 1999


@pytest.mark.parametrize(
    "content",
    [b"a\nB\nc\nd\n", b"a\n", b"", b"x\ny\n", b"A\nb\nc\n"],
    ids=["longer", "shorter", "empty", "other", "one letter"],
)
def test_a_replaced_file_is_read_from_its_beginning(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"a\nb\nc\n")
    place = read_on(path, Place()).place
    path.write_bytes(content)
    piece = read_on(path, place)
    assert piece.is_from_start
    assert piece.lines == content.splitlines()


def test_a_change_within_a_long_file_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "HASHED", 1000)
    path = tmp_path / "log.csv"
    content = b"0123456789abcde\n" * 200
    path.write_bytes(content)
    place = read_on(path, Place()).place
    path.write_bytes(content + b"more\n")
    assert read_on(path, place).lines == [b"more"]
    path.write_bytes(b"X" + content[1:] + b"more\n")
    assert read_on(path, place).is_from_start


def test_a_line_without_end_is_refused_when_it_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"x" * 5000)
    with pytest.raises(Unreadable, match="line 1 has no end within"):
        read_on(path, Place(), at_once=4000)


def test_only_ordinary_files_of_the_folder_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    (folder / "sub.csv").mkdir(parents=True)
    (tmp_path / "secret.csv").write_text("secret")
    (folder / "b.csv").write_text("b")
    (folder / "a.txt").write_text("a")
    (folder / ".hidden.csv").write_text("h")
    (folder / "inside.csv").symlink_to(folder / "a.txt")
    (folder / "outside.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "gone.csv").symlink_to(folder / "nothing")
    os.mkfifo(folder / "pipe.csv")
    found, refused = files_in(folder, "*.csv")
    assert {file.name for file in found} == {"b.csv", "inside.csv"}
    assert "leads out of the folder" in refused["outside.csv"]
    assert "device or a pipe" in refused["pipe.csv"]
    with pytest.raises(Unreadable, match="not an ordinary file"):
        open_file(folder / "pipe.csv")


def test_the_oldest_file_comes_first(tmp_path: Path) -> None:
    for age, name in enumerate(["c", "a", "b"]):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    assert [file.name for file in files_in(tmp_path)[0]] == ["b", "a", "c"]


def test_a_name_is_shown_as_one_printable_line(tmp_path: Path) -> None:
    odd = "a\nb\x1b[31m\udcff.csv"
    assert shown(odd) == "a\ufffdb\ufffd[31m\ufffd.csv"
    (tmp_path / os.fsdecode(b"a\nb.csv")).write_text("x")
    (tmp_path / os.fsdecode(b"\xff.csv")).write_text("x")
    found, refused = files_in(tmp_path)
    assert [file.name for file in found] == ["a\nb.csv"]
    assert list(refused.values()) == ["its name is not UTF-8; rename it"]
