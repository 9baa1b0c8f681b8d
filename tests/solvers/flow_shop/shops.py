"""Small flow shops drawn at random, solved by trying everything, and written as files."""

import math
import random
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

from solvers.flow_shop.problem import SLOT_HOURS, FlowShop, Starts, objective


def drawn_shop(
    seed: int, jobs: int = 3, machines: int = 2, slots: int = 9, *, lowest_price: float = 5.0
) -> FlowShop:
    """A shop with some operations of no length, and sun in the middle of the horizon."""
    luck = random.Random(f"{seed}/flow shop tests")

    def profile() -> tuple[float, ...]:
        shortest = 1 if machines == 1 else 0
        return tuple(float(luck.randint(50, 900)) for _ in range(luck.randint(shortest, 2)))

    power = tuple(tuple(profile() for _ in range(machines)) for _ in range(jobs))
    noon = (slots - 1) / 2
    sun = tuple(luck.random() * max(0.0, 900 - 400 * abs(t - noon)) for t in range(slots))
    carbon = tuple(luck.uniform(20, 100) for _ in range(slots))
    price = tuple(luck.uniform(lowest_price, 100) for _ in range(slots))
    return FlowShop(f"drawn {seed}", power, sun, (), carbon, price).charged_for_carbon()


def all_plans(shop: FlowShop) -> Iterator[tuple[tuple[int, ...], Starts]]:
    """Every order with every choice of starts that fits."""
    for order in permutations(range(shop.jobs)):
        for rows in _placements(shop, order, [0] * shop.machines):
            by_job = dict(zip(order, rows, strict=True))
            yield order, tuple(by_job[job] for job in range(shop.jobs))


def _placements(
    shop: FlowShop, order: tuple[int, ...], free: list[int]
) -> Iterator[tuple[tuple[int, ...], ...]]:
    if not order:
        yield ()
        return
    times = shop.processing_time[order[0]]
    for row in _rows(times, free, 0, shop.slots):
        ends = [start + time for start, time in zip(row, times, strict=True)]
        for rest in _placements(shop, order[1:], ends):
            yield (row, *rest)


def _rows(
    times: tuple[int, ...], free: list[int], earliest: int, slots: int
) -> Iterator[tuple[int, ...]]:
    """Starts of one job, machine by machine."""
    if not times:
        yield ()
        return
    for start in range(max(earliest, free[0]), slots - sum(times) + 1):
        for rest in _rows(times[1:], free[1:], start + times[0], slots):
            yield (start, *rest)


def least_objective(shop: FlowShop) -> float:
    """By trying every plan; infinite if none fits."""
    return min((objective(shop, starts) for _, starts in all_plans(shop)), default=math.inf)


def write(shop: FlowShop, path: Path, days: int = 1) -> Path:
    """The shop in the benchmark's format; its series are filled up to whole days."""
    operations = [
        ([] if shop.machines == 1 else [job, machine], profile)
        for job, row in enumerate(shop.power)
        for machine, profile in enumerate(row)
    ]
    length = sum(len(profile) for _, profile in operations)
    missing = 96 * days - shop.slots
    lines: list[list[float]] = [[shop.machines, days, shop.jobs, length, 0]]
    lines += [[*place, *profile] for place, profile in operations]
    lines.append([*shop.generation, *[0.0] * missing])
    carbon = [rate / SLOT_HOURS for rate in shop.rate]
    lines += [[*carbon, *[1000.0] * missing], [*shop.price, *[1000.0] * missing]]
    text = "\r\n".join(",".join(map(repr, line)) for line in lines)
    path.write_text(text + "\r\n", encoding="utf-8")
    return path
