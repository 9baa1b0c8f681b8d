"""What a setup depends on, and which products are of a kind, read from the setups of a log."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twin.calibration.activity import UnitActivity
from twin.model.horizon import Array

Labels = NDArray[np.int_]

CONSISTENT = 0.95
"""Share of a product's setups that name the same key, from which the name is its key."""
LEAST_RATIO = math.log(1.25)
"""Setups between families are at least so much longer, on the logarithm."""
PENALTY = 1.0
"""Of each merge, in logarithms of the number of pairs."""


@dataclass(frozen=True)
class UnitSetups:
    """The setups of one work unit."""

    keys: Mapping[str, str]
    """Setup key by product, as the log names it; empty where it names none."""
    minutes: pd.DataFrame
    """Columns before, after (products) and minutes."""
    skipped: Mapping[tuple[str, str], float]
    """Share of the changes between two products that went without a setup."""

    @property
    def median(self) -> float:
        return float(self.minutes["minutes"].median())


def setups_of_unit(states: UnitActivity, lots: pd.DataFrame) -> UnitSetups | None:
    """Setups by the product before and after; None for a unit that was never set up."""
    found = states.episodes(
        ["setup"], through=("off", "startup", "standby", "blocked", "down", "repair", "maintenance")
    )
    found = found[(found["minutes"] > 0) & ~found["is_open"]]
    if found.empty:
        return None
    lots = lots.sort_values("start", kind="stable")
    starts, products = lots["start"].to_numpy(), lots["product"].to_numpy(str)
    place = np.searchsorted(starts, found["start"].to_numpy() + 1e-6) - 1
    found = found[place >= 0].assign(before=products[place[place >= 0]])
    table = found.rename(columns={"product": "after"})[["before", "after", "minutes"]]
    return UnitSetups(_keys(found), table, _skipped(products, table))


def _keys(found: pd.DataFrame) -> dict[str, str]:
    """Key by product where the log says for what a unit is set up, always the same."""
    named = found[found["reason"] != ""]
    if len(named) < 0.9 * len(found):
        return {}
    keys = {}
    for product, rows in named.groupby("product"):
        counts = rows["reason"].value_counts(normalize=True)
        if counts.iloc[0] < CONSISTENT:
            return {}
        keys[str(product)] = str(counts.index[0])
    return keys


def _skipped(products: np.ndarray, table: pd.DataFrame) -> dict[tuple[str, str], float]:
    before, after = products[:-1], products[1:]
    changed = before != after
    pairs = pd.Series(list(zip(before[changed], after[changed], strict=True)), dtype=object)
    made = pd.Series(list(zip(table["before"], table["after"], strict=True)), dtype=object)
    done = made.value_counts()
    seen = pairs.value_counts()
    return {
        (str(a), str(b)): max(1 - float(done.get((a, b), 0)) / n, 0.0)
        for (a, b), n in zip(seen.index.tolist(), seen.tolist(), strict=True)
    }


@dataclass(frozen=True)
class SetupKeys:
    """What each unit's setups go by."""

    by: Mapping[str, str]
    """``product``, ``family`` or the name of an attribute, by work unit."""
    attributes: Mapping[str, Mapping[str, str]]
    """By product."""
    families: Mapping[str, str]
    """By product; empty where the keys tell none."""


def setup_keys(
    units: Mapping[str, UnitSetups], operation: Mapping[str, str], products: Sequence[str]
) -> SetupKeys:
    """Attributes behind the keys of all units; units whose keys agree share one.

    Parameters
    ----------
    operation
        The main operation of each unit, after which an attribute is named.
    """
    by: dict[str, str] = {}
    shared: dict[str, dict[str, str]] = {}
    for unit, setups in units.items():
        keys = setups.keys
        if not keys or all(product == key for product, key in keys.items()):
            by[unit] = "product"
            continue
        name = next((n for n, known in shared.items() if _agree(known, keys)), "")
        if not name:
            name = f"{operation[unit]}_setup"
            while name in shared:
                name += "_2"
        by[unit] = name
        shared.setdefault(name, {}).update(keys)
    attributes: dict[str, dict[str, str]] = {p: {} for p in products}
    for name, keys in shared.items():
        for product, key in keys.items():
            attributes[product][name] = key
    if len(shared) == 1 and set(next(iter(shared.values()))) == set(products):
        (name,) = shared
        families = shared[name]
        return SetupKeys({u: "family" if b == name else b for u, b in by.items()}, {}, families)
    return SetupKeys(by, attributes, {})


