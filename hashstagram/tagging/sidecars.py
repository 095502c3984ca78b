"""XMP sidecars: hashtags as `dc:subject`, beside whatever else a sidecar holds. Nothing here opens a file.

`dc:subject` is what every photo program reads. Which of its keywords are ours is kept in properties of our own:

    hashstagram:Automatic   each tag that we put there, with its confidence and kind
    hashstagram:Removed     tags that we had put there and a person took out: they do not come back
    hashstagram:Origin      model and version of HashStagram; the order and the photo that they belong to

So a later run may replace what is ours, and a keyword that a person wrote is never changed, removed, written a second
time in other letters, or called ours. Of what else is there, not a byte changes.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from xml.sax.saxutils import quoteattr

import hashstagram
from hashstagram.choice import Hashtag
from hashstagram.tagging import xmp
from hashstagram.tagging.xmp import RDF, Document, Element, SidecarError

__all__ = ["NAMESPACE", "Origin", "SidecarError", "keywords", "origin", "sidecar"]

NAMESPACE = "urn:hashstagram:xmp:1/"

_DC = "http://purl.org/dc/elements/1.1/"
# Where one of these exists, some programs read it in place of dc:subject. Their entries are paths.
_PATHS = (
    ("http://ns.adobe.com/lightroom/1.0/", "hierarchicalSubject", "|"),
    ("http://www.digikam.org/ns/1.0/", "TagsList", "/"),
    ("http://ns.microsoft.com/photo/1.0/", "LastKeywordXMP", "/"),
)
_ABOUT = {(RDF, "about"), ("", "about")}
_NEW = f"""\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="HashStagram {hashstagram.__version__}">
 <rdf:RDF xmlns:rdf="{RDF}">
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
""".encode()


@dataclass(frozen=True)
class Origin:
    """Where automatic tags come from: the model's id, and the version of HashStagram.

    `order` changes with everything that was asked for, `photo` with the photo's content; "" where nobody will compare.
    """

    model: str
    order: str = ""
    photo: str = ""
    version: str = hashstagram.__version__


def sidecar(hashtags: Sequence[Hashtag], made: Origin, existing: bytes = b"", embedded: Iterable[str] = ()) -> bytes:
    """The content of a photo's sidecar with these hashtags.

    `existing` is what the sidecar holds so far. Keywords that are `embedded` in the photo itself are repeated where it
    has none yet: some programs read the sidecar only. Raises SidecarError for an existing one that cannot be merged.
    """
    document = Document(existing or _NEW)
    subject = document.listing(_DC, "subject")
    paths = [(found, divider) for namespace, name, divider in _PATHS if (found := document.listing(namespace, name))]
    there = [] if subject is None else [item.text for item in xmp.items(subject)]
    ours, removed = _automatic(document), _texts(document, "Removed")
    persons = there if subject is not None or ours else list(dict.fromkeys(embedded))
    is_there = set(map(_key, there))
    # Whoever takes out one of our tags means it; whoever writes it again means that too.
    removed = [tag for tag in dict.fromkeys([*removed, *ours]) if _key(tag) not in is_there]
    own = set(map(_key, ours)) & is_there
    taken = {_key(keyword) for keyword in persons} - own
    taken |= {_key(_leaf(item.text, divider)) for found, divider in paths for item in xmp.items(found)} - own
    refused = set(map(_key, removed))
    new = [hashtag for hashtag in hashtags if _key(hashtag.tag) not in taken | refused]

    tags = [hashtag.tag for hashtag in new]
    for listing in [*filter(None, [subject]), *(found for found, _ in paths)]:
        _replace(document, listing, own, tags)
    _cut_ours(document)
    lines = [] if subject is not None else _description(document, "dc", _DC, _list("dc:subject", [*persons, *tags]))
    lines += _description(document, "hashstagram", NAMESPACE, _ours(new, removed, made))
    document.append(document.rdf, lines)
    return document.edited()


def origin(existing: bytes) -> Origin | None:
    """Where a sidecar's automatic tags come from, None where it has none. Raises SidecarError as `sidecar` does."""
    found = Document(existing).properties(NAMESPACE, "Origin")
    if not found:
        return None
    known = {name: value for (namespace, name), value in xmp.fields(found[0]).items() if namespace == NAMESPACE}
    return Origin(**{field.name: known.get(field.name.capitalize(), "") for field in fields(Origin)})


