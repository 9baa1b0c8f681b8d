"""Every word the app shows, by key, so that no page and no callback holds text of its own.

One language so far. A second one is a second table with the same keys; the sentences that the
figures compute are English as well and would have to follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LANGUAGE = "en"

_ENGLISH: Mapping[str, str] = MappingProxyType(
    {
        # shell
        "page.now": "Now",
        "page.plan": "Today’s plan",
        "page.what-if": "What-if",
        "page.runs": "Nightly runs",
        "group.plan": "Plan",
        "group.trust": "Trust",
        "rail.label": "Pages",
        "rail.size": "{units} work units, {orders} open orders",
        "age.log": "Log ends {age} before the cut-off",
        "age.cut_off": "Cut-off {at}",
        "age.prices": "Prices forecast to {until}",
        "theme.dark": "Switch to dark",
        "theme.light": "Switch to light",
        "unit.days": "d",
        "action.share": "Copy link",
        "action.shared": "Link copied",
        "action.what-if": "New what-if",
        "action.export": "Orders as CSV",
        "error.title": "This page could not be made",
        "error.page": (
            "Something unexpected went wrong; the other pages still work. The server’s log has the "
            "details under “page {page} failed”."
        ),
        "error.not_found": "There is no page at this address; choose one from the list.",
        "error.noscript": "Noria draws its pages with JavaScript; please allow it here.",
        "error.callback": (
            "The last action failed and changed nothing. The server’s log has the details."
        ),
        # plan
        "plan.title": "Plan of {at}",
        "plan.identity": "plan of {at}",
        "zoom.label": "Time in view",
        "zoom.shift": "Shift",
        "zoom.day": "Day",
        "zoom.36h": "36 h",
        "zoom.week": "Week",
        "gantt.label": "The plan by work unit, with prices, carbon and load",
        "gantt.hint": "Drag to pan, wheel to zoom, keys 1–4 for spans",
        "gantt.hint.late": "J and K step through the late orders",
        "assumed": "Beside the log, the figures rest on: {notes}",
        "late.title": "Late and at risk",
        "late.note.one": "{n} order · {replications} replications · {level} % intervals",
        "late.note.other": "{n} orders · {replications} replications · {level} % intervals",
        "late.order": "Order",
        "late.end": "Planned end",
        "late.margin": "Margin",
        "late.chance": "Chance on time",
        "late.why": "Where its time goes",
        "late.due": "due {at}",
        "late.none": "No order is late or at risk.",
        "late.next": "No order is late or at risk. The next risk is {order}, {chance} on time.",
        "late.pieces": "{product} · {quantity} pieces",
        "late.no_place": "no place",
        "late.exact": "by the plan",
        "late.beyond.one": "and {n} order more",
        "late.beyond.other": "and {n} orders more",
        "change.title": "Changed since last night",
        "change.note": "against the plan of {at}",
        "change.moved.one": "{n} of {of} operations moved",
        "change.moved.other": "{n} of {of} operations moved",
        "change.unit.one": "{n} changed work unit",
        "change.unit.other": "{n} changed work unit",
        "change.maintenance.moved.one": "{n} maintenance moved",
        "change.maintenance.moved.other": "{n} maintenances moved",
        "change.new.one": "{n} new order",
        "change.new.other": "{n} new orders",
        "change.gone.one": "{n} order gone",
        "change.gone.other": "{n} orders gone",
        "change.more.one": "and {n} more",
        "change.more.other": "and {n} more",
        "change.from_to": "{what} from {before} to {now}",
        "kpi.label": "Figures of the plan",
        "kpi.naive": "the plan by due dates",
        "gantt.now": "cut-off",
        "change.none": "This is the first plan of the archive; there is none to compare with.",
        "change.nothing": "Nothing moved by more than an hour and no work unit changed.",
        # order
        "order.title": "Order {order}",
        "order.note": "{product} · {quantity} pieces{customer}",
        "order.none": "Select an order in the plan or the table to see its way through the plant.",
        "order.unknown": "The order book of this plan has no order “{order}”.",
        "order.due": "Due",
        "order.planned_end": "Planned end",
        "order.margin": "Margin",
        "order.chance": "Chance on time",
        "order.completion": "Simulated end",
        "order.completion.range": "{low} – {high} (8 of 10 replications)",
        "order.completion.none": "not finished in most replications",
        "order.exact": "planned",
        "order.operation": "Operation",
        "order.unit": "Unit",
        "order.start": "Start",
        "order.end": "End",
        "order.wait": "Wait",
        "order.causes": "From release to planned end: {total}, exactly as planned",
        "order.clear": "Clear the selection",
        "step.done": "done",
        "step.running": "running",
        "step.no place": "no place",
        # what-if
        "what-if.about": "against the {plan}",
        "what-if.about.done": "against the {plan} · same luck: {n} paired replications",
        "what-if.lead": "What would it cost, and whom would it make late?",
        "what-if.lead.detail": (
            "Change something and run: the plan is made anew for your case and simulated on the "
            "same breakdowns as tonight’s plan, so that their difference is not luck."
        ),
        "what-if.base.figures": "Tonight’s plan, the base of every what-if",
        "what-if.form": "Change",
        "what-if.past": "What-ifs of this plan",
        "what-if.past.none": "None yet. Each one you run is kept here, with its result.",
        "what-if.show": "Show",
        "what-if.beside": "Compare beside",
        "what-if.alone": "Show alone",
        "what-if.base": "Tonight’s plan",
        "what-if.base.note": "Baseline of every difference below.",
        "what-if.figures": "Differences against tonight’s plan",
        "what-if.figures.note": "dot: mean · bar: {level} % interval · same random breakdowns",
        "what-if.gantt": "Plan of {letter}: {name}",
        "what-if.gantt.note": "dotted: place in tonight’s plan, for the selected order",
        "what-if.effort": "{n} replications, optimiser about {seconds} s",
        "what-if.missing": "There is no what-if number {job}; choose one from the list.",
        "what-if.other_run": "This what-if started from another plan, of {run}.",
        "form.name": "Name (optional)",
        "form.demand": "Demand",
        "form.demand.help": "Of orders not started",
        "form.maintenance": "PM interval",
        "form.maintenance.help": "Preventive maintenance; below 100 % more often",
        "form.price": "Energy price",
        "form.price.help": "Tariff and demand charge",
        "form.carbon": "Carbon price",
        "form.carbon.help": "Internal; now {now}",
        "form.extra_shift": "One shift more in",
        "form.extra_shift.help": "Works round the clock on its working days",
        "form.extra_shift.always": "Works round the clock already",
        "form.replications": "Replications",
        "form.replications.help": "Four times as many halve the intervals",
        "form.time_limit": "Optimiser, about",
        "form.time_limit.help": "Search for the new plan",
        "form.run": "Run what-if",
        "form.nothing": "Nothing differs from tonight’s plan yet; change at least one value.",
        "form.number": "a number",
        "form.whole_number": "a whole number",
        "form.range": "{kind} from {low} to {high}",
        "form.no_number": "“{typed}” is not a number; enter {range}.",
        "form.out_of_range": "“{typed}” does not fit; enter {range}.",
        "change.demand": "demand {percent} %",
        "change.extra_shift": "one shift more in {areas}",
        "change.maintenance": "maintenance interval {percent} %",
        "change.price": "energy price {percent} %",
        "change.carbon": "carbon price {price} {currency}/t",
        "forest.figure": "Figure",
        "sides.title": "Orders that change side in {letter}",
        "sides.note": "{shown} of {total} · chance on time in A → in this what-if",
        "sides.none": "None: every order stays on its side of an even chance.",
        "sides.late": "becomes late",
        "sides.on_time": "no longer late",
        "verdict.clear": "{letter} is {clauses}.",
        "verdict.unclear": "{letter} has no clear change in {figures}.",
        "verdict.none": "Nothing clear separates {letter} from tonight’s plan.",
        "verdict.total_cost": "{size} {word}",
        "verdict.orders_on_time": "with {size} orders {word}",
        "verdict.tardiness_h": "{size} {word} in weighted sum",
        "verdict.carbon_kg": "{size} {word}",
        "verdict.peak_kw": "{size} {word} at its peak",
        # jobs
        "job.title": "What-if {job}: {name}",
        "job.queued": "Starting",
        "job.waiting": "Waits for another calculation to end",
        "job.active": "Calculating",
        "job.done.short": "Done",
        "job.cancelled": "Cancelled; nothing was kept of it.",
        "job.cancelled.short": "Cancelled",
        "job.failed.short": "Failed",
        "job.failed.text": "The what-if could not be calculated: {message}",
        "job.failed.reference": "Log: {reference}",
        "job.cancel": "Cancel",
        "job.step.read": "Reading tonight’s plan",
        "job.step.base": "Step 1 of 3, tonight’s plan on the twin",
        "job.step.optimise": "Step 2 of 3, optimiser",
        "job.step.variant": "Step 3 of 3, new plan on the twin",
        "job.count": "{done} of {total} replications",
        "job.left": "about {seconds} s left in this step",
        "job.elapsed": "{seconds} s of about {limit} s",
        # now
        "now.about": "the shop as it stands, against the published plan",
        "now.none": "Nobody follows the shop at the moment.",
        "now.empty": "Start the live twin",
        "now.start": (
            "It follows the event store of the nightly job’s configuration and writes what it sees "
            "into this archive. Type, beside the ingester and under the same user:"
        ),
        "now.as_of": "As of {at}, {ago} ago.",
        "now.data": "The latest event was {age} old then. Plan {run}.",
        "now.no_event": "No event has arrived yet.",
        "now.stopped": "noria watch has been stopped; start it again to go on.",
        "now.stale": (
            "noria watch has not looked since, although it looks every {every} s; see whether it "
            "still runs."
        ),
        "now.trouble": "The feed cannot be read: {why}",
        "now.no_plan": "The plan {run} is not in this archive any more.",
        "now.alerts": "Alerts",
        "now.alerts.count.one": "{n} stands",
        "now.alerts.count.other": "{n} stand",
        "now.calm": "Nothing is out of the ordinary.",
        "now.severity.alarm": "Alarm",
        "now.severity.warning": "Warning",
        "now.severity.note": "Note",
        "now.since": "since {at}",
        "now.rest": "about {rest} more",
        "now.gantt": "Last and next hours",
        "now.gantt.label": "What every work unit did, above what the plan had there",
        "now.now": "now",
        "now.plan": "planned",
        "now.legend.working": "working",
        "now.legend.late": "order with an alert",
        "now.legend.setup": "setup",
        "now.legend.maintenance": "maintenance",
        "now.legend.down": "down",
        "now.legend.plan": "planned, the strip below",
        "now.units": "Work units",
        "now.unit": "Work unit",
        "now.state": "State",
        "now.order": "Order",
        "now.behind": "Against plan",
        "now.unknown": "unknown",
        "now.on_plan": "all do what is planned",
        "now.off_plan.one": "{n} does something else than planned",
        "now.off_plan.other": "{n} do something else than planned",
        "now.plan.work": "planned: work on",
        "now.plan.setup": "planned: setup for",
        "now.plan.maintenance": "planned: maintenance",
        "now.plan.startup": "planned: warm-up",
        "now.plan.standby": "planned: standby",
        "now.plan.none": "nothing is planned",
        "now.late_by": "{by} behind",
        "now.ahead_by": "{by} ahead",
        "now.orders": "Orders in doubt",
        "now.orders.note": "of {n} open; the twin goes on from now, following the plan",
        "now.no_forecast": "no forecast: {why}",
        "now.all_sure": "Every order is as good as sure to be on time.",
        "now.expected": "Expected end",
        "now.chance": "Chance on time",
        "now.was": "{share} at plan time",
        "now.running": "runs {where}",
        "now.next": "next {where}",
        "now.beyond": "beyond the plan",
        "now.waiting": "Waiting between operations",
        "now.before": "Before",
        "now.waiting.orders": "Orders",
        "now.pieces": "Pieces",
        "now.nothing_waits": "No batch waits between two operations.",
        # runs
        "runs.about": "every execution of the nightly job",
        "runs.title": "Ledger",
        "runs.lead.one": "{n} execution is recorded; {good} ended with a plan.",
        "runs.lead.other": "{n} executions are recorded; {good} ended with a plan.",
        "runs.none": "The ledger of this archive is empty.",
        "runs.number": "No",
        "runs.started": "Started",
        "runs.status": "Status",
        "runs.failed": "{status}, exit code {code}",
        "runs.run_id": "Run",
        "runs.orders": "Orders",
        "runs.replications": "Replications",
        "runs.cost": "planned cost {cost} {currency}",
        "runs.details": "Outcome",
    }
)


def text(key: str, **values: object) -> str:
    """The words of a key, its values filled in.

    >>> text("job.count", done=48, total=100)
    '48 of 100 replications'
    """
    return _ENGLISH[key].format(**values)


def counted(key: str, n: int, **values: object) -> str:
    """The words of a key for a number of things, in the form that number takes.

    >>> counted("late.beyond", 1)
    'and 1 order more'
    """
    return text(f"{key}.{'one' if n == 1 else 'other'}", n=n, **values)


def keys() -> frozenset[str]:
    """Every key there is."""
    return frozenset(_ENGLISH)
