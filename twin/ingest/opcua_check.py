"""What ``noria ingest --check`` says of an OPC UA server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from twin.errors import Fault, InputError, StoreAway, did_you_mean
from twin.ingest.opcua_nodes import browse
from twin.ingest.opcua_session import Away, Session
from twin.secrets import Keyring

if TYPE_CHECKING:
    from twin.ingest.opcua import OpcUaSource


async def describe(source: OpcUaSource, keyring: Keyring) -> list[str]:
    """What each node gives now, a line each.

    Raises
    ------
    InputError
        With every node that is not there, and the ids that look like it.
    StoreAway, Refused
        When the server cannot be reached, or does not let us in.
    """
    session = Session(source, keyring)
    try:
        await session.open()
        values = {value.name: value for value in await session.first_values()}
        troubles = {about: text for about, text in session.troubles() if text}
        missing = [name for name in session.nodes if name not in session.found]
        if missing:
            ids = await browse(session.client) if session.client else []
            raise InputError(source.name, _missing(session, missing, troubles, ids))
        lines = [f"{n}: {session.nodes[n].node} = {v.value!r}" for n, v in values.items()]
        return lines + [f"{about}: {text}" for about, text in troubles.items()]
    except Away as error:
        raise StoreAway(keyring.redact(str(error))) from None
    finally:
        await session.close()


def _missing(
    session: Session, names: Iterable[str], troubles: Mapping[str, str], ids: list[str]
) -> Iterator[Fault]:
    for name in names:
        near = did_you_mean(session.nodes[name].node, ids)
        yield Fault(f"nodes.{name}", troubles.get(name, "not found"), near)
