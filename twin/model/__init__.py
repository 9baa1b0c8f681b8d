"""The nouns: what a plant is, what it is asked to do, what it did and what is planned.

All are immutable. Inside, time is minutes from the start of a :class:`~twin.model.horizon.Horizon`;
outside, instants are zone-aware. This package does no input or output beyond reading the YAML files
people write, and imports nothing else of Noria but :mod:`twin.errors`.
"""
