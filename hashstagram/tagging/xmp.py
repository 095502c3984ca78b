"""XMP as bytes: its elements with the places where they stand, and edits that leave every other byte as it was.

Other programs keep things in a sidecar that nobody else understands. So a sidecar is never taken apart and written
anew: what is to go is cut out, what is new is put in, and the rest is not looked at.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

from hashstagram.errors import HashStagramError

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

MAX_BYTES = 2**24
_DEEPEST = 100
_CONTAINERS = ("Bag", "Seq", "Alt")


class SidecarError(HashStagramError):
    """A sidecar that is there cannot be understood, or not be written; it is left as it is."""


@dataclass
class Element:
    """An element and its place: `start` to `end` is all of it, `inner_start` to `inner_end` what is in it.

    `empty` says that it is one tag, `<a/>`, where `inner_start` and `inner_end` are `end`. `name` is (namespace, local
    name), and so are the keys of `attributes`; `prefix` is what stands before the colon, "" where there is none.
    """

    name: tuple[str, str]
    prefix: str
    attributes: dict[tuple[str, str], str]
    start: int
    inner_start: int = 0
    inner_end: int = 0
    end: int = 0
    empty: bool = False
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def child(self, namespace: str, *names: str) -> "Element | None":
        """The first child of one of these names."""
        wanted = {(namespace, name) for name in names}
        return next((child for child in self.children if child.name in wanted), None)

    def qualified(self, name: str) -> str:
        """A local name with this element's prefix."""
        return f"{self.prefix}:{name}" if self.prefix else name


def items(listing: Element) -> list[Element]:
    """The `rdf:li` of a property that is a list. Raises SidecarError for a property that is none."""
    container = container_of(listing)
    return [child for child in container.children if child.name == (RDF, "li")]


def container_of(listing: Element) -> Element:
    """The `rdf:Bag`, `rdf:Seq` or `rdf:Alt` of a property. Raises SidecarError for a property without one."""
    container = listing.child(RDF, *_CONTAINERS)
    if container is None:
        raise SidecarError(
            f"The sidecar has {listing.qualified(listing.name[1])} in a form that XMP does not know for lists. "
            "Write it again with the program that made it, or move it away."
        )
    return container


def fields(structure: Element) -> dict[tuple[str, str], str]:
    """The fields of a structure in any of the three ways in which programs write them."""
    found = dict(structure.attributes)
    for child in structure.children:
        if child.name == (RDF, "Description"):
            found |= fields(child)
        else:
            found[child.name] = child.text
    return found


class Document:
    """The content of a sidecar, and what is to be changed in it.

    Raises SidecarError for what is not XMP, is damaged, larger than 16 MB, not in UTF-8 or UTF-16, or has a document
    type, which XMP never has: it could name other files, or make a few bytes very long.
    """

    def __init__(self, content: bytes) -> None:
        if len(content) > MAX_BYTES:
            raise SidecarError(f"The sidecar has {len(content):,} bytes, more than a sidecar has. Move it away.")
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = content.decode("utf-16", "replace")
            content = re.sub(r"^\s*<\?xml\b.*?\?>", "", text, count=1).encode()
        self._content = content
        self._edits: list[tuple[int, int, bytes]] = []
        self.rdf = _find_rdf(_Reader(content).root)
        self.descriptions = [child for child in self.rdf.children if child.name == (RDF, "Description")]

    def properties(self, namespace: str, name: str | None = None) -> list[Element]:
        """The properties of a namespace, or those of one name, that are elements."""
        return [
            child
            for description in self.descriptions
            for child in description.children
            if child.name[0] == namespace and name in (None, child.name[1])
        ]

    def listing(self, namespace: str, name: str) -> Element | None:
        """A property that is a list. Raises SidecarError where it is an attribute, as no list can be."""
        if any((namespace, name) in description.attributes for description in self.descriptions):
            raise SidecarError(
                f"The sidecar has {name} as a single text, not as a list. "
                "Write it again with the program that made it, or move it away."
            )
        return next(iter(self.properties(namespace, name)), None)

    def cut(self, element: Element) -> None:
        """Take an element out, with the blanks before it."""
        start = len(self._content[: element.start].rstrip())
        self._edits.append((start, element.end, b""))

    def append(self, parent: Element, lines: list[str]) -> None:
        """Put lines of XML at the end of an element, each one blank further in than the element itself."""
        indent = self._indent_of(parent)
        new = "".join(f"\n{indent} {line}" for line in lines)
        if parent.empty:
            tag = self._content[parent.start : parent.end]
            opened = tag[: tag.rindex(b"/")].rstrip().decode() + ">"
            closing = f"\n{indent}</{parent.qualified(parent.name[1])}>"
            self._edits.append((parent.start, parent.end, f"{opened}{new}{closing}".encode()))
            return
        at = max(parent.inner_start, len(self._content[: parent.inner_end].rstrip()))
        closing = "" if at < parent.inner_end else f"\n{indent}"
        self._edits.append((at, at, f"{new}{closing}".encode()))

    def edited(self) -> bytes:
        """The content with all changes."""
        content = self._content
        for start, end, new in sorted(self._edits, key=lambda edit: edit[:2], reverse=True):
            content = content[:start] + new + content[end:]
        return content

    def _indent_of(self, element: Element) -> str:
        before = self._content[: element.start]
        blanks = before[len(before.rstrip(b" \t")) :]
        return blanks.decode()


