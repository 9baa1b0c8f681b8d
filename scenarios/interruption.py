"""What Ctrl-C does while replications run: once, what is done is kept; twice, it ends at once.

Python asks its main thread about signals between two of its own instructions. Where the compiled
kernel computes, that may be a long time off: there a thread of its own hears of every signal, and
ends the program without waiting for the kernel.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
INTERRUPTED = 130
"""Exit code."""
SHOW_CURSOR = "\x1b[?25h"
"""A progress bar has hidden it."""


@contextmanager
def stoppable(tell: Callable[[str], None], *, is_compiled: bool) -> Iterator[Callable[[], bool]]:
    """Make the first interruption a wish to stop, which is asked for; the second stops at once.

    Parameters
    ----------
    tell
        Says what the first has done.
    is_compiled
        Whether it is the compiled kernel that runs, in threads of this process.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def is_second() -> bool:
        if asked.is_set():
            return True
        asked.set()
        tell("stopping when the replications under way are done; once more to stop at once")
        return False

    with _heard(is_second) if is_compiled else _handled(is_second):
        yield asked.is_set


@contextmanager
def _handled(is_second: Callable[[], bool]) -> Iterator[None]:
    """Signals as Python handles them: the second is an exception in the main thread."""

    def stop(number: int, frame: FrameType | None) -> None:
        if is_second():
            raise KeyboardInterrupt

    kept = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextmanager
def _heard(is_second: Callable[[], bool]) -> Iterator[None]:
    """Signals as a thread hears them, whatever the main thread does: at the second all is over."""
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)

    def listen() -> None:
        while heard := ear.recv(1):
            if heard[0] in SIGNALS and is_second():
                _leave()

    thread = threading.Thread(target=listen, daemon=True)
    kept = {number: signal.signal(number, lambda n, frame: None) for number in SIGNALS}
    before = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        for number, handler in kept.items():
            signal.signal(number, handler)
        mouth.close()
        thread.join()
        ear.close()


def _leave() -> None:
    """End the program from any thread; nothing is being written while replications run."""
    if sys.stderr.isatty():
        sys.stderr.write(SHOW_CURSOR)
    print("noria: interrupted; nothing half-written remains", file=sys.stderr, flush=True)
    os._exit(INTERRUPTED)
