"""The work in hand: the lots of a job on a work unit, or of several jobs worked as one lot."""

from __future__ import annotations

from dataclasses import dataclass

from twin.behaviour.scrap import scrap_reason, scrapped_pieces
from twin.model.network import Inspection, Spread
from twin.model.plant import by_product
from twin.model.snapshot import UnitSnapshot
from twin.simulation.floor import Floor
from twin.simulation.jobs import Job
from twin.simulation.lots import Lot, as_one_lot, remaining_lots


@dataclass(frozen=True)
class Course:
    """How a batch is worked on a work unit."""

    lots: list[Lot]
    spread: Spread
    cv: float
    varies: bool
    """Whether the time of a lot is a matter of luck."""
    is_load: bool
    """Whether all jobs worked together are one lot."""


class Bench:
    """What is the same for all work of a work unit: how it scraps, spoils and inspects."""

    def __init__(self, floor: Floor, unit: int) -> None:
        facts = floor.plant.plant.work_units[unit]
        products = floor.plant.plant.products
        self.floor = floor
        self.unit = unit
        self.scrap: list[float] = floor.plant.scrap[unit].tolist()
        self.reasons = tuple(facts.scrap_reasons.values())
        self.defects = [by_product(facts.defects, product) or 0.0 for product in products]
        self.inspects = facts.inspects
        self.inspection = facts.inspection
        self._courses: dict[tuple[int, int, int], Course] = {}

    def course(self, operation: int, product: int, pieces: int, done: float) -> Course:
        """What is to be worked of a batch of which a share is done."""
        key = (operation, product, pieces)
        known = self._courses.get(key)
        if known is not None and done == 0:
            return known
        plant = self.floor.plant
        lots, row = plant.lots(self.unit, *key), plant.rows[self.unit, operation, product]
        is_load, varies = row.load is not None, row.cv > 0 or row.spread == "exponential"
        if is_load:
            lots = as_one_lot(lots, pieces)
        course = Course(remaining_lots(lots, done), row.spread, row.cv, varies, is_load)
        if done == 0:
            self._courses[key] = course
        return course


