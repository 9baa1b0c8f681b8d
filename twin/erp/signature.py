"""The common signature of ERP connectors.

A connector is a pydantic model of its settings with methods that read and write. Reading gives the
nouns of :mod:`twin.model`. Writing is idempotent: it compares what the ERP holds with the plan,
writes the difference, and says of everything it leaves alone why. The same plan twice writes
nothing the second time; a call that was killed is completed by the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from twin.model.orders import OrderBook
from twin.model.plant import Plant
from twin.model.schedule import Schedule
from twin.secrets import Keyring

if TYPE_CHECKING:
    from twin.connectors.plan_drop import PlanReport


@dataclass(frozen=True)
class PlanToPublish:
    """A plan on its way to the ERP."""

    run: str
    """Id of the archived run."""
    schedule: Schedule
    plant: Plant
    orders: OrderBook
    report: PlanReport | None = None
    changes: Mapping[str, Any] | None = None
    """What moved since last night's plan (``changes.json``)."""
    frozen_until: datetime | None = None
    """Orders that started, or start in the last plan, before this keep what the ERP says."""


@dataclass(frozen=True)
class Written:
    """What publishing to one ERP did."""

    target: str
    """Name of the connector."""
    written: int
    """Records changed. 0 when the ERP already held the plan."""
    unchanged: int
    """Records that already held it."""
    untouched: Mapping[str, str] = field(default_factory=dict)
    """Orders left alone on purpose, each with the reason (running, edited by a user, frozen …)."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Orders that should have been written and could not be, each with the ERP's reason."""
    files: tuple[str, ...] = ()
    """Attachments and files replaced; not counted in ``written``."""

    @property
    def is_whole(self) -> bool:
        return not self.refused


class Remembered(Protocol):
    """What was written last, record by record, so that a user's edit is told from our own.

    Kept by the outbox, beside the ledger; a connector notes a value before it writes it and
    confirms it after, so that a kill between the two is told from an edit.
    """

    def last(self, record: str) -> Mapping[str, Any] | None:
        """Values confirmed last for a record."""

    def intended(self, record: str) -> Mapping[str, Any] | None:
        """Values noted but not confirmed; None when there are none."""

    def note(self, record: str, values: Mapping[str, Any]) -> None:
        """Say what is about to be written; durable on return."""

    def confirm(self, record: str) -> None:
        """Say that what was noted is written; durable on return."""


class ErpReader(Protocol):
    """An ERP that orders come from, if it is set up to: ``reads``."""

    @property
    def reads(self) -> bool: ...

    def read_orders(
        self, plant: Plant, keyring: Keyring, remembered: Remembered | None = None
    ) -> OrderBook:
        """Open production orders.

        Where publishing writes over the dates that orders are due by, ``remembered`` gives back
        those from before.

        Raises
        ------
        InputError
            With every order that cannot be planned, and why.
        ErpAway
            When the ERP cannot be reached or refuses the login.
        """


class ErpWriter(Protocol):
    """An ERP that takes plans, if it is set up to: ``writes``."""

    @property
    def writes(self) -> bool: ...

    @property
    def name(self) -> str: ...

    def compare(self, plan: PlanToPublish, remembered: Remembered, keyring: Keyring) -> Written:
        """What publishing would do; nothing is written."""

    def publish(self, plan: PlanToPublish, remembered: Remembered, keyring: Keyring) -> Written:
        """Write the difference.

        Raises
        ------
        ErpAway
            When the ERP cannot be reached; what was written stays, and the next call goes on.
        PublishRefused
            When it takes nothing of the plan at all.
        """
