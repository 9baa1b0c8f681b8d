"""Files of shops are read as they are published, and refused with a word when they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from solvers.shop.files import BestKnown, read_best_known, read_problem
from solvers.shop.problem import Alternative, Operation
from twin.errors import InputError


def written(folder: Path, text: str, name: str = "shop.txt") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_job_shop_is_read(tmp_path: Path) -> None:
    shop = read_problem(written(tmp_path, "# a remark\n2 3\n0 5  2 7\n\n1 4 0 0 2 9\n"))
    assert (shop.name, shop.machines, shop.operations) == ("shop", 3, 5)
    assert shop.jobs[0] == (Operation((Alternative(0, 5),)), Operation((Alternative(2, 7),)))
    assert not shop.is_flexible


def test_a_flexible_shop_is_read_and_counts_machines_from_one(tmp_path: Path) -> None:
    text = "2 2 1.5\n2 2 1 5 2 7 1 2 3\n1 1 1 4\n"
    shop = read_problem(written(tmp_path, text, "shop.fjs"))
    assert shop.jobs[0][0].alternatives == (Alternative(0, 5), Alternative(1, 7))
    assert [len(job) for job in shop.jobs] == [2, 1]
    assert shop.is_flexible


@pytest.mark.parametrize(
    ("name", "zero", "one"),
    [
        ("shop.txt", "1 2\n0 5 1 7\n", "1 2\n1 5 2 7\n"),
        ("shop.fjs", "1 2\n2 1 0 5 1 1 7\n", "1 2\n2 1 1 5 1 2 7\n"),
    ],
)
def test_the_first_machine_is_number_0_or_1(tmp_path: Path, name: str, zero: str, one: str) -> None:
    from_zero = read_problem(written(tmp_path, zero, name))
    assert read_problem(written(tmp_path, one, name)) == from_zero


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.txt", "", "is empty"),
        ("a.txt", "# only a remark\n", "is empty"),
        ("a.txt", "3\n", "line 1: numbers of jobs and machines"),
        ("a.txt", "0 2\n", "line 1: numbers of jobs and machines"),
        ("a.txt", "2 2\n0 1 1 1\n", "2 jobs are announced and 1 lines"),
        ("a.txt", "1 2\n0 1 1\n", "line 2: got 3 numbers"),
        ("a.txt", "1 2\n0 1 1 x\n", 'line 2: got "x"'),
        ("a.txt", "1 2\n0 1 1 2.5\n", 'line 2: got "2.5"'),
        ("a.txt", "1 2\n0 1 1 -2\n", 'line 2: got "-2"'),
        ("a.txt", "1 2\n0 1 1 nan\n", 'line 2: got "nan"'),
        ("a.txt", "2 2\n0 1 1 1\n0 1 5 1\n", "line 3: got machine 5; 0 to 1"),
        ("a.txt", "1 2\n0 1 2 1\n", "line 2: got machine 2; 0 to 1"),
        ("a.fjs", "1 2\n2 1 1 5\n", "2 operations are announced and 1 are complete"),
        ("a.fjs", "1 2\n1 2 1 5\n", "1 operations are announced and 0 are complete"),
        ("a.fjs", "1 2\n1 1 1 5 9\n", "with 1 numbers left over"),
        ("a.fjs", "1 2\n1 0\n", "1 operations are announced and 0 are complete"),
        ("a.fjs", "1 2\n1 1 3 5\n", "line 2: got machine 3; 1 to 2"),
    ],
)
def test_a_bad_file_is_refused_with_the_line(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    path = written(tmp_path, text, name)
    with pytest.raises(InputError) as refused:
        read_problem(path)
    assert str(path) in str(refused.value)
    assert words in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_problem(tmp_path / "none.txt")


def test_bytes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read as text"):
        read_problem(tmp_path / "a.txt")


def test_best_known_makespans_are_read(tmp_path: Path) -> None:
    text = "problem,instance,size,lb,ub,status\njobshop,one,2 x 2,7,9,open\nfjsp,two,,,8,\n"
    written(tmp_path, text, "best_known.csv")
    assert read_best_known(tmp_path) == {"one": BestKnown(7, 9), "two": BestKnown(None, 8)}


def test_without_a_list_nothing_is_known(tmp_path: Path) -> None:
    assert read_best_known(tmp_path) == {}


@pytest.mark.parametrize("text", ["name,value\na,3\n", "instance,lb,ub\na,3,many\n"])
def test_a_bad_list_is_refused(tmp_path: Path, text: str) -> None:
    written(tmp_path, text, "best_known.csv")
    with pytest.raises(InputError, match=r"best_known\.csv"):
        read_best_known(tmp_path)
