"""``noria erp``: what an ERP holds for the plant, and what publishing a plan would write."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from scenarios.answer import Answer
from twin.erp.settings import AnyErp
from twin.errors import Fault, InputError, did_you_mean
from twin.model.base import Frozen, load_yaml
from twin.secrets import Keyring

if TYPE_CHECKING:
    from scenarios.run import Progress
    from twin.erp.signature import Written
    from twin.erp.tryton import TrytonErp
    from twin.erp.tryton_catalogue import Catalogue
    from twin.erp.tryton_orders import Reading
    from twin.model.plant import Plant

PARTLY = 7
SHOWN = 20
"""Orders named in the text; ``--json`` has them all."""


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, Mapping) else value


class ErpConfig(Frozen):
    """The part of a nightly job's configuration that this command reads; ``erp`` alone will do."""

    model_config = ConfigDict(extra="ignore")

    erp: Annotated[tuple[AnyErp, ...], BeforeValidator(_as_list), Field(min_length=1)]
    plant: Path | None = None
    archive: Path = Path("runs")


def erp(options: Namespace, progress: Progress) -> Answer:
    """Say what is in the ERP; with a run, what publishing it would write."""
    config = load_yaml(options.config, ErpConfig)
    folder = options.config.parent
    keyring = Keyring(os.environ, folder)
    chosen = _chosen(config, options.name)
    located = chosen.located(folder)
    progress("ask the ERP", 0, 1)
    if options.compare:
        return _comparison(located, options.compare, folder / config.archive, keyring)
    if not located.reads:
        fault = Fault("erp", f"{located.name} only takes plans", "name another, or --compare RUN")
        raise InputError(str(options.config), [fault])
    if located.kind != "tryton":
        fault = Fault("erp", f"kind {located.kind} is read by noria replan alone", "see its files")
        raise InputError(str(options.config), [fault])
    return _contents(located, config.plant and folder / config.plant, options.out, keyring)


def _chosen(config: ErpConfig, name: str | None) -> AnyErp:
    by_name = {erp.name: erp for erp in config.erp}
    if name is None:
        return next((erp for erp in config.erp if erp.reads), config.erp[0])
    if name not in by_name:
        raise InputError("--name", [Fault("", f'no erp "{name}"', did_you_mean(name, by_name))])
    return by_name[name]


def _contents(
    source: TrytonErp, plant_path: Path | None, out: Path | None, keyring: Keyring
) -> Answer:
    from scenarios.erp_skeleton import left_out, skeleton_of, without_gaps
    from twin.model.plant import load_plant

    found = source.catalogue(keyring)
    content = skeleton_of(found)
    plant = None
    if plant_path is not None:
        plant = load_plant(plant_path)
    elif content["products"]:
        plant = without_gaps(content)
    reading = source.survey(plant, keyring) if plant else None
    files = _write(out, source, content, found, reading) if out else []
    values = {
        "company": found.company,
        "products": [asdict(product) for product in found.products],
        "routings": dict(found.routings),
        "work_centers": [asdict(center) for center in found.work_centers],
        "cycle_minutes": [
            {"operation": o, "product": p, "work_center": c, "minutes_per_piece": round(v, 4)}
            for (o, p, c), v in found.cycle_minutes.items()
        ],
        "productions": dict(found.productions),
        "orders": [o.id for o in reading.orders] if reading else [],
        "cannot_be_planned": [str(fault) for fault in reading.faults.found] if reading else [],
        "products_left_out": left_out(found),
        "differences": _differences(source, found, plant) if plant_path and plant else [],
        "files": [str(path) for path in files],
    }
    return Answer(values, _text(source, found, reading, plant, values))


def _text(
    source: TrytonErp,
    found: Catalogue,
    reading: Reading | None,
    plant: Plant | None,
    values: Mapping[str, Any],
) -> str:
    states = ", ".join(f"{n} {state}" for state, n in sorted(found.productions.items())) or "none"
    lines = [
        f"{found.company} ({source.shown})",
        f"{len(found.products)} products are made, {len(found.routings)} routings, "
        f"{len(found.work_centers)} work centres",
        *(f"  routing {name}: {' > '.join(steps) or 'no steps'}" for name, steps in _some(found)),
        *(f"  {center.category}: {', '.join(names)}" for center, names in _alternatives(found)),
        _cycles_text(found),
        f"production orders: {states}",
    ]
    left_out = values["products_left_out"]
    lines += [f"  product {name} left out: {why}" for name, why in left_out.items()]
    lines += _cut([f"  differs: {difference}" for difference in values["differences"]])
    if plant and reading:
        lines.append(f"{len(reading.orders)} can be planned for plant {plant.id}")
        lines += _cut([f"  cannot: {fault}" for fault in reading.faults.found])
    else:
        lines.append("no product can be planned yet, so no order can")
    lines += [f"wrote {path}" for path in values["files"]]
    return "\n".join(lines)


