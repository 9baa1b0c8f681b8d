"""Sections that say whether a log may be believed: a diagnosis in, plain HTML out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from dashboards.figures import numbers
from dashboards.figures.pareto import label, pareto_figure
from dashboards.report_sections import empty, mark, table

if TYPE_CHECKING:
    from scenarios.information import Information, Worth
    from twin.calibration.diagnosis import Diagnosis
    from twin.calibration.findings import Finding, Severity
    from twin.calibration.losses import Losses
    from twin.calibration.readiness import Readiness, Verdict
    from twin.calibration.stop_codes import StopCodes

MOST_ROWS = 25
DEAREST = 8
_WORST_FIRST: tuple[Severity, ...] = ("severe", "warning", "note")
_SEVERITY_TONES: dict[Severity, str] = {"severe": "bad", "warning": "warn", "note": "neutral"}
_TONES: dict[Verdict, str] = {"good": "good", "weak": "warn", "none": "bad"}
CONCLUSIONS = {
    "cycle_times": "Processing times", "setups": "Setup times", "failures": "Times to failure",
    "repairs": "Repair times", "energy": "Energy by state", "scrap": "Scrap", "flow": "Order flow",
    "everything": "Everything at once",
}  # fmt: skip


def diagnosis_body(diagnosis: Diagnosis) -> str:
    """The short form: what the data carry, what was found, what it costs, what was set aside."""
    return "".join(
        (
            readiness_body(diagnosis.readiness),
            findings_body(diagnosis.findings),
            losses_body(diagnosis.losses, "losses-figure"),
            set_aside_sentence(diagnosis),
        )
    )


def readiness_body(
    readiness: Mapping[str, Readiness], information: Information | None = None
) -> str:
    """Which conclusions the data carry; with what it is worth to know more, where asked for."""
    worth = {row.conclusion: row for row in information.rows} if information else {}
    rows = []
    for name, row in readiness.items():
        cells = [
            f"<strong>{escape(CONCLUSIONS.get(name, name))}</strong>",
            f'<span class="{_TONES[row.verdict]}">{mark(_TONES[row.verdict])} {row.verdict}</span>',
            f'{numbers.number(row.n)} <span class="muted">{escape(row.what)}</span>',
            escape(row.missing),
        ]
        if information:
            cells.append(_worth(worth.get(name), information))
        rows.append(cells)
    head = [("Conclusion", "nowrap"), ("Data", "nowrap"), ("Observations", ""), ("Missing", "")]
    if information:
        head.append(("Worth of knowing it, each plan", ""))
    return table(head, rows) if rows else ""


def _worth(row: Worth | None, information: Information) -> str:
    if row is None:
        return '<span class="muted">–</span>'
    return escape(row.words(information.currency, information.cost))


def information_body(information: Information) -> str:
    """What perfect knowledge is worth, and how it was found."""
    everything = next((r for r in information.rows if r.conclusion == "everything"), None)
    words = everything.words(information.currency, information.cost) if everything else "–"
    missing = ", ".join(CONCLUSIONS[n].lower() for n in information.not_drawn)
    late = ", ".join(CONCLUSIONS[n].lower() for n in information.not_reached)
    cost = f"{numbers.number(information.cost)} {information.currency}"
    return (
        f"<p><strong>All parameters known for sure: {escape(words)}.</strong> "
        f"The plan that is best on what is known costs {escape(cost)} on average.</p>"
        '<p class="muted">Parameters are drawn as uncertain as the calibration leaves them; the '
        "value is the mean cost of the one plan that is best on average, less that of the plan "
        f"best for each draw, out of {len(information.plans)} plans "
        f"({escape(', '.join(information.plans))}), under the same luck. A signal is worth at most "
        "this each time a plan is made.</p>"
        + (f"<p>Not drawn, as the log shows nothing of them: {escape(missing)}.</p>" if missing
           else "")
        + (f"<p>Not reached in the time given: {escape(late)}.</p>" if late else "")
    )  # fmt: skip


def findings_body(findings: Sequence[Finding]) -> str:
    if not findings:
        return empty("No fault was found in the log.")
    rows = [
        [
            f'<span class="{_SEVERITY_TONES[f.severity]}">{mark(_SEVERITY_TONES[f.severity])} '
            f"{f.severity}</span>",
            f"<strong>{escape(f.work_unit or 'whole log')}</strong>",
            numbers.number(f.count),
            escape(f.text)
            + (f'<span class="second">{escape(f.remedy)}</span>' if f.remedy else ""),
        ]
        for f in sorted(findings, key=lambda f: (_WORST_FIRST.index(f.severity), -f.count))
    ]
    return table(
        [("Severity", "nowrap"), ("Where", "nowrap"), ("Count", "number"), ("Finding", "")], rows
    )


def losses_body(losses: Losses, id: str) -> str:
    """The bars, what each kind adds up to, and the dearest."""
    if not losses.rows:
        return ""
    kinds = losses.by_kind()
    total = sum(hours for _, hours, _ in kinds)
    said = (
        f"The bottleneck of the past, by this log, is {losses.bottleneck} (★), busy "
        f"{losses.busy_share:.0%} of its shifts: an hour lost there is an hour of the plant. That "
        "of the days ahead is named by noria simulate. " if losses.bottleneck else ""
    )  # fmt: skip
    counted = losses.counted[:1].upper() + losses.counted[1:]
    waits = sum(row.hours for row in losses.rows if not row.is_counted)
    more = (
        f" Not in the shares: {numbers.number(waits)} h waiting or blocked elsewhere."
        if waits
        else ""
    )
    by_kind = [
        [f"<strong>{escape(kind)}</strong>", numbers.number(hours, 1),
         numbers.share(hours / total) if total else "–", numbers.number(cost) if cost else "–"]
        for kind, hours, cost in kinds
    ]  # fmt: skip
    dear = sorted((r for r in losses.rows if r.cost > 0), key=lambda r: -r.cost)[:DEAREST]
    dearest = [
        [f"<strong>{escape(label(r))}</strong>", numbers.number(r.cost), numbers.number(r.parts),
         numbers.number(r.energy), numbers.number(r.hours, 1)]
        for r in dear
    ]  # fmt: skip
    unit = f" [{losses.currency}]"
    head = [("Kind of loss", ""), ("Hours", "number"), ("Share", "number"),
            (f"Money{unit}", "number")]  # fmt: skip
    dear_head = [("Dearest", ""), (f"Money{unit}", "number"), (f"Parts, fees{unit}", "number"),
                 (f"Energy{unit}", "number"), ("Hours", "number")]  # fmt: skip
    return (
        f"<p><strong>{escape(said)}</strong>{escape(counted)}.{escape(more)}</p>"
        '<p class="muted">A bar is the hours of one loss. Σ adds up: the share, of all losses, of '
        "this bar and those above it.</p>"
        f"{_figure(pareto_figure(losses), id)}"
        f"{table(head, by_kind)}{table(dear_head, dearest) if dearest else ''}"
    )


def set_aside_sentence(diagnosis: Diagnosis) -> str:
    total = sum(diagnosis.set_aside.values())
    if not total:
        return "<p>No event was set aside.</p>"
    reasons = ", ".join(
        f"{numbers.number(n)} {escape(str(reason))}" for reason, n in diagnosis.set_aside.items()
    )
    return f"<p>{numbers.number(total)} events were set aside: {reasons}.</p>"


def details_body(diagnosis: Diagnosis) -> str:
    """Every reason for which events were set aside or adjusted, with an example."""
    if not diagnosis.details:
        return empty("Every event is used as it came.")
    rows = [
        [escape(d.action), numbers.number(d.count), f"<strong>{escape(d.reason)}</strong>",
         escape(d.example)]
        for d in diagnosis.details
    ]  # fmt: skip
    head = [("What was done", "nowrap"), ("Events", "number"), ("Reason", ""), ("Example", "wrap")]
    return table(head, rows)


def names_body(diagnosis: Diagnosis) -> str:
    """Names that log, plant file and order book do not share."""
    if not diagnosis.mismatches:
        return empty("Log, plant file and order book know the same names.")
    rows = [
        [f"<strong>{escape(m.what)}</strong>", escape(m.present), escape(m.absent),
         numbers.number(len(m.names)), escape(", ".join(m.names[:6])), escape(m.meaning)]
        for m in diagnosis.mismatches
    ]  # fmt: skip
    head = [("What", "nowrap"), ("In", "nowrap"), ("Not in", "nowrap"), ("Names", "number"),
            ("For example", "wrap"), ("What it means", "")]  # fmt: skip
    return table(head, rows)


def signals_body(diagnosis: Diagnosis) -> str:
    """Every unit's signals: how much there is, silences, overlaps, meter."""
    gaps = {g.work_unit: g for g in diagnosis.signal_gaps}
    energy = {e.work_unit: e for e in diagnosis.energy}
    rows = []
    for c in diagnosis.coverage:
        gap, meter = gaps.get(c.work_unit), energy.get(c.work_unit)
        rows.append(
            [
                f"<strong>{escape(c.work_unit)}</strong>", numbers.number(c.events),
                numbers.number(c.lots), numbers.share(c.state_share),
                numbers.share(c.meter_share),
                f"{gap.gaps} ({numbers.number(gap.gap_minutes)} min)" if gap and gap.gaps else "–",
                f"{gap.overlaps} ({numbers.number(gap.overlap_minutes)} min)"
                if gap and gap.overlaps else "–",
                numbers.number(meter.metered_kwh) if meter else "–",
                numbers.number(meter.nominal_kwh) if meter else "–",
                numbers.share(meter.unexplained_share) if meter else "–",
            ]
        )  # fmt: skip
    head = [("Work unit", "nowrap"), ("Events", "number"), ("Lots", "number"),
            ("States known", "number"), ("Metered", "number"), ("Silences in shifts", "number"),
            ("Overlapping lots", "number"), ("kWh metered", "number"),
            ("kWh by plant file", "number"), ("Unexplained", "number")]  # fmt: skip
    found = table(head, rows)
    if diagnosis.transitions:
        changes = [
            [f"<strong>{escape(t.work_unit)}</strong>", f"{t.before} to {t.after}",
             numbers.number(t.count), escape(t.meaning)]
            for t in diagnosis.transitions
        ]  # fmt: skip
        titles = [("Work unit", "nowrap"), ("States out of turn", "nowrap"), ("Times", "number"),
                  ("What it means", "")]  # fmt: skip
        found += table(titles, changes)
    return found


