"""Every anchor, in the order of the paper."""

from __future__ import annotations

import re

from tests.validation import flow, lines, policies, repair
from tests.validation.anchor import Anchor

ANCHORS: dict[str, Anchor] = {
    anchor.id: anchor for module in (policies, repair, lines, flow) for anchor in module.anchors()
}


def chosen(names: str) -> list[Anchor]:
    """Anchors by the begin of their ids, or all: "A1" is A1 and A1r, not A10; "B" is not BN1."""
    wanted = [name for name in names.split(",") if name]
    if not wanted:
        return list(ANCHORS.values())
    patterns = [
        re.compile(re.escape(name) + (r"(?!\d)" if name[-1].isdigit() else "(?![A-Z])"))
        for name in wanted
    ]
    found = [a for a in ANCHORS.values() if any(pattern.match(a.id) for pattern in patterns)]
    if not found:
        raise SystemExit(f"no anchor is called {names}; there are {', '.join(ANCHORS)}")
    return found
