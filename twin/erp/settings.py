"""Every ERP a configuration can name, by its ``kind``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from twin.erp.b2mml_schedule import B2mmlErp
from twin.erp.drop import DropErp
from twin.erp.tryton import TrytonErp

AnyErp = Annotated[TrytonErp | B2mmlErp | DropErp, Field(discriminator="kind")]
"""One entry under ``erp:``. Another connector is one more file and one more name here."""