class _Reader:
    """Reads XML into elements. Where a tag ends is known only when the next thing begins, whatever it is."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._roots: list[Element] = []
        self._open: list[Element] = []
        self._unsettled: Element | None = None
        parser = expat.ParserCreate("utf-8", " ")
        parser.namespace_prefixes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.DefaultHandler = self._other
        parser.StartDoctypeDeclHandler = self._document_type
        self._parser = parser
        try:
            content.decode()
            parser.Parse(content, True)
        except (expat.ExpatError, UnicodeDecodeError) as error:
            raise SidecarError(
                f"The sidecar is damaged or not XMP ({error}). Mend it, write it again with the program that made it, "
                "or move it away."
            ) from error
        self._settle(len(content))

    @property
    def root(self) -> Element:
        return self._roots[0]

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        at = self._parser.CurrentByteIndex
        self._settle(at)
        if len(self._open) >= _DEEPEST:
            raise SidecarError("The sidecar has elements in elements without end. Move it away.")
        *qualified, prefix = _parts(name)
        element = Element(
            (qualified[0], qualified[1]),
            prefix,
            {(namespace, local): value for key, value in attributes.items() for namespace, local, _ in [_parts(key)]},
            at,
        )
        (self._open[-1].children if self._open else self._roots).append(element)
        self._open.append(element)
        self._unsettled = element

    def _end(self, _: str) -> None:
        at = self._parser.CurrentByteIndex
        element = self._open.pop()
        if element is self._unsettled and self._content[at - 2 : at] == b"/>":
            element.empty = True
            element.inner_start = element.inner_end = element.end = at
            self._unsettled = None
        else:
            self._settle(at)
            element.inner_end = at
            self._unsettled = element

    def _characters(self, text: str) -> None:
        self._settle(self._parser.CurrentByteIndex)
        self._open[-1].text += text

    def _other(self, _: str) -> None:
        self._settle(self._parser.CurrentByteIndex)

    def _document_type(self, *_: object) -> None:
        raise SidecarError(
            "The sidecar has a document type, which XMP never has. It is not safe to read; move it away."
        )

    def _settle(self, at: int) -> None:
        element, self._unsettled = self._unsettled, None
        if element is None:
            return
        if element.inner_end:
            element.end = at
        else:
            element.inner_start = at


def _parts(name: str) -> tuple[str, str, str]:
    """Namespace, local name and prefix of a name as expat gives it."""
    parts = name.split(" ")
    if len(parts) == 1:
        return "", parts[0], ""
    return parts[0], parts[1], parts[2] if len(parts) > 2 else ""


def _find_rdf(root: Element) -> Element:
    rdf = next((element for element in _walk(root) if element.name == (RDF, "RDF")), None)
    if rdf is None:
        raise SidecarError("The sidecar is XML, but not XMP: it has no rdf:RDF. Move it away.")
    return rdf


def _walk(element: Element) -> Iterator[Element]:
    yield element
    for child in element.children:
        yield from _walk(child)


def text(content: str) -> str:
    """A text as XML, without the characters that XML cannot hold."""
    return escape(re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", content))
