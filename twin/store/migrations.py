"""The steps by which the tables became what they are; a step once released is never changed.

A store knows its version; opening it runs the steps it lacks, all in one transaction. A store
newer than the program is refused. A new step is added at the end of :data:`STEPS`.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, bindparam, inspect, select, text

from twin.errors import Fault, InputError
from twin.store.schema import STORE, VERSION

_TYPES = {
    "sqlite": {"whole": "integer", "real": "real", "bytes": "blob", "end": " strict",
               "id": "integer primary key", "bytewise": "",
               "random": "random() & 9007199254740991"},
    "postgresql": {"whole": "bigint", "real": "double precision", "bytes": "bytea", "end": "",
                   "id": "bigint generated always as identity primary key",
                   "bytewise": ' collate "C"',
                   "random": "cast(random() * 9007199254740991 as bigint)"},
}  # fmt: skip
"""Words that differ. Keys are compared byte by byte in both."""

_FIRST = (
    """create table noria_event (
        sequence {whole} primary key,
        time {whole} not null,
        key text{bytewise} not null,
        work_unit text not null,
        event text not null,
        state text not null,
        "order" text not null,
        operation text not null,
        product text not null,
        lot text not null,
        material text not null,
        verdict text not null,
        reason text not null,
        quantity {real},
        scrap {real},
        source text not null,
        received {whole} not null
    ){end}""",
    "create unique index noria_event_key on noria_event (key)",
    "create index noria_event_time on noria_event (time, sequence)",
    """create table noria_position (
        source text primary key,
        value text not null,
        changed {whole} not null
    ){end}""",
    """create table noria_quarantine (
        id {id},
        digest {bytes} not null unique,
        source text not null,
        received {whole} not null,
        raw {bytes} not null,
        origin text not null,
        reason text not null,
        tries {whole} not null,
        times {whole} not null,
        status text not null
    ){end}""",
    "create index noria_quarantine_waiting on noria_quarantine (status, source, id)",
    "create table noria_store (name text primary key, value {whole} not null){end}",
    """insert into noria_store (name, value)
        values ('version', 1), ('last_sequence', 0), ('identity', {random})""",
)
"""Version 1."""

_SEEN_AND_STATES = (
    """create table noria_seen (
        work_unit text not null,
        event text not null,
        last {whole} not null,
        events {whole} not null,
        primary key (work_unit, event)
    ){end}""",
    """insert into noria_seen (work_unit, event, last, events)
        select work_unit, event, max(time), count(*)
        from noria_event group by work_unit, event""",
    """create index noria_event_state on noria_event (work_unit, time, sequence, state)
        where event = 'state'""",
)
"""Version 2: what each unit said last at a glance, and its states in order for the indicators."""

STEPS: tuple[tuple[str, ...], ...] = (_FIRST, _SEEN_AND_STATES)
CURRENT = len(STEPS)


def version_of(connection: Connection) -> int:
    """Version of the tables; 0 where there are none."""
    if not inspect(connection).has_table(STORE.name):
        return 0
    found = connection.scalar(select(STORE.c.value).where(STORE.c.name == VERSION))
    return int(found or 0)


def migrate(
    connection: Connection,
    to: int = CURRENT,
    told: Callable[[int], None] = lambda version: None,
) -> None:
    """Run the steps from the store's version up to ``to``; ``told`` is called before each."""
    for version in range(version_of(connection) + 1, to + 1):
        told(version)
        for statement in STEPS[version - 1]:
            connection.execute(text(statement.format_map(_TYPES[connection.dialect.name])))
        changed = STORE.update().where(STORE.c.name == VERSION).values(value=bindparam("now"))
        connection.execute(changed, {"now": version})


def refuse_other(version: int, shown: str) -> None:
    """Raise InputError when the tables are not those of this program."""
    if version > CURRENT:
        found = f"the store has version {version}, this program knows up to {CURRENT}"
        raise InputError(shown, [Fault("", found, "run the newer Noria that wrote it")])
    if version == 0:
        found = "there is no event store yet"
        raise InputError(shown, [Fault("", found, "check the address, or begin with noria ingest")])
    if version < CURRENT:
        found = f"the store has version {version}, this program needs {CURRENT}"
        remedy = "open it once with noria ingest or noria store, which bring it up to date"
        raise InputError(shown, [Fault("", found, remedy)])
