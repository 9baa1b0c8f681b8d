"""Files beside the productions: attachments of the company's party, one of each name.

Tryton plans in days; the sequence within the day and the maintenance list go along as files. The
company's party is a record that exists for good and that any user may attach to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twin.erp.tryton_read import Scope
from twin.erp.tryton_rpc import Session


def outdated(session: Session, scope: Scope, files: Mapping[str, str]) -> list[str]:
    """Names of the files that Tryton does not hold just so."""
    held = _held(session, scope, files)
    return [name for name, text in files.items() if _data(held, name) != text.encode()]


def attach(session: Session, scope: Scope, files: Mapping[str, str]) -> list[str]:
    """Attach files, each in the place of its predecessor; returns the names of those written."""
    held = _held(session, scope, files)
    written = outdated(session, scope, files)
    for name in written:
        data = files[name].encode()
        if name in held:
            stamp = {f"ir.attachment,{held[name]['id']}": held[name]["_timestamp"]}
            ids = [held[name]["id"]]
            session.call("model.ir.attachment.write", ids, {"data": data}, _timestamp=stamp)
        else:
            values = {"name": name, "type": "data", "data": data, "resource": _resource(scope)}
            session.call("model.ir.attachment.create", [values])
    return written


def _held(session: Session, scope: Scope, files: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """This user's attachments of these names; somebody else's of the same name is not ours."""
    domain = [
        ["resource", "=", _resource(scope)],
        ["name", "in", list(files)],
        ["create_uid", "=", session.user_id],
    ]
    rows = session.all("ir.attachment", domain, ["name", "data", "_timestamp"])
    return {row["name"]: row for row in reversed(rows)}


def _data(held: Mapping[str, dict[str, Any]], name: str) -> bytes | None:
    data: bytes | None = held[name]["data"] if name in held else None
    return data


def _resource(scope: Scope) -> str:
    return f"party.party,{scope.company_party}"
