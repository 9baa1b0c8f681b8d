"""Writing a plan into Tryton, in steps that may be cut off anywhere and are gone through again.

Each step is one transaction of Tryton for some orders, and noted in the outbox before it and
confirmed after. When Tryton refuses a transaction it is split, so that one bad order stops no
other. Records are asked for with the time of their last save: what somebody saved meanwhile is
read and judged once more, and then written or left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from twin.erp.signature import PlanToPublish, Remembered, Written
from twin.erp.tryton_memory import Memory, Note, memory_of, record_of
from twin.erp.tryton_orders import Names
from twin.erp.tryton_read import Production, Scope, Work, productions_of
from twin.erp.tryton_rpc import Refusal, Session, Stale
from twin.erp.tryton_rules import Decision, Step, Wish, decide, wishes_of
from twin.errors import PublishRefused, did_you_mean

BATCH = 25
"""Orders in one transaction: few calls, and little to split when one is refused."""


@dataclass(frozen=True)
class Planned:
    """One order on its way: what the plan wishes, what Tryton holds, what is to be done."""

    wish: Wish
    production: Production
    memory: Memory
    decision: Decision

    @property
    def record(self) -> str:
        return record_of(self.wish.order)


_Send = Callable[[Sequence[Planned]], None]


@dataclass
class Publication:
    """One publishing of a plan's orders; :meth:`written` says what came of it."""

    session: Session
    scope: Scope
    names: Names
    remembered: Remembered
    frozen: tuple[datetime, datetime] | None
    """From when until when a start in the last plan stands."""
    release_until: datetime | None
    _written: set[str] = field(default_factory=set)
    _unchanged: set[str] = field(default_factory=set)
    _untouched: dict[str, str] = field(default_factory=dict)
    _refused: dict[str, str] = field(default_factory=dict)

    def judge_plan(self, plan: PlanToPublish) -> list[Planned]:
        """Read what Tryton holds of the plan's orders, and decide."""
        wishes = wishes_of(plan)
        for order in plan.orders:
            if order.id not in wishes:
                self._untouched[order.id] = "has no place in the plan"
        return self.judge(wishes.values())

    def judge(self, wishes: Iterable[Wish]) -> list[Planned]:
        """Read what Tryton holds of these orders, and decide."""
        wished = {wish.order: wish for wish in wishes}
        found: dict[str, list[Production]] = {order: [] for order in wished}
        for production in productions_of(self.session, self.scope, self.names.order_id, wished):
            found[self.names.order(production)].append(production)
        planned = []
        for order, productions in found.items():
            alive = [p for p in productions if p.state not in ("done", "cancelled")]
            if len(alive) > 1:
                records = ", ".join(str(p.id) for p in alive)
                twice = f"Tryton has {len(alive)} productions of this {self.names.order_id}"
                self._refused[order] = f"{twice} (records {records})"
            elif not productions:
                self._refused[order] = f"Tryton has no production of this {self.names.order_id}"
            else:
                planned.append(self._planned(wished[order], (alive or productions)[-1]))
        return planned

    def preview(self, planned: Sequence[Planned]) -> None:
        """Count what would be done."""
        for one in planned:
            if one.decision.step is Step.LEAVE:
                self._untouched[one.wish.order] = one.decision.reason
            elif one.decision.step is Step.KEEP or self._is_assigned(one):
                self._unchanged.add(one.wish.order)
            elif one.wish.order not in self._refused:
                self._written.add(one.wish.order)

    def write(self, planned: Sequence[Planned]) -> None:
        """Go through the steps: dates while in draft, then release, then work centres."""
        self._settle(planned)
        self._write_dates(_of(planned, Step.DATES, Step.DATES_AND_RELEASE))
        released = self._release(_of(planned, Step.RELEASE, Step.DATES_AND_RELEASE))
        self._assign([*released, *_of(planned, Step.ASSIGN)])

    def refuse(self, what: str, refusal: Refusal) -> None:
        """Count something that is no order, as a file, among what was refused."""
        self._refused[what] = str(refusal)

    def check_taken(self, target: str) -> None:
        """Refuse a publishing of which Tryton took nothing at all."""
        if self._refused and not (self._written or self._unchanged or self._untouched):
            some = [f"{order}: {reason}" for order, reason in list(self._refused.items())[:5]]
            more = len(self._refused) - len(some)
            lines = [*some, f"and {more} more"] if more else some
            raise PublishRefused("\n".join(f"{target}: {line}" for line in lines))

    def written(self, target: str, files: Sequence[str]) -> Written:
        """What was done, order by order; a refused one does not count as written."""
        written = self._written - self._refused.keys()
        unchanged = self._unchanged - written - self._refused.keys()
        return Written(
            target, len(written), len(unchanged), self._untouched, self._refused, tuple(files)
        )

    def _planned(self, wish: Wish, production: Production) -> Planned:
        memory = memory_of(production, wish.order, self.remembered)
        decision = decide(
            wish, production, memory, self.names,
            frozen=self.frozen, release_until=self.release_until,
        )  # fmt: skip
        return Planned(wish, production, memory, decision)

    def _again(self, planned: Iterable[Planned]) -> list[Planned]:
        """The same orders as Tryton holds them now; those with nothing left to do are settled."""
        found = self.judge(one.wish for one in planned)
        self._settle(one for one in found if one.wish.order not in self._written)
        return found

    def _settle(self, planned: Iterable[Planned]) -> None:
        """Name what is left alone, and remember what holds the plan."""
        for one in planned:
            if one.decision.step is Step.LEAVE:
                self._untouched[one.wish.order] = one.decision.reason
            elif one.decision.step is Step.KEEP:
                self._note(one)
                self._confirm(one)
                self._unchanged.add(one.wish.order)

    def _note(self, one: Planned, *, released: bool = False) -> None:
        """Say what is about to be written, unless just that is remembered already."""
        note = Note(
            dates=one.wish.dates,
            wished=one.memory.wished(one.production),
            first_minute=one.wish.first_minute,
            entered=one.production.entered,
            released=released or (one.memory.last is not None and one.memory.last.released),
        )
        if one.memory.notes[:1] != [note]:
            self.remembered.note(one.record, note.as_values())

    def _confirm(self, one: Planned) -> None:
        if self.remembered.intended(one.record) is not None:
            self.remembered.confirm(one.record)

    def _write_dates(self, planned: Sequence[Planned]) -> None:
        """Write the planned dates of drafts."""

        def write(some: Sequence[Planned]) -> None:
            for one in some:
                self._note(one)
            pairs: list[object] = []
            for one in some:
                values = zip(("planned_start_date", "planned_date"), one.wish.dates, strict=True)
                pairs += [[one.production.id], dict(values)]
            self._call("model.production.write", pairs, some)
            for one in some:
                self._confirm(one)
                self._written.add(one.wish.order)

        self._in_batches(write, planned)

    def _release(self, planned: Sequence[Planned]) -> list[Planned]:
        """Take orders to *waiting*; returns them with the works that Tryton has made."""

        def wait(some: Sequence[Planned]) -> None:
            for one in some:
                self._note(one, released=True)
            self._call("model.production.wait", [[one.production.id for one in some]], some)
            self._written.update(one.wish.order for one in some)

        ready = _of(self._again(planned), Step.RELEASE)
        self._in_batches(wait, ready)
        return _of(self._again(ready), Step.ASSIGN)

    def _assign(self, planned: Sequence[Planned]) -> None:
        """Put the works of released orders on their work centres."""

        def assign(some: Sequence[Planned]) -> None:
            moves = [move for one in some for move in self._moves(one)]
            if moves:
                pairs = [x for work, id in moves for x in ([work.id], {"work_center": id})]
                stamps = {f"production.work,{work.id}": work.timestamp for work, _ in moves}
                self.session.call("model.production.work.write", *pairs, _timestamp=stamps)
            for one in some:
                self._confirm(one)
                (self._written if self._moves(one) else self._unchanged).add(one.wish.order)
                if chosen := [w.operation for w in one.production.works if self._is_edited(w)]:
                    found = f"work centre of {', '.join(chosen)} chosen by a user"
                    self._untouched[one.wish.order] = found

        self._in_batches(assign, planned)

    def _is_edited(self, work: Work) -> bool:
        return work.last_user != self.session.user_id

    def _is_assigned(self, one: Planned) -> bool:
        try:
            return one.decision.step is Step.ASSIGN and not self._moves(one)
        except Refusal as refusal:
            self._refused[one.wish.order] = str(refusal)
            return False

    def _moves(self, one: Planned) -> list[tuple[Work, int]]:
        """Works of an order that are on another work centre than planned, and its record.

        A work that somebody else has saved, or that has begun, stays where it is.

        Raises
        ------
        Refusal
            When an operation comes twice, or a work unit is no work centre of Tryton.
        """
        found = []
        operations = [self.names.operation(work.operation) for work in one.production.works]
        for work, operation in zip(one.production.works, operations, strict=True):
            unit = one.wish.work_units.get(operation)
            is_free = work.state == "request" and not self._is_edited(work)
            if unit is None or not is_free or self.names.work_unit(work.work_center) == unit:
                continue
            if operations.count(operation) > 1:
                raise Refusal(f"released; operation {operation} comes twice, assign it by hand")
            if unit not in self._centers:
                hint = did_you_mean(unit, self._centers)
                raise Refusal(f"released; Tryton has no work centre for work unit {unit}; {hint}")
            found.append((work, self._centers[unit]))
        return found

    @cached_property
    def _centers(self) -> dict[str, int]:
        """Record of the work centre for each work unit."""
        domain = [*self.scope.domain, ["category", "!=", None]]
        rows = self.session.all("production.work.center", domain, ["name"])
        return {self.names.work_unit(row["name"]): row["id"] for row in rows}

    def _call(self, method: str, arguments: Sequence[object], some: Sequence[Planned]) -> None:
        stamps = {f"production,{one.production.id}": one.production.timestamp for one in some}
        self.session.call(method, *arguments, _timestamp=stamps)

    def _in_batches(self, step: _Send, planned: Sequence[Planned]) -> None:
        for i in range(0, len(planned), BATCH):
            self._attempt(step, planned[i : i + BATCH])

    def _attempt(
        self,
        step: _Send,
        some: Sequence[Planned],
        *,
        is_second: bool = False,
    ) -> None:
        """Take a step with some orders; when refused, with each half, and at last with one."""
        try:
            step(some)
        except Refusal as refusal:
            if len(some) > 1:
                middle = len(some) // 2
                self._attempt(step, some[:middle])
                self._attempt(step, some[middle:])
            elif isinstance(refusal, Stale) and not is_second:
                for one in self._again(some):
                    if one.decision.step is some[0].decision.step:
                        self._attempt(step, [one], is_second=True)
            else:
                self._refused[some[0].wish.order] = str(refusal)


def _of(planned: Iterable[Planned], *steps: Step) -> list[Planned]:
    return [one for one in planned if one.decision.step in steps]
