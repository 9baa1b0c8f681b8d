"""Nodes of an OPC UA server: found by id or by path, and looked through."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.uaerrors import UaError

UNFIT_NODE = {
    "BadNodeIdUnknown": "there is no such node",
    "BadNodeIdInvalid": "the node id is not valid",
    "BadNoMatch": "there is nothing at this path",
    "BadAttributeIdInvalid": "the node is no variable",
    "BadUserAccessDenied": "the account may not read it",
    "BadNotReadable": "it cannot be read",
}


async def node_at(client: Client, place: str, spaces: list[str]) -> Node:
    """The node with an id, or at a browse path from the root.

    Raises
    ------
    ValueError
        When the id is malformed, or its namespace is not one of the server's.
    """
    if place.startswith("/"):
        steps = place.strip("/").split("/")
        return await client.nodes.root.get_child([_step(step) for step in steps])
    if place.startswith("nsu="):
        space, _, rest = place.removeprefix("nsu=").rpartition(";")
        if space not in spaces:
            raise ValueError(f'the server has no namespace "{space}"')
        place = f"ns={spaces.index(space)};{rest}"
    try:
        return client.get_node(ua.NodeId.from_string(place))
    except UaError:
        raise ValueError('a node id reads "ns=2;s=Press1.State", a path "/Objects/2:P1"') from None


def _step(step: str) -> str:
    return step if step[:1].isdigit() and ":" in step else f"0:{step}"


async def has_history(node: Node) -> bool:
    """Whether a node is a variable whose history can be read; raises when it is no variable."""
    wanted = [AttributeIds.NodeClass, AttributeIds.UserAccessLevel]
    kind, access = await node.read_attributes(wanted)
    if kind.StatusCode is not None:
        kind.StatusCode.check()
    if kind.Value is None or kind.Value.Value != ua.NodeClass.Variable:
        raise ValueError("it is no variable; name the variable below it")
    level = access.Value.Value if access.Value is not None else None
    return bool(isinstance(level, int) and level & (1 << ua.AccessLevel.HistoryRead))


async def browse(client: Client, most: int = 2_000) -> list[str]:
    """Ids of the variables of a server, breadth first."""
    found: list[str] = []
    waiting = deque([client.nodes.objects])
    while waiting and len(found) < most:
        node = waiting.popleft()
        if node.nodeid.NamespaceIndex == 0 and node != client.nodes.objects:
            continue  # the server's own
        with suppress(UaError):
            for child in await node.get_children():
                waiting.append(child)
                found.append(child.nodeid.to_string())
    return found


def status_name(error: BaseException) -> str:
    code = getattr(error, "code", None)
    return ua.StatusCode(ua.UInt32(code)).name if isinstance(code, int) else type(error).__name__


def unfit(error: Exception) -> str:
    name = status_name(error)
    return UNFIT_NODE.get(name, name) if isinstance(error, UaError) else str(error)
