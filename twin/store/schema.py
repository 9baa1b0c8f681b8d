"""Tables of the event store as they are now; how they became so is in :mod:`.migrations`.

======================  ==========================================================================
``noria_event``         one row for each event, never changed
``noria_seen``          last time and number of events of each work unit and kind
``noria_position``      where each source got to, written in the transaction of its events
``noria_quarantine``    messages that could not become events, until they are replayed
``noria_store``         numbers about the store itself: version, last sequence, retention line
======================  ==========================================================================

Times are whole microseconds since 1970-01-01T00:00Z, so that both databases, and every zone a
session may have, agree. Text that does not apply is empty, a number that does not apply is null.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Double, LargeBinary, Text, column, table

from twin.model.events import TEXT

EVENT = table(
    "noria_event",
    column("sequence", BigInteger),
    column("time", BigInteger),
    column("key", Text),
    *(column(name, Text) for name in TEXT),
    column("quantity", Double),
    column("scrap", Double),
    column("source", Text),
    column("received", BigInteger),
)
SEEN = table(
    "noria_seen",
    column("work_unit", Text),
    column("event", Text),
    column("last", BigInteger),
    column("events", BigInteger),
)
POSITION = table(
    "noria_position",
    column("source", Text),
    column("value", Text),
    column("changed", BigInteger),
)
QUARANTINE = table(
    "noria_quarantine",
    column("id", BigInteger),
    column("digest", LargeBinary),
    column("source", Text),
    column("received", BigInteger),
    column("raw", LargeBinary),
    column("origin", Text),
    column("reason", Text),
    column("tries", BigInteger),
    column("times", BigInteger),
    column("status", Text),
)
STORE = table("noria_store", column("name", Text), column("value", BigInteger))

VERSION, LAST_SEQUENCE, IDENTITY = "version", "last_sequence", "identity"
KEPT_FROM, DELETING_BEFORE = "kept_from", "deleting_before"
"""Names in ``noria_store``. *identity* is drawn when the store is made. Events before *kept_from*
are refused; *deleting_before* is there while exported events are being deleted."""

WAITING, REPLAYED, DISCARDED = "waiting", "replayed", "discarded"
"""Status of a message in quarantine."""
