"""Every name in a plant file names something; one that does not is said with the nearest one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twin.errors import InputError
from twin.model.base import read_yaml
from twin.model.plant import Plant, checked

ALL = Path(__file__).parents[2] / "plants" / "all_features.yaml"
Change = Callable[[Any], object]


def faults_after(change: Change) -> list[str]:
    """Faults of the plant of all features after a change of its content, one a line."""
    content = read_yaml(ALL)
    change(content)
    try:
        checked(Plant.model_validate(content), "plant")
    except InputError as error:
        return [str(fault) for fault in error.faults]
    return []


def put(path: str, value: object) -> Change:
    """Set the key at a path such as ``work_units.0.setup.crew``."""

    def change(content: Any) -> None:
        *way, last = path.split(".")
        for step in way:
            content = content[int(step) if isinstance(content, list) else step]
        content[int(last) if isinstance(content, list) else last] = value

    return change


def add(path: str, value: object) -> Change:
    """Append to the list at a path."""

    def change(content: Any) -> None:
        for step in path.split("."):
            content = content[int(step) if isinstance(content, list) else step]
        content.append(value)

    return change


def test_the_plant_of_all_features_has_no_fault() -> None:
    assert faults_after(lambda content: None) == []


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        (put("timezone", "Europe/Pari"), "timezone", 'did you mean "Europe/Paris"'),
        (put("crews.0.calendar", "two shift"), "crews.0.calendar", 'no calendar "two shift"'),
        (put("work_units.0.failure_modes.0.crew", "repairs"), "work_units.0.failure_modes.0.crew",
         'no crew or skill "repairs"; did you mean "repair"?'),
        (put("work_units.0.failure_modes.0.people", 3), "work_units.0.failure_modes.0.crew",
         '3 people of "repair" are needed at once; the largest such crew has 2'),
        (put("work_units.0.failure_modes.0.spare", "spindle"), "work_units.0.failure_modes.0.spare",
         'no stock "spindle"; did you mean "spindles"?'),
        (put("work_units.0.failure_modes.2.common_cause", "water"),
         "work_units.0.failure_modes.2.common_cause", 'no common cause "water"; known: air'),
        (put("work_units.0.maintenance.0.crew", "mechanic"), "work_units.0.maintenance.0.crew",
         'did you mean "mechanics"?'),
        (put("work_units.0.maintenance.0.people", 4), "work_units.0.maintenance.0.crew",
         "4 people"),
        (put("work_units.0.maintenance.0.renews", ["spindel"]), "work_units.0.maintenance.0.renews",
         'no failure mode "spindel"; did you mean "spindle"?'),
        (put("work_units.0.maintenance.0.condition.mode", "spin"),
         "work_units.0.maintenance.0.condition.mode", 'no failure mode "spin"'),
        (put("work_units.0.maintenance.0.condition.mode", "tool"),
         "work_units.0.maintenance.0.condition.mode", 'failure mode "tool" has no degradation'),
        (put("work_units.0.setup.crew", "set"), "work_units.0.setup.crew", "no crew or skill"),
        (put("work_units.0.setup.times.wode", {}), "work_units.0.setup.times",
         'no bore "wode"; did you mean "wide"'),
        (put("work_units.0.setup.times.wide.narow", 1), "work_units.0.setup.times.wide",
         'no bore "narow"; did you mean "narrow"'),
        (put("work_units.0.processing.0.operators", "x"), "work_units.0.processing.0.operators",
         'no crew or skill "x"; known: assemblers, electricians'),
        (put("work_units.4.processing.0.people", 4), "work_units.4.processing.0.operators",
         "enlarge the crew or need fewer people"),
        (put("work_units.0.processing.0.time.huosing", 1), "work_units.0.processing.0.time",
         'no product or family "huosing"; did you mean "housing"?'),
        (put("work_units.0.defects", {"pipes": 0.1}), "work_units.0.defects", '"pipes"'),
        (put("work_units.0.area", "machine"), "work_units.0.area", 'did you mean "machining"?'),
        (put("work_units.2.inspection.rework_to", "rewrk"), "work_units.2.inspection.rework_to",
         'no operation "rewrk"; did you mean "rework"?'),
        (put("work_units.2.inspection.rework_to", "assemble"), "work_units.2.inspection.rework_to",
         '"assemble" is not in route of a housing of "housing", which passes here'),
        (put("operations.2.carriage.by", "truck"), "operations.2.carriage.by",
         'no transport "truck"; did you mean "trucks"?'),
        (put("operations.4.uses.motor", 1), "operations.4.uses", 'did you mean "motors"?'),
        (put("products.0.into", "housing"), "products.0.into", 'did you mean "housings"?'),
        (put("products.0.material", "steel"), "products.0.material", "known: castings"),
        (put("products.0.route", "no way"), "products.0.route", 'no route "no way"'),
        (put("sources.0.product", "hosing"), "sources.0.product", 'did you mean "housing"?'),
        (put("sources.0.id", "air"), "sources.0.id", '"air" is also a common cause'),
        (put("routes.0.branches.0.after", "tset"), "routes.0.branches.0.after",
         'no operation of route of a housing "tset"; did you mean "test"?'),
        (put("routes.0.branches.1.to", {"assemble": 1}), "routes.0.branches.1.to",
         "known: end, harden, rework, scrap, test, turn"),
        (add("routes.0.branches", {"after": "test", "to": {"end": 1}}), "routes.0.branches",
         '"test" appears twice; give an operation one branch'),
        (put("crews.1.skills", ["mechanics"]), "crews.1.skills",
         '"mechanics" is also the id of a crew without this skill; rename the skill, or give it'),
        (add("stocks", {"id": "motors"}), "stocks", '"motors" appears twice'),
        (add("transports", {"id": "trucks", "vehicles": 1}), "transports", "appears twice"),
        (add("common_causes", {"id": "air", "time_between": {"law": "constant", "value": 9}}),
         "common_causes", "appears twice"),
        (add("sources", {"id": "castings from the foundry", "product": "pump"}), "sources",
         "appears twice"),
        (add("operations", {"id": "re/test"}), "operations.5.id",
         '"re/test" ends in "/" and the id of another operation'),
        (add("areas", {"id": " "}), "areas.2.id", "empty"),
        (add("areas", {"id": "a\x1fb"}), "areas.2.id", "holds a control character"),
    ],
)  # fmt: skip
def test_a_name_of_nothing_is_the_only_fault(change: Change, where: str, words: str) -> None:
    found = [fault for fault in faults_after(change) if fault.startswith(f"{where}: ")]
    assert len(found) == 1
    assert words in found[0]


def test_faults_of_all_parts_come_in_one_message() -> None:
    def change(content: Any) -> None:
        put("operations.2.carriage.by", "truck")(content)
        put("stocks.0.reorder_point", None)(content)
        put("stocks.0.lead_time", None)(content)
        put("stocks.0.on_hand", 0)(content)
        put("work_units.0.maintenance.0.crew", "mechanic")(content)

    assert [fault.split(": ")[0] for fault in faults_after(change)] == [
        "operations.2.carriage.by", "work_units.0.maintenance.0.crew", "stocks.0",
    ]  # fmt: skip


def test_a_crew_may_have_the_skill_of_its_own_name_and_share_it() -> None:
    def change(content: Any) -> None:
        put("crews.0.skills", ["mechanics", "repair", "setting"])(content)
        put("crews.1.skills", ["mechanics", "repair"])(content)

    assert faults_after(change) == []


def test_two_sources_may_feed_one_operation() -> None:
    assert faults_after(add("sources", {"id": "more", "product": "housing"})) == []


def test_a_slash_in_an_operation_is_no_fault_by_itself() -> None:
    assert faults_after(add("operations", {"id": "cut/weld"})) == []


def test_setup_times_by_product_and_family_are_known_by_these() -> None:
    def by(name: str, before: str) -> list[str]:
        return faults_after(put("work_units.0.setup", {"by": name, "times": {before: {}}}))

    assert by("product", "pump") == by("family", "pumps") == []
    assert 'no product "pumps"; did you mean "pump"?' in by("product", "pumps")[0]
    assert 'no family "pump"; did you mean "pumps"?' in by("family", "pump")[0]
