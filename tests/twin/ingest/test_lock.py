"""One ingester for a configuration."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from twin.errors import InputError, Locked
from twin.ingest.lock import is_locked, only_one

HOLD = """
import sys, time
from pathlib import Path
from twin.ingest.lock import only_one
with only_one(Path(sys.argv[1]), "ingest"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_ingester_is_refused_until_the_first_is_gone_however_it_went(
    tmp_path: Path,
) -> None:
    lock = tmp_path / "state" / ".a.lock"
    assert not is_locked(lock)
    lock.parent.mkdir()
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            assert is_locked(lock)
            with pytest.raises(Locked), only_one(lock, "ingest"):
                pytest.fail("two hold the lock")
        finally:
            holder.kill()
        holder.wait()
    assert not is_locked(lock)
    with only_one(lock, "ingest"):
        assert is_locked(lock)


def test_a_folder_that_cannot_be_written_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match="cannot be written"),
        only_one(tmp_path / "file" / "lock", "ingest"),
    ):
        pytest.fail("a lock in a file")
