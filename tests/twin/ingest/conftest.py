"""Servers offered to the tests of the sources."""

from tests.services.mosquitto import mosquitto

__all__ = ["mosquitto"]
