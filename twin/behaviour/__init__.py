"""How the plant behaves: luck, breakdowns, scrap, and which batch goes next.

Plain functions and small classes that know no engine and no clock but the numbers they are given.
Imports :mod:`twin.model` only.
"""
