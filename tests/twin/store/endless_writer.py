"""A process that stores batch after batch until it is killed, and says what was acknowledged.

Run as ``python -m tests.twin.store.endless_writer SETTINGS FOLDER``, with the settings as JSON.
Each line of its output is ``PID acknowledged BATCH`` or ``PID away``. After a start it goes on
behind the stored position and tells the batch before it again, as careful senders do.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.twin.store.plant_events import ended
from twin.errors import StoreAway
from twin.secrets import Keyring
from twin.store.record import Event
from twin.store.settings import StoreSettings
from twin.store.store import open_store

SOURCE = "writer"
BATCH = 200


def batch(number: int) -> Sequence[Event]:
    first = number * BATCH
    return [ended(n) for n in range(first, first + BATCH)]


def main(settings: str, folder: str) -> None:
    keyring = Keyring(os.environ, Path(folder))
    with open_store(StoreSettings.model_validate(json.loads(settings)), keyring) as store:
        place = store.position(SOURCE)
        number = max(place["batch"] - 1, 0) if place else 0
        while True:
            try:
                store.append(SOURCE, batch(number), position={"batch": number})
            except StoreAway:
                say("away")
                time.sleep(0.1)
                continue
            say(f"acknowledged {number}")
            number += 1


def say(text: str) -> None:
    os.write(1, f"{os.getpid()} {text}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
