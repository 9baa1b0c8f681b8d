"""The address is the state: what is written is read back, and nonsense is no choice."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.url_state import LONGEST, SHORTEST, Theme, View, parse_view, view_of, write_view

numbers = st.one_of(st.just(""), st.from_regex(r"\A[0-9]{1,6}\Z").filter(str.isascii))
views = st.builds(
    View,
    theme=st.sampled_from(get_args(Theme)),
    begin=st.integers(-LONGEST, LONGEST),
    span=st.integers(SHORTEST, LONGEST),
    order=st.text(st.characters(exclude_categories=["Cs"])),
    job=numbers,
    beside=numbers,
).filter(lambda view: not view.beside or view.beside != view.job)


@given(views)
def test_reading_undoes_writing(view: View) -> None:
    assert parse_view(write_view(view)) == view


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_query_has_one_canonical_form(search: str) -> None:
    once = write_view(parse_view(search))
    assert write_view(parse_view(once)) == once


def test_the_default_view_needs_no_query() -> None:
    assert write_view(View()) == ""


@pytest.mark.parametrize(
    "search",
    [
        "?theme=sepia", "?span=century", "?span=3", "?begin=1e3", "?job=../../etc", "?job=1%2F2",
        "?unknown=1", "?job=٣", "???",
    ],
)  # fmt: skip
def test_a_value_nobody_could_have_written_is_no_choice(search: str) -> None:
    assert parse_view(search) == View()


def test_a_key_given_twice_counts_once() -> None:
    assert view_of({"order": ["4111", "4112"]}).order == "4111"


def test_a_what_if_is_not_compared_with_itself() -> None:
    assert parse_view("?job=3&beside=3") == View(job="3")
