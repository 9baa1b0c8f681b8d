"""Files that come in from MES, ERP and energy markets, and the plan that goes back.

One source a file, with functions that return the nouns of :mod:`twin.model`. Everything is checked
at this door: all faults of one file are listed in one :class:`~twin.errors.InputError`, and nothing
is mended in silence. Imports ``twin.model``, ``twin.behaviour`` and ``twin.errors`` only.
"""
