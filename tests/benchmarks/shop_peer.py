"""PyJobShop on one shop, by whatever interpreter has it: a problem as JSON in, one line out."""

from __future__ import annotations

import importlib
import json
import math
import sys
import time
from typing import Any


def main() -> None:
    """Read a problem from stdin and print what PyJobShop finds, or "absent"."""
    asked = json.load(sys.stdin)
    try:
        library = importlib.import_module("pyjobshop")
    except ImportError:
        print(json.dumps("absent"))
        return
    print(json.dumps(solved(library, asked)))


def solved(library: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Makespan, bound and status after the time asked for, on two workers."""
    model = library.Model()
    machines = [model.add_machine() for _ in range(asked["machines"])]
    for operations in asked["jobs"]:
        job, before = model.add_job(), None
        for operation in operations:
            task = model.add_task(job=job)
            for alternative in operation["alternatives"]:
                model.add_mode(task, [machines[alternative["machine"]]], alternative["time"])
            if before is not None:
                model.add_end_before_start(before, task)
            before = task
    model.set_objective(weight_makespan=1)
    begin = time.perf_counter()
    result = model.solve(time_limit=asked["seconds"], display=False, num_workers=2)
    return {
        "objective": _finite(result.objective),
        "bound": _finite(getattr(result, "lower_bound", None)),
        "status": getattr(result.status, "value", str(result.status)),
        "seconds": round(time.perf_counter() - begin, 2),
    }


def _finite(value: float | None) -> float | None:
    """None for what it did not find or, in its older versions, does not tell."""
    return value if value is not None and math.isfinite(value) else None


if __name__ == "__main__":
    main()
