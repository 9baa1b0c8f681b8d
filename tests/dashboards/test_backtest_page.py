"""The page of a backtest: every forecast drawn, and readable without any network."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from dashboards.backtest_page import write_page
from dashboards.figures.backtest import fan_figure, pit_figure
from scenarios.backtest import Backtest, Check, Effort
from twin.accounting.indicators import Key
from twin.accounting.log_distance import LogDistances
from twin.accounting.scoring import Verified, interval
from twin.model.plant import load_plant

PLANT = load_plant(Path(__file__).parents[1] / "plants" / "small.yaml")
BEGIN = datetime(2026, 11, 2, 5, tzinfo=PLANT.zone)
ORIGINS = tuple(BEGIN + timedelta(days=7 + n) for n in range(6))
PIECES = Key("plant", "", "good_pieces")


def a_backtest(*, has_draws: bool, asked: int = 6) -> Backtest:
    luck = np.random.default_rng(4)
    checks = []
    for key in (PIECES, Key("work_unit", "P-1", "working_h")):
        for origin in ORIGINS:
            chance = 100 + 3 * luck.standard_normal(50)
            both = 100 + 9 * luck.standard_normal(50) if has_draws else chance
            verified = Verified(both, 100 + 9 * luck.standard_normal(), {"yesterday": 80.0})
            checks.append(Check(key, "day", origin, verified, chance))
    apart = LogDistances(0.1, 0.2, float("nan"), 0.3)
    return Backtest(
        PLANT, BEGIN, ORIGINS[-1] + timedelta(days=1), ORIGINS, asked, Effort(), tuple(checks),
        ((ORIGINS[0], apart),), (apart,), ("a <note>",),
    )  # fmt: skip


@pytest.mark.parametrize("has_draws", [True, False])
def test_every_forecast_is_drawn_with_its_range_and_what_happened(has_draws: bool) -> None:
    found = a_backtest(has_draws=has_draws)
    figure = fan_figure(found, [PIECES], "day")
    by_name = {trace.name: trace for trace in figure.data}
    checks = found.of(PIECES, "day")
    assert list(by_name["what happened"].y) == [c.verified.actual for c in checks]
    high = interval(checks[0].verified.samples, 0.9)[1]
    bar = by_name["90 % range"]
    assert bar.y[0] + bar.error_y.array[0] == pytest.approx(high)
    assert ("90 % by chance alone" in by_name) == has_draws


def test_histograms_count_every_forecast() -> None:
    figure = pit_figure({"a": [0.1, 0.9, 0.5], "b": np.linspace(0, 1, 60).tolist()})
    assert [sum(trace.y) for trace in figure.data] == [3, 60]


def test_the_page_has_its_notes_and_nothing_from_outside(tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", a_backtest(has_draws=True, asked=8))
    page = (tmp_path / "page.html").read_text()
    assert "a &lt;note&gt;" in page
    assert "forecast from 6 of 8 origins" in page
    assert 'src="http' not in page
