"""What comes in from machines while they run: sources, checked at the door, into the event store.

One source a file, all with the signature of :mod:`twin.ingest.signature`. A source hands on what it
received; :mod:`twin.ingest.intake` turns it into events and stores them, or holds them in
quarantine with the reason, in one transaction with the source's position. Only then does the source
acknowledge. So whatever is killed, every event is in the store once.
Imports ``twin.model``, ``twin.store``, ``twin.connectors``, ``twin.errors`` and ``twin.secrets``.
"""
