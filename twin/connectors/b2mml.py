"""B2MML, the XML form of ISA-95: one place for its names, and for reading it without harm.

Namespace and element names are those of B2MML V7 (MESA International, 2020). A document is read
with neither a document type nor entities nor the network, so that no file can make the reader
fetch, or grow, anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.errors import Fault, InputError

if TYPE_CHECKING:
    from lxml.etree import XMLSchema, _Element

NAMESPACE = "http://www.mesa.org/xml/B2MML"
LARGEST_BYTES = 200_000_000
"""A bigger file is no message between two systems."""


def parse(content: bytes, source: str) -> _Element:
    """The root element of a document.

    Raises
    ------
    InputError
        When it is no XML, has a document type, is not B2MML, or is too long.
    """
    from lxml import etree

    if len(content) > LARGEST_BYTES:
        found = f"{len(content):,} bytes; at most {LARGEST_BYTES:,} are read"
        raise InputError(source, [Fault("", found, "split the message")])
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        huge_tree=False, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        where = f"line {error.lineno}" if error.lineno else ""
        fault = Fault(where, f"not valid XML: {error.msg}", "copy or export it again")
        raise InputError(source, [fault]) from None
    if root.getroottree().docinfo.doctype:
        fault = Fault(
            "line 1", "has a document type (DOCTYPE); B2MML has none", "export it without"
        )
        raise InputError(source, [fault])
    if etree.QName(root).namespace != NAMESPACE:
        found = f"root element {root.tag}; an element of {NAMESPACE} is expected"
        raise InputError(source, [Fault("line 1", found, "check the export")])
    return root


def check_schema(root: _Element, schemas: Path, source: str) -> None:
    """Hold a document against the published schemas, a folder with ``AllSchemas.xsd``.

    Raises
    ------
    InputError
        With the first faults by line; or when the schemas cannot be read.
    """
    schema = _schema(schemas)
    if not schema.validate(root):
        faults = [
            Fault(f"line {entry.line}", entry.message.replace(f"{{{NAMESPACE}}}", ""))
            for entry in list(schema.error_log)[:20]
        ]
        raise InputError(source, faults)


@lru_cache(maxsize=4)
def _schema(folder: Path) -> XMLSchema:
    from lxml import etree

    path = folder / "AllSchemas.xsd"
    try:
        return etree.XMLSchema(etree.parse(path))
    except (OSError, etree.LxmlError) as error:
        remedy = "name the folder of the B2MML schemas, with AllSchemas.xsd in it"
        raise InputError(str(path), [Fault("", f"cannot be read: {error}", remedy)]) from None


def name_of(element: _Element) -> str:
    """Name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def children(element: _Element, name: str) -> Iterator[_Element]:
    """Children of a name."""
    yield from element.iterchildren(f"{{{NAMESPACE}}}{name}")


def descendants(element: _Element, *names: str) -> Iterator[_Element]:
    """The element itself and all below it that have one of the names."""
    yield from element.iter(*(f"{{{NAMESPACE}}}{name}" for name in names))


def text_at(element: _Element, *path: str) -> str:
    """Text of the first element down a path of names; empty when there is none."""
    found = element.findtext("/".join(f"{{{NAMESPACE}}}{name}" for name in path))
    return (found or "").strip()


def quantity_at(element: _Element) -> tuple[str, str]:
    """Quantity of an element and its unit of measure, as written."""
    return text_at(element, "Quantity", "QuantityString"), text_at(
        element, "Quantity", "UnitOfMeasure"
    )


def element(name: str, *inside: Any, **attributes: str) -> _Element:
    """An element of a name with text or elements inside; those that are None are left out.

    >>> from lxml import etree
    >>> etree.tostring(element("ID", "4711"))
    b'<ID xmlns="http://www.mesa.org/xml/B2MML">4711</ID>'
    """
    from lxml import etree

    made = etree.Element(f"{{{NAMESPACE}}}{name}", attributes, {None: NAMESPACE})
    for part in inside:
        if isinstance(part, str):
            made.text = part
        elif part is not None:
            made.append(part)
    return made


def quantity(value: str, unit: str = "") -> _Element:
    """A ``Quantity`` as B2MML writes it."""
    unit_of_measure = element("UnitOfMeasure", unit) if unit else None
    return element("Quantity", element("QuantityString", value), unit_of_measure)


def document(root: _Element) -> str:
    """The text of a document, the same for the same content."""
    from lxml import etree

    etree.indent(root, space=" ")
    body: str = etree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'
