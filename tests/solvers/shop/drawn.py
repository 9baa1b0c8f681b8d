"""Small shops for tests: drawn at random, and solved by trying everything."""

from __future__ import annotations

from random import Random

from solvers.shop.problem import Alternative, Operation, Problem


def drawn_shop(
    seed: int,
    jobs: int = 3,
    machines: int = 3,
    steps: int = 3,
    *,
    alternatives: int = 1,
    shortest: int = 1,
    returns: bool = False,
) -> Problem:
    """A shop in which a job visits machines in drawn order, again and again if it ``returns``."""
    random = Random(f"{seed}/drawn shop")

    def job() -> tuple[Operation, ...]:
        first = random.choices(range(machines), k=steps) if returns else order()
        return tuple(operation(machine) for machine in first)

    def order() -> list[int]:
        return random.sample(range(machines), k=min(steps, machines))

    def operation(machine: int) -> Operation:
        others = [k for k in range(machines) if k != machine]
        also = random.sample(others, k=random.randint(1, alternatives) - 1)
        return Operation(
            tuple(Alternative(k, random.randint(shortest, 9)) for k in (machine, *also))
        )

    return Problem(f"drawn {seed}", machines, tuple(job() for _ in range(jobs)))


def least_makespan(problem: Problem) -> int:
    """The optimum, by trying every sequence in which operations can be dispatched."""
    best = sum(operation.shortest for _, _, operation in problem.each()) + 1
    seen: dict[tuple[object, ...], bool] = {}

    def dispatch(at: tuple[int, ...], job_free: tuple[int, ...], free: tuple[int, ...]) -> None:
        nonlocal best
        left = [
            ready + sum(operation.shortest for operation in job[step:])
            for job, step, ready in zip(problem.jobs, at, job_free, strict=True)
        ]
        if max(left) >= best or (at, job_free, free) in seen:
            return
        seen[at, job_free, free] = True
        if all(step == len(job) for job, step in zip(problem.jobs, at, strict=True)):
            best = max(job_free)
            return
        for j, job in enumerate(problem.jobs):
            if at[j] < len(job):
                for a in job[at[j]].alternatives:
                    end = max(job_free[j], free[a.machine]) + a.time
                    dispatch(
                        replaced(at, j, at[j] + 1),
                        replaced(job_free, j, end),
                        replaced(free, a.machine, end),
                    )

    none = (0,) * len(problem.jobs)
    dispatch(none, none, (0,) * problem.machines)
    return best


def replaced(values: tuple[int, ...], place: int, value: int) -> tuple[int, ...]:
    return (*values[:place], value, *values[place + 1 :])
