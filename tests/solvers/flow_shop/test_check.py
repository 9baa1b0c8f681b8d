"""The check accepts every plan there is, and names each planted fault."""

from dataclasses import replace

from solvers.flow_shop.check import check
from solvers.flow_shop.problem import FlowShop, impossible, objective
from tests.solvers.flow_shop.shops import all_plans, drawn_shop

SHOP = FlowShop(
    "two machines",
    power=(((100.0, 100.0), (50.0,)), ((200.0,), (80.0, 80.0))),
    generation=(0.0, 0.0, 150.0, 150.0, 0.0, 0.0),
    rate=(1.0,) * 6,
)
ORDER, STARTS = (0, 1), ((0, 2), (2, 4))


def test_a_plan_is_accepted() -> None:
    assert check(SHOP, ORDER, STARTS, 100.0 + 100.0 + 100.0 + 80.0 + 80.0) == []


def test_every_plan_of_a_drawn_shop_is_accepted() -> None:
    shop = drawn_shop(1)
    plans = list(all_plans(shop))
    assert plans
    assert not any(check(shop, *plan, objective(shop, plan[1])) for plan in plans)


def test_two_jobs_at_once_on_a_machine() -> None:
    [fault] = check(SHOP, ORDER, ((0, 2), (1, 4)))
    assert "machine 0: job 1 starts at 1, before job 0 has ended at 2" in fault


def test_a_job_on_two_machines_at_once() -> None:
    [fault] = check(SHOP, ORDER, ((0, 1), (2, 4)))
    assert "before it has left machine 0 at 2" in fault


def test_an_order_that_differs_between_machines() -> None:
    shop = replace(SHOP, power=(((1.0,), (1.0,)), ((1.0,), (1.0,))))
    [fault] = check(shop, ORDER, ((0, 4), (1, 2)))
    assert "machine 1: job 1 starts at 2, before job 0 has ended at 5" in fault


def test_an_end_beyond_the_horizon() -> None:
    [fault] = check(SHOP, ORDER, ((0, 2), (2, 5)))
    assert "runs in [5, 7); the horizon is [0, 6)" in fault


def test_a_wrong_objective() -> None:
    [fault] = check(SHOP, ORDER, STARTS, 459.0)
    assert "459.0 is claimed" in fault


def test_a_job_that_stands_twice_in_the_order() -> None:
    assert check(SHOP, (0, 0), STARTS)


def test_starts_of_another_shape() -> None:
    assert check(SHOP, ORDER, STARTS[:1])


def test_work_beyond_the_horizon_is_impossible() -> None:
    assert impossible(SHOP) == ""
    short = replace(SHOP, rate=(1.0,) * 3, generation=(0.0,) * 3)
    assert "machine 0: its 2 operations need 4 slots" in impossible(short)
    assert not any(True for _ in all_plans(short))