def keywords(existing: bytes) -> list[str]:
    """The keywords of a piece of XMP. Raises SidecarError as `sidecar` does."""
    subject = Document(existing).listing(_DC, "subject")
    return [] if subject is None else [item.text for item in xmp.items(subject)]


def _key(keyword: str) -> str:
    """What two ways of writing a keyword have in common."""
    return unicodedata.normalize("NFC", keyword.strip().lstrip("#")).casefold()


def _leaf(path: str, divider: str) -> str:
    return path.rsplit(divider, 1)[-1]


def _automatic(document: Document) -> list[str]:
    found = document.properties(NAMESPACE, "Automatic")
    tags = [xmp.fields(item).get((NAMESPACE, "Tag"), "") for listing in found for item in xmp.items(listing)]
    return [tag for tag in tags if tag]


def _texts(document: Document, name: str) -> list[str]:
    return [item.text for listing in document.properties(NAMESPACE, name) for item in xmp.items(listing)]


def _replace(document: Document, listing: Element, own: set[str], tags: Sequence[str]) -> None:
    """Make `tags` those of a list's entries that are ours; entries that stay are not touched."""
    wanted = {_key(tag): tag for tag in tags}
    for item in xmp.items(listing):
        if wanted.pop(_key(item.text), None) is None and _key(item.text) in own:
            document.cut(item)
    if wanted:
        container = xmp.container_of(listing)
        item_name = container.qualified("li")
        document.append(container, [f"<{item_name}>{xmp.text(tag)}</{item_name}>" for tag in wanted.values()])


def _cut_ours(document: Document) -> None:
    """Take out our properties, and a description that has nothing else."""
    for description in document.descriptions:
        ours = [child for child in description.children if child.name[0] == NAMESPACE]
        only_ours = len(ours) == len(description.children) and not description.attributes.keys() - _ABOUT
        for element in [description] if ours and only_ours else ours:
            document.cut(element)


def _ours(hashtags: Sequence[Hashtag], removed: Sequence[str], made: Origin) -> list[str]:
    lines = ["<hashstagram:Automatic>", " <rdf:Bag>"]
    for hashtag in hashtags:
        values = {"Tag": hashtag.tag, "Confidence": str(round(hashtag.confidence, 6)), "Kind": hashtag.kind}
        lines += _structure("  ", "rdf:li", values)
    lines += [" </rdf:Bag>", "</hashstagram:Automatic>"]
    if removed:
        lines += _list("hashstagram:Removed", removed)
    values = {field.name.capitalize(): getattr(made, field.name) for field in fields(made)}
    return [*lines, *_structure("", "hashstagram:Origin", values)]


def _structure(indent: str, name: str, values: dict[str, str]) -> list[str]:
    given = {key: value for key, value in values.items() if value}
    return [
        f'{indent}<{name} rdf:parseType="Resource">',
        *(f"{indent} <hashstagram:{key}>{xmp.text(value)}</hashstagram:{key}>" for key, value in given.items()),
        f"{indent}</{name}>",
    ]


def _list(name: str, texts: Sequence[str]) -> list[str]:
    items = [f"  <rdf:li>{xmp.text(each)}</rdf:li>" for each in texts]
    return [f"<{name}>", " <rdf:Bag>", *items, " </rdf:Bag>", f"</{name}>"]


def _description(document: Document, prefix: str, namespace: str, lines: Sequence[str]) -> list[str]:
    """Properties in a description of their own, of the same thing that the others describe."""
    attributes = document.descriptions[0].attributes if document.descriptions else {}
    about = attributes.get((RDF, "about")) or attributes.get(("", "about"), "")
    declared = "" if document.rdf.prefix == "rdf" else f' xmlns:rdf="{RDF}"'
    return [
        f'<rdf:Description rdf:about={quoteattr(about)} xmlns:{prefix}="{namespace}"{declared}>',
        *(f" {line}" for line in lines),
        "</rdf:Description>",
    ]
