"""Worker processes end with the program they work for, however it ends."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

PROGRAM = """
    import os, sys, time
    from datetime import UTC, datetime
    from pathlib import Path
    from twin.model.compiled import compile_plant
    from twin.model.horizon import Horizon
    from twin.model.orders import OrderBook
    from twin.model.plant import load_plant
    from twin.model.state import ShopState
    from twin.simulation.simulate import replicate

    def measure(log):
        os.write(1, b"%d\\n" % os.getpid())  # in one piece: two workers speak at once
        time.sleep(60)

    start = datetime(2026, 11, 23, tzinfo=UTC)
    plant = compile_plant(load_plant(Path(sys.argv[1])), Horizon(start, 1440))
    replicate(plant, OrderBook(), measure, state=ShopState(start), replications=4, workers=2)
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_killed_program_leaves_no_worker_behind() -> None:
    small = Path(__file__).parents[2] / "plants" / "small.yaml"
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(small)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert program.stdout is not None
    worker = int(program.stdout.readline())
    assert worker != program.pid
    assert is_alive(worker)
    program.send_signal(signal.SIGKILL)
    program.wait()
    deadline = time.monotonic() + 20
    while is_alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(worker)
    program.stdout.close()
