"""A file says what the shop is, or one message says everything that is wrong with it."""

from pathlib import Path

import pytest

from solvers.flow_shop.files import load_flow_shop
from tests.solvers.flow_shop.shops import drawn_shop, write
from twin.errors import InputError


@pytest.mark.parametrize("machines", [1, 3])
def test_a_written_shop_is_read_back(tmp_path: Path, machines: int) -> None:
    """The two index fields of files with several machines are no power."""
    shop = drawn_shop(3, machines=machines)
    read = load_flow_shop(write(shop, tmp_path / "shop.cas"))
    assert read.power == shop.power
    assert read.slots == 96
    assert read.rate[: shop.slots] == pytest.approx(shop.rate)
    assert read.charged_for_cost().rate[0] == pytest.approx(0.25 * shop.price[0])


def lines_of(tmp_path: Path, machines: int = 2) -> list[str]:
    return write(drawn_shop(3, machines=machines), tmp_path / "good.cas").read_text().splitlines()


def message(tmp_path: Path, lines: list[str]) -> str:
    path = tmp_path / "bad.cas"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_flow_shop(path)
    return str(error.value)


def test_swapped_operations_are_found(tmp_path: Path) -> None:
    lines = lines_of(tmp_path)
    lines[1], lines[2] = lines[2], lines[1]
    text = message(tmp_path, lines)
    assert "line 2: does not begin with job 0, machine 0" in text
    assert "line 3: does not begin with job 0, machine 1" in text


def test_a_short_file_is_found(tmp_path: Path) -> None:
    assert "by its header it has 10 lines" in message(tmp_path, lines_of(tmp_path)[:-1])


def test_a_lost_value_of_power_is_found(tmp_path: Path) -> None:
    lines = lines_of(tmp_path)
    place = next(n for n, line in enumerate(lines) if n > 0 and line.count(",") > 1)
    lines[place] = lines[place].rpartition(",")[0]
    assert "the header counts" in message(tmp_path, lines)


def test_a_word_for_a_number_is_found(tmp_path: Path) -> None:
    lines = lines_of(tmp_path)
    lines[-1] = "dear"
    assert 'line 10: got "dear"; numbers and commas expected' in message(tmp_path, lines)


def test_a_missing_slot_is_found(tmp_path: Path) -> None:
    lines = lines_of(tmp_path)
    lines[-2] = lines[-2].rpartition(",")[0]
    text = message(tmp_path, lines)
    assert "got 95 values of carbon intensity; the horizon has 96" in text


@pytest.mark.parametrize("header", ["", "2,1", "2,one,3,4", "0,1,3,4", "2,1,3000000,4"])
def test_a_bad_header_is_found(tmp_path: Path, header: str) -> None:
    assert "line 1: " in message(tmp_path, [header, *lines_of(tmp_path)[1:]])


def test_a_negative_power_is_found(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, machines=1)
    lines[1] = "-" + lines[1]
    assert "power is 0 or above" in message(tmp_path, lines)


def test_a_missing_file_and_no_text_are_found(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_flow_shop(tmp_path / "nowhere.cas")
    (tmp_path / "bytes.cas").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no text file"):
        load_flow_shop(tmp_path / "bytes.cas")
