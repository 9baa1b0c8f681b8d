"""Seconds and remote calls of publishing a plan into a real Tryton.

Run ``.venv/bin/python tests/benchmarks/tryton_publish.py [--orders 200] [--moved 30]``: a JSON line
each for the first publishing, an identical one, one with some orders moved, and one that releases a
day's orders. The Tryton is made and started here (SQLite, one process); the outbox is the nightly
job's own.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from scenarios.ledger import Ledger
from scenarios.outbox import Outbox
from tests.services.tryton_plant import add_productions
from tests.services.trytond import running_erp
from tests.twin.erp.pins import pin_plant, plan_of, tryton
from twin.erp.tryton_rpc import Session


@contextmanager
def counted() -> Iterator[dict[str, int]]:
    """Remote calls made in the block, all and writing."""
    plain = Session._send
    calls = {"calls": 0, "writes": 0}

    def send(session: Session, method: str, *rest: Any, **options: Any) -> Any:
        calls["calls"] += 1
        calls["writes"] += method.endswith((".write", ".create", ".wait"))
        return plain(session, method, *rest, **options)

    Session._send = send  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        Session._send = plain  # type: ignore[method-assign]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--orders", type=int, default=200)
    asked.add_argument("--moved", type=int, default=30)
    options = asked.parse_args()
    ids = [f"WO-{n}" for n in range(options.orders)]
    later = {id: 6 + n % 3 for n, id in enumerate(ids[-options.moved :])}
    with tempfile.TemporaryDirectory() as name, running_erp(Path(name) / "trytond") as erp:
        with erp.session() as admin:
            add_productions(admin, ids, days=7)
        ledger = Ledger(Path(name))
        memory = Outbox(ledger).memory("tryton")
        keys = erp.keyring()
        steps: list[tuple[str, Any]] = [
            ("read", lambda: tryton(erp).read_orders(pin_plant(), keys, memory)),
            ("first", lambda: tryton(erp).publish(plan_of(ids), memory, keys)),
            ("again", lambda: tryton(erp).publish(plan_of(ids), memory, keys)),
            ("moved", lambda: tryton(erp).publish(plan_of(ids, later), memory, keys)),
            (
                "released",
                lambda: tryton(erp, release_within="24 h").publish(
                    plan_of(ids, later), memory, keys
                ),
            ),
        ]
        for step, does in steps:
            with counted() as calls, ledger.kept_open():
                begun = time.perf_counter()
                done = does()
                seconds = round(time.perf_counter() - begun, 2)
            count = len(done) if step == "read" else done.written
            print(json.dumps({"step": step, "orders": count, "seconds": seconds, **calls}))


if __name__ == "__main__":
    main()
