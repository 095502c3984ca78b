"""Places of elements in XMP, and edits at them."""

import pytest

from hashstagram.tagging.xmp import RDF, Document, items

ODD = (
    f'\ufeff<?xml version="1.0"?>\n<r:RDF xmlns:r="{RDF}"><r:Description><a xmlns="urn:a" odd="/>" more=\'>\'><r:Bag>'
    "<r:li>é</r:li><r:li/><r:li></r:li><!-- </r:Bag> --><r:li><![CDATA[<x>]]></r:li>"
    "</r:Bag></a></r:Description></r:RDF>\n<?end?>"
)


def test_places_are_right_whatever_stands_around() -> None:
    content = ODD.encode()
    document = Document(content)
    (listing,) = document.properties("urn:a")
    found = [(content[item.start : item.end].decode(), item.text) for item in items(listing)]

    assert found == [
        ("<r:li>é</r:li>", "é"),
        ("<r:li/>", ""),
        ("<r:li></r:li>", ""),
        ("<r:li><![CDATA[<x>]]></r:li>", "<x>"),
    ]
    assert content[document.rdf.end :] == b"\n<?end?>"
    assert content[listing.inner_start :].startswith(b"<r:Bag>")


def test_without_changes_nothing_changes() -> None:
    assert Document(ODD.encode()).edited() == ODD.encode()


def test_cutting_and_appending() -> None:
    document = Document(ODD.encode())
    (listing,) = document.properties("urn:a")
    for item in items(listing)[1:]:
        document.cut(item)
    document.append(listing.children[0], ["<r:li>new</r:li>"])

    assert document.edited().decode() == (
        ODD.replace("<r:li/>", "").replace("<r:li></r:li>", "").replace("<r:li><![CDATA[<x>]]></r:li>", "")
    ).replace("</r:Bag></a>", "\n <r:li>new</r:li>\n</r:Bag></a>")


@pytest.mark.parametrize("empty", ["<r:RDF xmlns:r='{}'/>", "<r:RDF xmlns:r='{}' />", "<r:RDF xmlns:r='{}'></r:RDF>"])
def test_an_element_that_was_empty_is_opened(empty: str) -> None:
    document = Document(empty.format(RDF).encode())
    document.append(document.rdf, ["<a/>", "<b/>"])

    assert document.edited().decode() == f"<r:RDF xmlns:r='{RDF}'>\n <a/>\n <b/>\n</r:RDF>"


def test_utf16_becomes_utf8() -> None:
    text = f'<?xml version="1.0" encoding="UTF-16"?><r:RDF xmlns:r="{RDF}"><r:Description>é</r:Description></r:RDF>'
    document = Document(text.encode("utf-16"))

    assert document.edited().decode() == text.partition("?>")[2]


def test_indentation_is_that_of_the_file() -> None:
    text = f'<r:RDF xmlns:r="{RDF}">\n\t\t<r:Bag>\n\t\t\t<r:li>a</r:li>\n\t\t</r:Bag>\n</r:RDF>'
    document = Document(text.encode())
    document.append(document.rdf.children[0], ["<r:li>b</r:li>"])

    assert document.edited().decode() == text.replace("a</r:li>\n", "a</r:li>\n\t\t <r:li>b</r:li>\n")
