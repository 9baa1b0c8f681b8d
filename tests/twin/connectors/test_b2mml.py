"""B2MML is read without harm: no document type, no entity, no file of the machine."""

from itertools import pairwise
from pathlib import Path

import pytest

from twin.connectors import b2mml
from twin.errors import InputError

NS = f'xmlns="{b2mml.NAMESPACE}"'


def refused(content: str) -> str:
    with pytest.raises(InputError) as error:
        b2mml.parse(content.encode(), "a.xml")
    return str(error.value)


def test_a_document_type_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush")
    text = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}">]><ID {NS}>&e;</ID>'
    assert "document type" in refused(text)


def test_entities_that_grow_are_refused() -> None:
    entities = '<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {name} "{f"&{below};" * 10}">' for below, name in pairwise("abcdefg")
    )
    assert refused(f"<!DOCTYPE x [{entities}]><ID {NS}>&g;</ID>")


def test_another_namespace_is_refused() -> None:
    assert "an element of" in refused("<OperationsSchedule/>")


def test_half_a_document_is_refused_with_its_line() -> None:
    assert refused(f"<OperationsSchedule {NS}>\n<ID>1</ID>\n<Operat").startswith("a.xml: line 3")


def test_what_is_written_is_read_again() -> None:
    made = b2mml.element("X", b2mml.element("ID", "a<&>b"), b2mml.quantity("12", "pcs"), None)
    root = b2mml.parse(b2mml.document(made).encode(), "a.xml")
    assert b2mml.text_at(root, "ID") == "a<&>b"
    assert b2mml.quantity_at(root) == ("12", "pcs")


def test_a_folder_without_schemas_is_named(tmp_path: Path) -> None:
    root = b2mml.parse(f"<ID {NS}/>".encode(), "a.xml")
    with pytest.raises(InputError, match=r"AllSchemas.xsd"):
        b2mml.check_schema(root, tmp_path, "a.xml")
