"""The command ``noria rollback``."""

from __future__ import annotations

import os
from argparse import Namespace
from typing import TYPE_CHECKING

from scenarios.run import Progress

if TYPE_CHECKING:
    from scenarios.answer import Answer


def rollback(options: Namespace, progress: Progress) -> Answer:
    from scenarios.answer import Answer
    from scenarios.rollback import rollback as go_back
    from scenarios.settings import load_config
    from twin.errors import ErpAway

    config = load_config(options.config, options.data, options.out, os.environ)
    done = go_back(config, options.to, dry_run=options.dry_run, progress=progress)
    values = {
        "run": done.run.id,
        "instead_of": done.instead_of,
        "published": not options.dry_run,
        "targets": done.delivery.lines,
    }
    said = "dry run: would go" if options.dry_run else "went"
    head = f"{said} back to the plan of {done.run.id}, instead of {done.instead_of}"
    code = ErpAway.exit_code if done.delivery.away else 0
    return Answer(values, "\n".join([head, *done.delivery.lines]), code)
