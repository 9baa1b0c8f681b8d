"""A folder of files as the ERP: what reads it is the plant's own affair.

The files are those of :mod:`twin.connectors.plan_drop`; the folder itself remembers what was
published last, so nothing is asked of the outbox. The plan counts as one record.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from twin.model.base import Frozen

if TYPE_CHECKING:
    from twin.connectors.plan_drop import Published
    from twin.erp.signature import PlanToPublish, Remembered, Written
    from twin.secrets import Keyring


class DropErp(Frozen):
    """Publishes plans into a folder; see ``plan.csv`` and its fellows there."""

    kind: Literal["drop"] = "drop"
    name: str = "drop"
    folder: Path
    """Made if it does not exist. A relative path starts at the configuration's folder."""

    reads: ClassVar[bool] = False
    writes: ClassVar[bool] = True

    def located(self, folder: Path) -> DropErp:
        """The same, its folder found under another."""
        return self.model_copy(update={"folder": folder / self.folder})

    def compare(self, plan: PlanToPublish, remembered: Remembered, keyring: Keyring) -> Written:
        """What publishing would do; nothing is written."""
        from twin.connectors.plan_drop import contents

        files = contents(plan.schedule, plan.plant, plan.orders, plan.report, plan.changes)
        held = all(_holds(self.folder / name, text) for name, text in files.items())
        return self._written(changed=not held)

    def publish(self, plan: PlanToPublish, remembered: Remembered, keyring: Keyring) -> Written:
        """Publish the plan whole, or leave the one before."""
        from twin.connectors.plan_drop import publish

        published: Published = publish(
            plan.schedule, plan.plant, plan.orders, plan.report, self.folder, plan.changes
        )
        return self._written(changed=published.changed)

    def _written(self, *, changed: bool) -> Written:
        from twin.erp.signature import Written

        files = (str(self.folder),) if changed else ()
        return Written(self.name, written=int(changed), unchanged=int(not changed), files=files)


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False
