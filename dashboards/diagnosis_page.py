"""The page of a diagnosis: one HTML file with everything inside. Start at :func:`write_page`."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from dashboards import diagnosis_sections as parts
from dashboards import report_sections as sections
from dashboards.figures import numbers
from dashboards.html_report import page
from twin.calibration.diagnosis import Diagnosis
from twin.connectors.whole_files import write_text
from twin.model.plant import Plant

if TYPE_CHECKING:
    from scenarios.information import Information


def write_page(
    path: Path,
    found: Diagnosis,
    plant: Plant,
    notes: Sequence[str] = (),
    information: Information | None = None,
) -> None:
    """Write a diagnosis as a page; it is there whole or not at all."""
    card = sections.card
    name = plant.name or plant.id
    body = [
        _heading(name, found),
        card("What the log can carry", "", parts.readiness_body(found.readiness, information)),
        card("What it is worth to know more", "", parts.information_body(information))
        if information else "",
        card("What is wrong with it", "", parts.findings_body(found.findings)),
        card("Where time and money are lost", "",
             parts.losses_body(found.losses, "losses-figure")),
        card("Reasons of stops", "entropy 1: all reasons equally often, 0: one word for all",
             parts.stop_codes_body(found)),
        card("Names that do not match", "", parts.names_body(found)),
        card("Signals of every work unit", "", parts.signals_body(found)),
        card("Events not used as they came", "", parts.details_body(found)),
    ]  # fmt: skip
    if notes:
        items = "".join(f"<li>{escape(note)}</li>" for note in notes)
        body.append(card("What the figures rest on beside the log", "", f"<ul>{items}</ul>"))
    write_text(path, page(f"{name}: diagnosis of the log", "\n".join(filter(None, body))))


def _heading(name: str, found: Diagnosis) -> str:
    begin = f" from {numbers.moment(found.begin)}" if found.begin else ""
    identity = (
        f"Diagnosis of {found.source or 'the log'} · {numbers.number(found.events)} events{begin} "
        f"until {numbers.moment(found.until)} ({found.timezone})"
    )
    return (
        f'<header class="title"><h1>{escape(name)}</h1>'
        f'<span class="muted">{escape(identity)}</span></header>'
        f'<p class="lead"><strong>{escape(_verdict(found))}</strong> {escape(_why(found))}</p>'
    )


def _verdict(found: Diagnosis) -> str:
    if found.refusal:
        return "This log carries no plan."
    poor = [n for n, r in found.readiness.items() if r.verdict != "good"]
    if not poor:
        return "This log may be believed."
    names = ", ".join(parts.CONCLUSIONS[n].lower() for n in poor)
    return f"This log carries a plan; believe it least on {names}."


def _why(found: Diagnosis) -> str:
    if found.refusal:
        return f"{found.refusal[0].upper()}{found.refusal[1:]}."
    aside, adjusted = sum(found.set_aside.values()), sum(found.adjusted.values())
    severe = sum(f.severity == "severe" for f in found.findings)
    warnings = sum(f.severity == "warning" for f in found.findings)
    return (
        f"{numbers.number(len(found.clean))} of {numbers.number(found.events)} events are used, "
        f"{numbers.number(adjusted)} after a correction; {numbers.number(aside)} are not used as "
        f"they came. {severe} severe findings, {warnings} warnings."
    )
