"""The script of the joint case: what it prints adds up, and the sign is the baseline's loss."""

import json

import pytest

from tests.benchmarks import joint_case


@pytest.mark.slow
def test_the_script_prints_paired_differences(capsys: pytest.CaptureFixture[str]) -> None:
    assert joint_case.main(["--time-limit", "2", "--replications", "4"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    plans = {row["plan"]: row for row in rows if row["what"] == "plan"}
    assert set(plans) == {"joint", "sequential", "sequential, rehearsed"}
    for row in rows:
        if row["what"] != "difference":
            continue
        assert row["low"] <= row["saved"] <= row["high"]
        loss = row["baseline_mean"] - row["joint_mean"]
        assert row["saved"] == pytest.approx(loss, rel=0.01, abs=1)
        assert row["baseline_mean"] == plans[row["baseline"]]["on_twin"][row["figure"]]
    assert set(rows[-1]["saved"]) == set(plans) - {"joint"}
