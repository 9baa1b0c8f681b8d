"""``noria simulate --draws``: figures with two half-widths, by chance and by the inputs."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scenarios import cli
from scenarios.input_uncertainty import EACH
from scenarios.simulate import Effort, Simulated, simulate_question
from scenarios.simulate_inputs import Question, read_question
from scenarios.simulate_text import simulation_text
from tests.slow_plants import slowed
from twin.accounting.indicators import Key

LINE = Path(__file__).resolve().parents[2] / "data" / "plants" / "line.yaml"
THROUGHPUT = Key("plant", "", "throughput_per_h")


def silent(step: str, done: int, total: int) -> None:
    """Tell nobody."""


@pytest.fixture(scope="module")
def question() -> Question:
    arguments = ["simulate", str(LINE), "--days", "1", "--seed", "1"]
    return read_question(cli.parser().parse_args(arguments), silent)


def simulated(question: Question, factors: Sequence[float], **changes: Any) -> Simulated:
    plant = question.experiment.plant.plant
    asked = replace(question, draws=lambda count: [slowed(plant, f) for f in factors[:count]])
    effort = Effort(replications=8, draws=len(factors), engine="auto", **changes)
    done = simulate_question(asked, effort, warm_up=0.0, progress=silent)
    assert done is not None
    return done


def test_uncertain_times_make_throughput_uncertain(question: Question) -> None:
    widely = simulated(question, [0.8, 0.9, 1.0, 1.1, 1.2]).inputs[THROUGHPUT]
    closely = simulated(question, [0.98, 0.99, 1.0, 1.01, 1.02]).inputs[THROUGHPUT]
    assert widely.inputs > 3 * closely.inputs
    assert widely.simulation == closely.simulation
    assert widely.draws == 5
    # Throughput is about in proportion to speed: sd 0.16 of it, Student's t with 4 degrees 2.13.
    assert widely.inputs == pytest.approx(2.13 * 0.16 * widely.mean, rel=0.3)


def test_the_best_estimate_stays_as_it_is(question: Question) -> None:
    done = simulated(question, [0.5, 2.0])
    plain = simulated(question, [])
    assert done.report.figures == plain.report.figures
    assert not plain.inputs


def test_both_widths_are_told(question: Question) -> None:
    done = simulated(question, [0.9, 1.0, 1.1])
    text = simulation_text(done)
    assert "± by chance" in text
    assert "± by inputs" in text
    assert "3 plants drawn" in text
    content = json.loads(json.dumps(done.to_dict()))
    figure = content["figures"]["plant"]["throughput_per_h"]
    widths = done.inputs[THROUGHPUT]
    assert figure["half_width_by_chance"] == pytest.approx(widths.simulation)
    assert figure["half_width_by_inputs"] == pytest.approx(widths.inputs)
    assert figure["half_width"] == pytest.approx(widths.both)
    assert content["input_draws"] == {"plants": 3, "replications_each": EACH}


def test_without_draws_nothing_is_said_of_inputs(question: Question) -> None:
    done = simulated(question, [])
    assert "by inputs" not in simulation_text(done)
    assert done.to_dict()["input_draws"] == {"plants": 0, "replications_each": 0}
    assert "half_width_by_inputs" not in done.to_dict()["figures"]["plant"]["throughput_per_h"]


def test_stopped_in_between_is_said(question: Question) -> None:
    calls = 0

    def cancelled() -> bool:
        nonlocal calls
        calls += 1
        return calls > 3

    plant = question.experiment.plant.plant
    asked = replace(question, draws=lambda count: [plant] * count)
    done = simulate_question(
        asked, Effort(replications=1, draws=4, workers=1), warm_up=0.0, progress=silent,
        cancelled=cancelled,
    )  # fmt: skip
    assert done is not None
    assert "plants were drawn" in done.shortfall


def test_a_plant_file_has_no_calibration_to_draw_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", str(LINE), "--days", "1", "--draws", "5", "--quiet"]) == 2
    found = capsys.readouterr().err
    assert "--draws" in found
    assert "configuration" in found


def test_a_configuration_is_drawn_from_by_itself(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["simulate", str(shop / "replan.yaml"), "--replications", "4", "--json", "--quiet"]
    assert cli.main([*arguments, "--draws", "3"]) == 0
    drawn = json.loads(capsys.readouterr().out)
    assert drawn["input_draws"]["plants"] == 3
    assert cli.main([*arguments, "--draws", "0"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["input_draws"]["plants"] == 0
    figures = [found["figures"]["plant"]["energy_kwh"] for found in (drawn, plain)]
    assert figures[0]["mean"] == figures[1]["mean"]
    assert figures[0]["half_width_by_inputs"] >= 0
