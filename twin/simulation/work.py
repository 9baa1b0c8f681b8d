"""The work in hand: the lots of a job on a work unit, or of several jobs worked as one lot."""

from __future__ import annotations

from twin.behaviour.scrap import scrap_reason, scrapped_pieces
from twin.model.network import Inspection
from twin.model.plant import by_product
from twin.simulation.floor import Floor
from twin.simulation.jobs import Job
from twin.simulation.lots import Lot, as_one_lot, remaining_lots


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
        self._lots: dict[tuple[int, int, int], list[Lot]] = {}

    def lots(self, operation: int, product: int, pieces: int, done: float) -> list[Lot]:
        """What is to be worked of a batch of which a share is done."""
        key = (operation, product, pieces)
        if done > 0 or key not in self._lots:
            lots = self.floor.plant.lots(self.unit, *key)
            if self.floor.plant.rows[self.unit, operation, product].load is not None:
                lots = as_one_lot(lots, pieces)
            found = remaining_lots(lots, done)
            if done > 0:
                return found
            self._lots[key] = found
        return self._lots[key]


class Work:
    """The work on a job (or a load) that has begun, until the last lot has ended."""

    def __init__(self, bench: Bench, jobs: tuple[Job, ...], done: float) -> None:
        floor, first = bench.floor, jobs[0]
        operation = first.operation
        self.jobs = jobs
        self._is_load = len(jobs) > 1
        """Several jobs are one lot."""
        row = floor.plant.rows[bench.unit, operation, first.product]
        self.is_open = False
        """A lot has started and not ended."""
        self.ticks = 0
        """Full time of the lot that is open."""
        self._bench = bench
        self._floor = floor
        self._lots = bench.lots(operation, first.product, first.pieces, done)
        self.lots_left = len(self._lots)
        """Lots still to be started."""
        self._spread, self._cv = row.spread, row.cv

    def start_lot(self) -> int:
        """The next lot starts; returns how long it will take [tick]."""
        lot = self._lots[-self.lots_left]
        self.lots_left -= 1
        u, record = 0.5, self._floor.record
        if self._cv > 0 or self._spread == "exponential":
            u = self._floor.job_luck.uniform(self.jobs[0], "lot time", lot.number)
        self.ticks = lot.ticks(self._spread, self._cv, u)
        self.is_open = True
        if record is not None:
            for job in self.jobs:
                pieces = job.pieces if self._is_load else lot.pieces
                record.start(self._floor.now, self._bench.unit, job, lot.number, pieces)
        return self.ticks

    def end_lot(self) -> None:
        """The lot that is open is done, some of its pieces are scrap, some defective unseen."""
        lot = self._close_lot()
        for job in self.jobs:
            self._end_portion(job, job.pieces if self._is_load else lot.pieces, lot.number)

    def scrap_lot(self, reason: int) -> None:
        """A failure has spoilt the lot that is open."""
        lot = self._close_lot()
        for job in self.jobs:
            pieces = job.pieces if self._is_load else lot.pieces
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

    def _end_portion(self, job: Job, pieces: int, lot: int) -> None:
        bench, luck = self._bench, self._floor.job_luck
        share, reason, scrap = bench.scrap[job.product], -1, 0
        if share > 0:
            scrap = scrapped_pieces(pieces, share, luck.uniform(job, "lot scrap", lot))
        if scrap > 0:
            reason = scrap_reason(bench.reasons, luck.uniform(job, "scrap reason", lot))
        good = pieces - scrap
        self._log_end(job, lot, good, scrap, reason)
        if bench.inspects and self._floor.record is not None:
            now, unit = self._floor.now, bench.unit
            self._floor.record.verdict(now, unit, job, lot, good, scrap, reason)
        spoilt = bench.defects[job.product]
        if spoilt > 0:
            job.defective += scrapped_pieces(good, spoilt, luck.uniform(job, "defect", lot))
            job.defective = min(job.defective, job.pieces)

    def _log_end(self, job: Job, lot: int, good: int, scrap: int, reason: int) -> None:
        tally, record, unit = self._floor.tally, self._floor.record, self._bench.unit
        if record is not None:
            record.end(self._floor.now, unit, job, lot, good, scrap, reason)
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