def _agree(known: Mapping[str, str], keys: Mapping[str, str]) -> bool:
    """Whether two units' keys are of one attribute: alike where they meet, and they do meet."""
    common = known.keys() & keys.keys()
    return all(known[p] == keys[p] for p in common) and bool(
        common or set(known.values()) & set(keys.values())
    )


@dataclass(frozen=True)
class Families:
    """Products between which setups are short."""

    of: Mapping[str, str]
    note: str


def guess_families(
    units: Sequence[UnitSetups],
    products: Sequence[str],
    attributes: Mapping[str, Mapping[str, str]],
) -> Families:
    """Products grouped so that setups within a group are short and between groups long.

    Groups are merged one after the other, each time the two that leave the least misfit of a model
    of two times, within and between; how many remain is told by Schwarz's criterion. A grouping by
    an attribute is one that costs a single choice. Where no grouping is clear, each product is a
    family of its own.
    """
    apart, weight = _distances(units, products)
    n = int((weight[np.triu_indices(len(products), 1)] > 0).sum())
    alone = Families({p: p for p in products}, "no families show in the setups")
    if n < 3:
        return alone
    labels = np.arange(len(products))
    best, best_score = labels, n * math.log(_misfit(labels, apart, weight)[0])
    merges = 0
    while len(set(labels.tolist())) > 2:
        merges += 1
        labels = min(
            (np.where(labels == b, a, labels) for a, b in combinations(sorted(set(labels)), 2)),
            key=lambda tried: _misfit(tried, apart, weight)[0],
        )
        score = n * math.log(_misfit(labels, apart, weight)[0]) + PENALTY * (merges + 1) * math.log(
            n
        )
        if score < best_score:
            best, best_score = labels, score
    for labels in _by_attributes(products, attributes):
        score = n * math.log(_misfit(labels, apart, weight)[0]) + 2 * PENALTY * math.log(n)
        if score < best_score:
            best, best_score = labels, score
    _, within, between = _misfit(best, apart, weight)
    if len(set(best.tolist())) == len(products) or between - within < LEAST_RATIO:
        return alone
    names = {k: f"family-{n + 1}" for n, k in enumerate(dict.fromkeys(best.tolist()))}
    ratio = math.exp(between - within)
    note = f"guessed: setups to other families take {ratio:.1f} times as long ({n} pairs)"
    return Families({p: names[k] for p, k in zip(products, best.tolist(), strict=True)}, note)


def _by_attributes(
    products: Sequence[str], attributes: Mapping[str, Mapping[str, str]]
) -> Iterator[Labels]:
    """Groupings of the products by each attribute that all of them have."""
    names = {name for mine in attributes.values() for name in mine}
    for name in sorted(names):
        keys = [attributes[p].get(name) for p in products]
        if None not in keys and 1 < len(set(keys)) < len(products):
            yield np.unique(np.array(keys), return_inverse=True)[1]


def _distances(units: Sequence[UnitSetups], products: Sequence[str]) -> tuple[Array, Array]:
    """(P, P) mean logarithm of setups over the usual one of their unit, and their number."""
    number = {p: n for n, p in enumerate(products)}
    total, weight = np.zeros((len(products),) * 2), np.zeros((len(products),) * 2)
    for setups in units:
        rows = setups.minutes[setups.minutes["before"] != setups.minutes["after"]]
        logs = np.log(rows["minutes"].to_numpy(float))
        if not len(logs):
            continue
        i = rows["before"].map(number).to_numpy()
        j = rows["after"].map(number).to_numpy()
        np.add.at(total, (i, j), logs - float(np.median(logs)))
        np.add.at(weight, (i, j), 1.0)
    total, weight = total + total.T, weight + weight.T
    return total / np.maximum(weight, 1.0), weight


def _misfit(labels: Labels, apart: Array, weight: Array) -> tuple[float, float, float]:
    """Mean squared misfit of two times, and these: within and between groups.

    Infinite where setups within groups are the longer ones.
    """
    upper = np.triu_indices(len(labels), 1)
    same = (labels[:, None] == labels[None, :])[upper]
    x, w = apart[upper], np.sqrt(weight[upper])
    levels = [float(w[m] @ x[m] / max(w[m].sum(), 1e-9)) for m in (same, ~same)]
    if same.any() and levels[0] > levels[1]:
        return math.inf, levels[0], levels[1]
    lost = float(w @ (x - np.where(same, levels[0], levels[1])) ** 2)
    return max(lost / max(float(w.sum()), 1e-9), 1e-6), levels[0], levels[1]
