"""Exact throughput of small serial lines: their Markov chains, built state by state and solved.

Machines 0..K−1, buffers 0..K−2 between them; the first is never starved, the last never blocked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
from scipy.sparse import csc_matrix, identity, lil_matrix
from scipy.sparse.linalg import spsolve

State = tuple[tuple[int, ...], tuple[int, ...]]
"""Of each machine what it does, of each buffer its level."""
Moves = Callable[[State], Iterator[tuple[State, float]]]


def stationary(start: State, moves: Moves, *, rates: bool) -> dict[State, float]:
    """Long-run share of each state reached from the first, by rates or by probabilities."""
    index = {start: 0}
    todo = [start]
    entries: list[tuple[int, int, float]] = []
    while todo:
        state = todo.pop()
        here = index[state]
        for target, weight in moves(state):
            if target not in index:
                index[target] = len(index)
                todo.append(target)
            entries.append((index[target], here, weight))
            if rates:
                entries.append((here, here, -weight))
    size = len(index)
    rows, columns, weights = zip(*entries, strict=True)
    balance = csc_matrix((weights, (rows, columns)), shape=(size, size))
    system = lil_matrix(balance if rates else balance - identity(size))
    system[0, :] = 1.0
    right = np.zeros(size)
    right[0] = 1.0
    shares = spsolve(csc_matrix(system), right)
    return {state: float(shares[i]) for state, i in index.items()}


STARVED, WORKING, DOWN, BLOCKED = range(4)


@dataclass(frozen=True)
class Shares:
    """What an exponential line does in the long run; per machine, then per buffer."""

    throughput: float
    busy: tuple[float, ...]
    down: tuple[float, ...]
    blocked: tuple[float, ...]
    starved: tuple[float, ...]
    levels: tuple[float, ...]


def exponential_line(
    rates: Sequence[float], fails: Sequence[float], repairs: Sequence[float], rooms: Sequence[int]
) -> Shares:
    """Exponential work; failures while working; the part resumes; blocking after service."""
    last = len(rates) - 1

    def settled(doing: list[int], levels: list[int]) -> State:
        """Parts move on until none can: into the buffer, or straight to a starved machine."""
        moved = True
        while moved:
            moved = False
            for i in range(last):
                if doing[i + 1] == STARVED and levels[i] > 0:
                    levels[i] -= 1
                    doing[i + 1] = WORKING
                    moved = True
                if doing[i] == BLOCKED and (levels[i] < rooms[i] or doing[i + 1] == STARVED):
                    if doing[i + 1] == STARVED:
                        doing[i + 1] = WORKING
                    else:
                        levels[i] += 1
                    doing[i] = WORKING if i == 0 else STARVED
                    moved = True
        return tuple(doing), tuple(levels)

    def moves(state: State) -> Iterator[tuple[State, float]]:
        doing, levels = state
        for i, what in enumerate(doing):
            after = list(doing)
            if what == WORKING:
                if fails[i] > 0:
                    after[i] = DOWN
                    yield (tuple(after), levels), fails[i]
                after[i] = BLOCKED if i < last else (WORKING if last == 0 else STARVED)
                yield settled(after, list(levels)), rates[i]
            elif what == DOWN:
                after[i] = WORKING
                yield (tuple(after), levels), repairs[i]

    start = settled([WORKING] + [STARVED] * last, [0] * last)
    chain = stationary(start, moves, rates=True)

    def share(what: int) -> tuple[float, ...]:
        return tuple(
            sum(p for (doing, _), p in chain.items() if doing[i] == what) for i in range(last + 1)
        )

    busy = share(WORKING)
    levels = tuple(sum(p * state[1][i] for state, p in chain.items()) for i in range(last))
    return Shares(
        busy[last] * rates[last], busy, share(DOWN), share(BLOCKED), share(STARVED), levels
    )


Free = Callable[[tuple[int, ...]], list[bool]]
"""Which machines could work in a cycle that starts with these levels."""


def by_levels(rooms: Sequence[int]) -> Free:
    """A machine has a part before it, and the level after it is below its top."""

    def free(levels: tuple[int, ...]) -> list[bool]:
        parts = [True, *(level > 0 for level in levels)]
        room = [*(level < top for level, top in zip(levels, rooms, strict=True)), True]
        return [a and b for a, b in zip(parts, room, strict=True)]

    return free


def after_service(rooms: Sequence[int]) -> Free:
    """The same with blocking after service and buffers of so many places.

    A level is of parts made by machine i and not by the next: one on the next (unless that is
    blocked, with a part of its own), those in the buffer, and one that waits on machine i itself.
    """

    def free(levels: tuple[int, ...]) -> list[bool]:
        blocked = [False] * (len(rooms) + 1)
        for i in reversed(range(len(rooms))):
            blocked[i] = levels[i] > rooms[i] + (not blocked[i + 1])
        return [
            (i == 0 or levels[i - 1] > 0) and not stands for i, stands in enumerate(blocked)
        ]  # fmt: skip

    return free


def line_in_step(
    fails: Sequence[float], repairs: Sequence[float], free: Free
) -> tuple[float, tuple[float, ...]]:
    """Parts a cycle and mean levels of a line in step (Buzacott; Gershwin 1994).

    In a cycle a machine that could work fails with probability p, one that is down is mended with
    probability r; then each machine that is up and could work moves one part. Who could work is
    judged by the levels at the cycle's start.
    """
    size = len(fails)

    def odds(is_up: int, i: int, can: bool) -> list[tuple[int, float]]:
        if not is_up:
            return [(1, repairs[i]), (0, 1 - repairs[i])]
        return [(1, 1 - fails[i]), (0, fails[i])] if can else [(1, 1.0)]

    def moves(state: State) -> Iterator[tuple[State, float]]:
        ups, levels = state
        can = free(levels)
        for case in product(*(odds(up, i, can[i]) for i, up in enumerate(ups))):
            after = tuple(up for up, _ in case)
            works = [up and can[i] for i, up in enumerate(after)]
            moved = tuple(level + works[i] - works[i + 1] for i, level in enumerate(levels))
            yield (after, moved), prod(p for _, p in case)

    chain = stationary(((1,) * size, (0,) * (size - 1)), moves, rates=False)
    made = 0.0
    for (ups, levels), share in chain.items():
        if free(levels)[-1]:
            made += share * (1 - fails[-1] if ups[-1] else repairs[-1])
    means = tuple(sum(p * s[1][i] for s, p in chain.items()) for i in range(size - 1))
    return made, means


def synchronous_line(
    fails: Sequence[float], repairs: Sequence[float], rooms: Sequence[int]
) -> tuple[float, tuple[float, ...]]:
    """The same by levels, as printed with the anchors."""
    return line_in_step(fails, repairs, by_levels(rooms))


def bernoulli_line(works: Sequence[float], rooms: Sequence[int]) -> float:
    """Parts a cycle of a Bernoulli line (Li and Meerkov 2009).

    In a cycle machine i is up with probability p_i; up, it moves one part if it has one and if the
    buffer after it has room or the next machine takes a part from it in the same cycle.
    """
    size = len(works)

    def moved(levels: tuple[int, ...], ups: tuple[int, ...]) -> tuple[int, ...]:
        does = [0] * size
        for i in reversed(range(size)):
            has_room = i == size - 1 or levels[i] < rooms[i] or does[i + 1]
            does[i] = int(ups[i] and (i == 0 or levels[i - 1] > 0) and has_room)
        return tuple(level + does[i] - does[i + 1] for i, level in enumerate(levels))

    def moves(state: State) -> Iterator[tuple[State, float]]:
        for ups in product((0, 1), repeat=size):
            odds = prod(p if up else 1 - p for p, up in zip(works, ups, strict=True))
            yield ((), moved(state[1], ups)), odds

    chain = stationary(((), (0,) * (size - 1)), moves, rates=False)
    return works[-1] * sum(share for (_, levels), share in chain.items() if levels[-1] > 0)


def bernoulli_pair(first: float, second: float, room: int) -> float:
    """The closed form for two machines: p₂ (1 − Q(p₁, p₂, N))."""
    if first == second:
        empty = (1 - first) / (room + 1 - first)
    else:
        a = first * (1 - second) / (second * (1 - first))
        empty = (1 - first) * (1 - a) / (1 - first / second * a**room)
    return second * (1 - empty)