def _entropies(codes: StopCodes) -> tuple[str, str]:
    """Found and expected; none where there is but one word to choose from."""
    if codes.reasons == 1 and codes.entropy == 1:
        return "–", "–"
    return numbers.number(codes.entropy, 2), numbers.number(codes.expected_entropy, 2)


def stop_codes_body(diagnosis: Diagnosis) -> str:
    """How far the reasons of stops tell causes apart."""
    if not diagnosis.stop_codes:
        return empty("The log has no stops.")
    codes = sorted(diagnosis.stop_codes, key=lambda c: (bool(c.work_unit), not c.meaning, -c.stops))
    rows = [
        [f"<strong>{escape(c.work_unit or 'whole plant')}</strong>", numbers.number(c.stops),
         numbers.number(c.reasons), escape(c.commonest or "no reason"),
         numbers.share(c.commonest_share), numbers.share(c.expected_share),
         *_entropies(c),
         numbers.share(c.wordless_share) if c.wordless_share else "–", escape(c.meaning)]
        for c in codes[:MOST_ROWS]
    ]  # fmt: skip
    head = [("Work unit", "nowrap"), ("Stops", "number"), ("Reasons", "number"),
            ("Commonest", ""), ("Its share", "number"), ("Expected", "number"),
            ("Entropy", "number"), ("Expected", "number"), ("Says nothing", "number"),
            ("What it means", "")]  # fmt: skip
    return table(head, rows)


def _figure(figure: go.Figure, id: str) -> str:
    html: str = figure.to_html(
        include_plotlyjs=False, include_mathjax=False, full_html=False, div_id=id,
        config={"displayModeBar": False, "responsive": True},
    )  # fmt: skip
    return html
