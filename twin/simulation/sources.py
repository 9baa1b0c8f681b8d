"""Where jobs come from: orders at their release, parts from sources."""

from __future__ import annotations

from twin.behaviour.randomness import Stream
from twin.model.horizon import Horizon
from twin.model.network import Source as Facts
from twin.model.orders import WorkOrder
from twin.model.snapshot import SourceSnapshot
from twin.simulation.clock import NEVER, duration, minutes, to_tick
from twin.simulation.floor import Floor
from twin.simulation.jobs import Job
from twin.simulation.shop import Shop, round_mg


class Releases:
    """Orders that may start at their release date; those released earlier, at the beginning."""

    def __init__(self, floor: Floor, shop: Shop, orders: list[tuple[int, int, list[Job]]]) -> None:
        self._floor = floor
        self._shop = shop
        self._todo = sorted(orders, key=lambda row: row[:2], reverse=True)
        """(release, place in the order book, its jobs), the next one last."""
        self._timer = floor.timer("release", 0, self._release)
        self._set_timer()

    @property
    def to_come(self) -> list[Job]:
        """Jobs that are not yet released."""
        return [job for _, _, jobs in self._todo for job in jobs]

    def _release(self) -> None:
        while self._todo and self._todo[-1][0] <= self._floor.now:
            jobs = self._todo.pop()[2]
            self._shop.release(jobs, jobs[0].order.quantity)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._todo:
            self._timer.set(self._todo[-1][0])


class Source:
    """Parts of one product: one after the other at random, or always one waiting."""

    def __init__(self, floor: Floor, shop: Shop, index: int, facts: Facts, orders: int) -> None:
        plant = floor.plant
        self._floor = floor
        self._shop = shop
        self._facts = facts
        self._origin = orders + index
        self._product = plant.product_index[facts.product]
        start = plant.horizon.start
        self._order = WorkOrder(facts.id, facts.product, facts.quantity, start, start)
        self._luck: Stream = floor.luck.stream(facts.id, "time between")
        self._parts = 0
        self._draws = 0
        self._waiting: Job | None = None
        self._timer = floor.timer("source", index, self._bring)
        first = to_tick(facts.start)
        self._timer.set(first if facts.time_between is None else first + self._time_between())

    def snapshot(self) -> SourceSnapshot:
        """As it stands between two instants."""
        due = self._timer.due
        return SourceSnapshot(self._parts, None if due >= NEVER else due - self._floor.now)

    def take_up(self, seen: SourceSnapshot) -> None:
        """Go on from where a snapshot was taken."""
        self._parts = seen.parts
        self._draws = 0 if self._facts.time_between is None else seen.parts + 1
        if seen.next is None:
            self._timer.cancel()
        else:
            self._timer.set(seen.next)
        of_mine = [job for job in self._shop.jobs if job.origin == self._origin]
        if self._facts.time_between is None and of_mine and of_mine[-1].is_waiting:
            self._waiting = of_mine[-1]

    def taken(self, job: Job) -> None:
        """A part has been taken; a saturated source has the next."""
        if job is self._waiting:
            self._release_part()

    def _bring(self) -> None:
        self._release_part()
        if self._facts.time_between is not None and not self._is_over():
            self._timer.set(self._floor.now + self._time_between())

    def _time_between(self) -> int:
        law = self._facts.time_between
        assert law is not None
        self._draws += 1
        return duration(law.quantile(self._luck.uniform(self._draws - 1)))

    def _is_over(self) -> bool:
        return self._facts.limit is not None and self._parts >= self._facts.limit

    def _release_part(self) -> None:
        self._waiting = None
        if self._is_over():
            return
        due = minutes(self._floor.now + to_tick(self._facts.due_after))
        job = new_job(self._shop, self._order, self._origin, self._parts, due, self._facts.quantity)
        self._parts += 1
        if self._facts.time_between is None:
            self._waiting = job
        self._shop.release([job], job.quantity)


def new_job(
    shop: Shop, order: WorkOrder, origin: int, serial: int, due: float, quantity: int
) -> Job:
    """The next job of the shop."""
    plant = shop.plant
    product = plant.product_index[order.product]
    mass_mg = round_mg(quantity * plant.plant.products[product].piece_mass_g * 1000)
    job = Job(
        number=len(shop.jobs),
        order=order,
        origin=origin,
        serial=serial,
        product=product,
        route=plant.routes[product],
        due=due,
        quantity=quantity,
        mass_mg=mass_mg,
        visits=[0] * len(plant.routes[product]),
        pieces=quantity,
    )
    shop.add(job)
    return job


def due_minutes(order: WorkOrder, horizon: Horizon) -> float:
    """Due date of an order, of whole ticks as that of a part: alike wherever the horizon begins."""
    return minutes(to_tick(horizon.to_minutes(order.due_date)))


def order_jobs(shop: Shop, order: WorkOrder, origin: int) -> list[Job]:
    """The jobs of a work order: the whole order, containers or single pieces, as they move."""
    plant = shop.plant
    product = plant.plant.products[plant.product_index[order.product]]
    whole = max(order.quantity, 1)
    size = {"order": whole, "lot": product.lot_size, "piece": 1}[product.moves_by]
    due = due_minutes(order, plant.horizon)
    sizes = [min(size, order.quantity - n) for n in range(0, whole, size)]
    return [new_job(shop, order, origin, n, due, pieces) for n, pieces in enumerate(sizes)]