def _differences(source: TrytonErp, found: Catalogue, plant: Plant) -> list[str]:
    """What the plant's description and the ERP call differently, or only one of them has."""
    names = source.names
    units = {unit.id for unit in plant.work_units}
    centers = {names.work_unit(center.name) for center in found.work_centers}
    operations = {operation.id for operation in plant.operations}
    known = {names.operation(name) for name in found.categories}
    lines = [
        f"{kind} {name} of the plant is none of the ERP's; {did_you_mean(name, theirs)}"
        for kind, ours, theirs in (
            ("work unit", units, centers),
            ("operation", operations, known),
        )
        for name in sorted(ours - theirs)
    ]
    lines += [
        f"work centre {name} is no work unit of the plant" for name in sorted(centers - units)
    ]
    made = {names.product(product.code): product for product in found.products}
    for product in plant.products:
        held = made.get(product.id)
        steps = [names.operation(o) for o in found.routings.get(held.routing, ())] if held else []
        route = plant.route_of(product)
        if held is None:
            lines.append(f"product {product.id} of the plant is not made in the ERP")
        elif steps and steps != route:
            lines.append(
                f"product {product.id} goes {' > '.join(route)} in the plant and "
                f"{' > '.join(steps)} in the ERP"
            )
    return lines


def _cycles_text(found: Catalogue) -> str:
    if not found.cycle_minutes:
        return "no cycle was ever recorded: cycle times have to come from elsewhere"
    operations = sorted({operation for operation, _, _ in found.cycle_minutes})
    return f"cycle times from recorded cycles for {', '.join(operations)}"


def _some(found: Catalogue) -> list[tuple[str, tuple[str, ...]]]:
    return list(found.routings.items())[:SHOWN]


def _alternatives(found: Catalogue) -> list[tuple[Any, list[str]]]:
    """One work centre of each category, and the names of all of it."""
    by_category: dict[str, list[Any]] = {}
    for center in found.work_centers:
        by_category.setdefault(center.category, []).append(center)
    return [(centers[0], [c.name for c in centers]) for centers in by_category.values()]


def _cut(lines: list[str]) -> list[str]:
    rest = len(lines) - SHOWN
    return [*lines[:SHOWN], f"  and {rest} more (--json has all)"] if rest > 0 else lines


def _write(
    out: Path,
    source: TrytonErp,
    content: Mapping[str, Any],
    found: Catalogue,
    reading: Reading | None,
) -> list[Path]:
    """Write what can be planned: orders, bill of material, and a plant to be completed."""
    from scenarios.erp_skeleton import skeleton_text
    from twin.connectors.csv_files import number_text, write_csv
    from twin.connectors.erp_files import write_orders
    from twin.connectors.whole_files import write_text

    plant, bom, orders = out / "plant.yaml", out / "bom.csv", out / "orders.csv"
    write_text(plant, skeleton_text(content, source.shown))
    rows = [(p.code, m) for p in found.products for m in p.materials]
    columns = {
        "product": [code for code, _ in rows],
        "material": [m.product for _, m in rows],
        "quantity": number_text(m.quantity for _, m in rows),
        "unit": [m.unit for _, m in rows],
    }
    write_csv(bom, columns)
    if reading is None:
        return [plant, bom]
    write_orders(reading.orders, orders)
    return [plant, bom, orders]


def _comparison(target: AnyErp, run_path: Path, archive: Path, keyring: Keyring) -> Answer:
    """What publishing an archived run would write; nothing is written."""
    from scenarios.archive import latest_run, load_run
    from scenarios.ledger import Ledger
    from scenarios.outbox import Outbox
    from scenarios.publication import plan_to_publish

    if not target.writes:
        fault = Fault("erp", f"{target.name} takes no plans", "name one that does")
        raise InputError("--compare", [fault])
    run = load_run(run_path) if (run_path / "plan.json").exists() else latest_run(run_path)
    remembered = Outbox(Ledger(archive)).memory(target.name)
    written = target.compare(plan_to_publish(run), remembered, keyring)
    values = {**asdict(written), "run": run.id}
    return Answer(values, _comparison_text(run.id, written), 0 if written.is_whole else PARTLY)


def _comparison_text(run: str, written: Written) -> str:
    lines = [
        f"run {run} into {written.target}: would write {written.written} orders, "
        f"{written.unchanged} hold it already",
        *(f"would replace {name}" for name in written.files),
    ]
    lines += _cut([f"  left alone: {o}: {why}" for o, why in written.untouched.items()])
    lines += _cut([f"  cannot: {o}: {why}" for o, why in written.refused.items()])
    return "\n".join(lines)
