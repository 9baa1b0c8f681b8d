"""What the live twin hears: arrivals of a store once each, and a file anew when it has changed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from scenarios.settings import MesSource
from scenarios.watch_feed import FileFeed, StoreFeed
from tests.scenarios.watch_shop import (
    CUT_OFF,
    WatchedShop,
    events_of,
    store_of,
    unfailing,
    watched_shop,
)
from twin.connectors.mes_files import write_log


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> WatchedShop:
    return watched_shop(tmp_path_factory.mktemp("shop"), plant=unfailing())


def test_a_store_is_read_whole_once_and_then_by_arrival(shop: WatchedShop, tmp_path: Path) -> None:
    store, case = store_of(tmp_path), shop.run.case
    day = shop.day().until(CUT_OFF + timedelta(hours=6))
    store.append("shop", events_of(shop.history, "history"))
    feed = StoreFeed(store, 90)
    assert feed.begins_anew()
    first = sum(len(log) for log in feed.news(CUT_OFF, case.plant, case.orders))
    assert not feed.begins_anew()
    store.append("shop", events_of(day, "day"))
    then = sum(len(log) for log in feed.news(CUT_OFF, case.plant, case.orders))
    assert (first, then) == (len(shop.history), len(day))
    assert list(feed.news(CUT_OFF, case.plant, case.orders)) == []


def test_what_arrives_while_the_store_is_read_whole_comes_once(
    shop: WatchedShop, tmp_path: Path
) -> None:
    store, case = store_of(tmp_path), shop.run.case
    store.append("shop", events_of(shop.history, "history"))
    day = shop.day().until(CUT_OFF + timedelta(hours=6))
    feed, count = StoreFeed(store, 90), 0
    for n, log in enumerate(feed.news(CUT_OFF, case.plant, case.orders)):
        count += len(log)
        if n == 0:
            store.append("shop", events_of(day, "day"))
    count += sum(len(log) for log in feed.news(CUT_OFF, case.plant, case.orders))
    assert count == len(shop.history) + len(day)


def test_a_mark_is_gone_on_from(shop: WatchedShop, tmp_path: Path) -> None:
    store, case = store_of(tmp_path), shop.run.case
    store.append("shop", events_of(shop.history, "history"))
    feed = StoreFeed(store, 90)
    list(feed.news(CUT_OFF, case.plant, case.orders))
    other = StoreFeed(store, 90)
    other.go_on(feed.mark())
    assert not other.begins_anew()
    assert list(other.news(CUT_OFF, case.plant, case.orders)) == []


def test_a_file_is_read_anew_when_it_has_grown(shop: WatchedShop, tmp_path: Path) -> None:
    path, case = tmp_path / "log.csv", shop.run.case
    write_log(shop.history.until(CUT_OFF - timedelta(days=3)), path)
    feed = FileFeed(MesSource(path=path))
    (before,) = feed.news(CUT_OFF, case.plant, case.orders)
    assert not feed.begins_anew()
    assert list(feed.news(CUT_OFF, case.plant, case.orders)) == []
    write_log(shop.history, path)
    assert feed.begins_anew()
    (after,) = feed.news(CUT_OFF, case.plant, case.orders)
    assert len(after) > len(before)
    path.unlink()
    assert not feed.begins_anew()  # being replaced: the log known stays
    assert feed.mark() is None