class Work:
    """The work on a job (or a load) that has begun, until the last lot has ended."""

    is_open = False
    """A lot has started and not ended."""
    ticks = 0
    """Full time of the lot that is open."""

    def __init__(self, bench: Bench, jobs: tuple[Job, ...], done: float) -> None:
        first = jobs[0]
        self.jobs = jobs
        self.pieces = first.pieces
        """Of the first job, as the work begins."""
        self._bench = bench
        self._floor = bench.floor
        self._course = course = bench.course(first.operation, first.product, first.pieces, done)
        self._lots = course.lots
        self.lots_left = len(course.lots)
        """Lots still to be started."""

    @staticmethod
    def resumed(bench: Bench, jobs: tuple[Job, ...], seen: UnitSnapshot) -> Work:
        """Work that had come some way when a snapshot was taken."""
        first, left = jobs[0], jobs[0].pieces
        first.pieces = seen.pieces
        work = Work(bench, jobs, seen.done)
        first.pieces = left
        work.lots_left = sum(lot.number >= seen.lot for lot in work._lots) - seen.lot_is_open
        work.ticks, work.is_open = seen.whole, seen.lot_is_open
        return work

    @property
    def lot(self) -> int:
        """Number of the lot that is open, or of the next one."""
        at = len(self._lots) - self.lots_left - self.is_open
        return self._lots[at].number if at < len(self._lots) else self._lots[-1].number + 1

    def start_lot(self) -> int:
        """The next lot starts; returns how long it will take [tick]."""
        lot, course, floor = self._lots[-self.lots_left], self._course, self._floor
        self.lots_left -= 1
        self.is_open = True
        u = 0.5
        if course.varies:
            u = floor.job_luck.uniform(self.jobs[0], "lot time", lot.number)
        self.ticks = ticks = lot.ticks(course.spread, course.cv, u)
        if floor.record is not None:
            for job in self.jobs:
                pieces = job.pieces if course.is_load else lot.pieces
                floor.record.start(floor.now, self._bench.unit, job, lot.number, pieces)
        return ticks

    def end_lot(self) -> None:
        """The lot that is open is done, some of its pieces are scrap, some defective unseen."""
        bench, record, lot = self._bench, self._floor.record, self._close_lot()
        number, is_load = lot.number, self._course.is_load
        for job in self.jobs:
            good, scrap, reason = job.pieces if is_load else lot.pieces, 0, -1
            if bench.scrap[job.product] > 0:
                scrap, reason = self._scrap(job, good, number)
                good -= scrap
            self._log_end(job, number, good, scrap, reason)
            if bench.inspects and record is not None:
                record.verdict(self._floor.now, bench.unit, job, number, good, scrap, reason)
            if bench.defects[job.product] > 0:
                self._spoil(job, good, number)

    def scrap_lot(self, reason: int) -> None:
        """A failure has spoilt the lot that is open."""
        lot = self._close_lot()
        for job in self.jobs:
            pieces = job.pieces if self._course.is_load else lot.pieces
            self._log_end(job, lot.number, 0, pieces, reason)

    def inspect(self) -> None:
        """The last lot has ended: where finished work is inspected, it is now, job by job."""
        if self._bench.inspection is not None:
            for job in self.jobs:
                self._inspect(job, self._bench.inspection)

    def _close_lot(self) -> Lot:
        lot = self._lots[-self.lots_left - 1]
        self.is_open = False
        self._floor.tally.planned_minutes[self._bench.unit] += lot.whole_minutes
        return lot

    def _scrap(self, job: Job, pieces: int, lot: int) -> tuple[int, int]:
        """How many pieces of a lot are scrap, and why."""
        bench, luck = self._bench, self._floor.job_luck
        u = luck.uniform(job, "lot scrap", lot)
        scrap = scrapped_pieces(pieces, bench.scrap[job.product], u)
        if scrap == 0:
            return 0, -1
        return scrap, scrap_reason(bench.reasons, luck.uniform(job, "scrap reason", lot))

    def _spoil(self, job: Job, good: int, lot: int) -> None:
        """Some of the good pieces of a lot are defective, and nobody sees it."""
        u = self._floor.job_luck.uniform(job, "defect", lot)
        job.defective += scrapped_pieces(good, self._bench.defects[job.product], u)
        job.defective = min(job.defective, job.pieces)

    def _log_end(self, job: Job, lot: int, good: int, scrap: int, reason: int) -> None:
        floor, unit = self._floor, self._bench.unit
        tally = floor.tally
        if floor.record is not None:
            floor.record.end(floor.now, unit, job, lot, good, scrap, reason)
        tally.unit_good[unit] += good
        if scrap > 0:
            tally.unit_scrap[unit] += scrap
            self._lose(job, scrap)

    def _inspect(self, job: Job, inspection: Inspection) -> None:
        """Defective pieces are found, or not; good ones fail by mistake, or not."""
        luck = self._floor.job_luck
        found = scrapped_pieces(job.defective, inspection.sensitivity, luck.uniform(job, "found"))
        alarms = scrapped_pieces(
            job.pieces - job.defective,
            1 - inspection.specificity,
            luck.uniform(job, "false alarm"),
        )
        failed = found + alarms
        record, unit = self._floor.record, self._bench.unit
        if record is not None:
            record.verdict(self._floor.now, unit, job, -1, job.pieces - failed, failed, -1)
        job.defective -= found
        if failed and inspection.rework_to is not None and job.visit + 1 < inspection.passes:
            operation = self._floor.plant.operation_index[inspection.rework_to]
            job.sent_back_to = self._floor.plant.routes[job.product].index(operation)
        else:
            self._lose(job, failed)

    def _lose(self, job: Job, pieces: int) -> None:
        job.pieces -= pieces
        job.defective = min(job.defective, job.pieces)
        self._floor.tally.scrap(job.product, job.origin, pieces)
