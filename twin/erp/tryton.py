"""Tryton as the ERP: production orders come from it, dates and work centres go back.

Read this file to write a connector for another ERP. It has the settings a plant writes down, and
three methods: read the orders, compare a plan with what the ERP holds, publish it. Around it
``tryton_rpc`` speaks the protocol, ``tryton_read`` reads records, ``tryton_orders`` makes work
orders of them, ``tryton_rules`` decides what may be written and ``tryton_write`` writes.

The rules of publishing
-----------------------
* Tryton plans in *days*: a draft production gets the day of its first minute of work as planned
  start date and that of its last as planned date, on the plant's clock. The sequence within the
  day, with times and work units, is attached as a file, and so is the maintenance list.
* Only *drafts* get dates. Once waiting, assigned, running, done or cancelled, Tryton holds the
  dates fixed, and Noria leaves the production alone and says so. Effective dates are what
  happened; they are never written.
* What a *user* has changed since Noria last wrote stays as it is and is named, until the user
  enters Noria's dates again. So does what is *frozen*: planned, last night, to start soon.
* With ``release_within``, orders that start soon are released as well: dates, then *wait*, and then
  each of the works that Tryton has just made gets its work centre. An assigned work centre would
  not survive going back to draft, so a released order is not planned again.
* What was written is known by order and operation, never by the number of a record: going back to
  draft and forward makes new works.
* Noria says in the outbox what it is about to write, writes, and confirms. Killed anywhere between,
  the next run tells its own half-done work from a user's and completes it.

Least privilege
---------------
A user of its own, an internal one, in Tryton's group *Production* and no other. It may then write
productions and works, and read products, bills of material, routings and work centres. It should
be nobody's personal login: what this user saved last counts as Noria's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from twin.erp.tryton_rpc import Connection, Refusal, Session
from twin.errors import PublishRefused
from twin.model.base import Minutes

if TYPE_CHECKING:
    from twin.erp.signature import PlanToPublish, Remembered, Written
    from twin.erp.tryton_catalogue import Catalogue
    from twin.erp.tryton_orders import Names, Reading
    from twin.erp.tryton_read import Scope
    from twin.erp.tryton_write import Publication
    from twin.model.orders import OrderBook
    from twin.model.plant import Plant
    from twin.secrets import Keyring

PLAN_FILE, MAINTENANCE_FILE = "noria-plan.csv", "noria-maintenance.csv"


class TrytonErp(Connection):
    """A company in a Tryton database (series 8)."""

    kind: Literal["tryton"] = "tryton"
    name: str = "tryton"
    order_id: Literal["reference", "number", "record"] = "reference"
    """What of a production is the order's id in Noria and in the MES. A *number* is given only
    when a production leaves draft; *record* is what Tryton shows where there is neither: ``(17)``.
    """
    company: str = ""
    """Name of the company; left out: the user's own."""
    warehouse: str = ""
    """Code of the warehouse whose productions are planned; left out: every one."""
    products: dict[str, str] = Field(default_factory=dict)
    """Product of the plant for a product's code in Tryton, where they differ. A piece of the plant
    is one default unit of the product in Tryton."""
    operations: dict[str, str] = Field(default_factory=dict)
    """Operation of the plant for an operation's name in Tryton, where they differ."""
    work_centers: dict[str, str] = Field(default_factory=dict)
    """Work unit of the plant for a work centre's name in Tryton, where they differ."""
    release_within: Minutes | None = Field(default=None, gt=0)
    """Release orders that start within this from the cut-off (*wait* in Tryton), and assign their
    work centres. Left out: a planner releases them."""
    attachment: bool = True
    """Attach ``noria-plan.csv`` and ``noria-maintenance.csv`` to the company's party. Without, a
    drop beside it (``kind: drop``) holds the sequence within the day."""

    reads: ClassVar[bool] = True
    writes: ClassVar[bool] = True

    def located(self, folder: Path) -> TrytonErp:
        """The same, its files found under a folder."""
        return self.model_copy(update={"ca": self.ca and folder / self.ca})

    def read_orders(
        self, plant: Plant, keyring: Keyring, remembered: Remembered | None = None
    ) -> OrderBook:
        """Open productions as work orders; see :mod:`twin.erp.tryton_orders` for the dates."""
        reading = self.survey(plant, keyring, remembered)
        reading.faults.settle()
        return reading.orders

    def survey(
        self, plant: Plant, keyring: Keyring, remembered: Remembered | None = None
    ) -> Reading:
        """Open productions that can be planned, and what is wrong with the others."""
        from twin.erp.tryton_orders import orders_of
        from twin.erp.tryton_read import OPEN, read_productions

        with self._session(keyring) as (session, scope):
            productions = read_productions(session, scope, [["state", "in", list(OPEN)]])
        return orders_of(productions, plant, self.names, remembered, self.shown)

    def catalogue(self, keyring: Keyring) -> Catalogue:
        """Products, bills of material, routings and work centres."""
        from twin.erp.tryton_catalogue import read_catalogue

        with self._session(keyring) as (session, scope):
            return read_catalogue(session, scope)

    def compare(self, plan: PlanToPublish, remembered: Remembered, keyring: Keyring) -> Written:
        """What publishing would do; nothing is written."""
        from twin.erp.tryton_attachments import outdated

        with self._session(keyring) as (session, scope):
            publication = self._publication(session, scope, plan, remembered)
            publication.preview(publication.judge_plan(plan))
            files = outdated(session, scope, self._files(plan))
        return publication.written(self.name, files)

    def publish(self, plan: PlanToPublish, remembered: Remembered, keyring: Keyring) -> Written:
        """Write the difference."""
        from twin.erp.tryton_attachments import attach

        with self._session(keyring) as (session, scope):
            self._check_rights(session)
            publication = self._publication(session, scope, plan, remembered)
            publication.write(publication.judge_plan(plan))
            publication.check_taken(self.shown)
            try:
                files = attach(session, scope, self._files(plan))
            except Refusal as refusal:
                files = []
                publication.refuse(PLAN_FILE, refusal)
        return publication.written(self.name, files)

    @property
    def names(self) -> Names:
        """What things of Tryton are called in the plant."""
        from twin.erp.tryton_orders import Names

        return Names(self.order_id, self.products, self.operations, self.work_centers)

    @property
    def shown(self) -> str:
        """Where it is, for messages."""
        return f"Tryton at {self.url}, database {self.database}"

    @contextmanager
    def _session(self, keyring: Keyring) -> Iterator[tuple[Session, Scope]]:
        from twin.erp.tryton_read import read_scope

        with Session(self, keyring) as session:
            try:
                yield session, read_scope(session, self.company, self.warehouse)
            except Refusal as refusal:
                raise PublishRefused(f"{self.shown}: {refusal}") from None

    def _publication(
        self, session: Session, scope: Scope, plan: PlanToPublish, remembered: Remembered
    ) -> Publication:
        from twin.erp.tryton_write import Publication

        cut_off, within = plan.schedule.horizon.start, self.release_within
        return Publication(
            session=session,
            scope=scope,
            names=self.names,
            remembered=remembered,
            frozen=(cut_off, plan.frozen_until) if plan.frozen_until else None,
            release_until=cut_off + timedelta(minutes=within) if within else None,
        )

    def _files(self, plan: PlanToPublish) -> dict[str, str]:
        from twin.connectors.plan_drop import MAINTENANCE, PLAN, contents

        if not self.attachment:
            return {}
        files = contents(plan.schedule, plan.plant, plan.orders, plan.report)
        return {PLAN_FILE: files[PLAN], MAINTENANCE_FILE: files[MAINTENANCE]}

    def _check_rights(self, session: Session) -> None:
        models = ["production", "production.work"]
        access = session.call("model.ir.model.access.get_access", models)
        if not all(access[model]["write"] for model in models):
            raise PublishRefused(
                f"{self.shown}: user {self.user} may not write productions; put the user into "
                "Tryton's group Production"
            )
