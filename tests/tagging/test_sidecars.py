"""Sidecars: what photo programs read of them, and what becomes of what others have written."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from hashstagram import Hashtag, __version__
from hashstagram.tagging.sidecars import NAMESPACE, Origin, SidecarError, keywords, origin, sidecar

DOG = Hashtag("dog", 0.93, "visible")
SEA = Hashtag("sea", 0.5, "visible")
BEACH = Hashtag("beach", 0.4, "visible")
SUMMER = Hashtag("summer", 0.1, "companion")
MADE = Origin("hashnet.small_v1", order="0123456789ab", photo="10-20")

DC = "http://purl.org/dc/elements/1.1/"
LR = "http://ns.adobe.com/lightroom/1.0/"
DIGIKAM = "http://www.digikam.org/ns/1.0/"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"

# In the form that these programs write, with things of their own.
SAMPLES = Path(__file__).parent / "sidecars"
LIGHTROOM, DIGIKAM_SIDECAR, DARKTABLE, OURS_BY_EXIV2 = (
    (SAMPLES / f"{name}.xmp").read_bytes() for name in ("lightroom", "digikam", "darktable", "ours_by_exiv2")
)


def listed(content: bytes, namespace: str, name: str) -> list[str | None]:
    """The entries of a list, as a reader of XML that is not ours finds them."""
    root = ElementTree.fromstring(content)  # noqa: S314
    lists = root.findall(f".//{{{namespace}}}{name}")
    assert len(lists) <= 1
    return [item.text for each in lists for item in each.findall(f"*/{RDF}li")]


def subject(content: bytes) -> list[str | None]:
    return listed(content, DC, "subject")


def automatic(content: bytes) -> list[str | None]:
    root = ElementTree.fromstring(content)  # noqa: S314
    return [tag.text for tag in root.findall(f".//{{{NAMESPACE}}}Automatic//{{{NAMESPACE}}}Tag")]


def by_exiftool(content: bytes, folder: Path) -> dict[str, Any]:
    exiftool = shutil.which("exiftool")
    if exiftool is None:
        pytest.skip("exiftool is not installed (Debian: libimage-exiftool-perl)")
    path = folder / "photo.jpg.xmp"
    path.write_bytes(content)
    run = subprocess.run(
        [exiftool, "-json", "-G1", "-struct", "-validate", "-all", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    (found,) = json.loads(run.stdout)
    assert isinstance(found, dict)
    assert found.get("ExifTool:Validate") == "OK", found
    return found


def test_exiftool_reads_keywords_and_where_they_come_from(tmp_path: Path) -> None:
    found = by_exiftool(sidecar([DOG, SUMMER], MADE), tmp_path)

    assert found["XMP-dc:Subject"] == ["dog", "summer"]
    assert found["XMP-hashstagram:Automatic"] == [
        {"Tag": "dog", "Confidence": 0.93, "Kind": "visible"},
        {"Tag": "summer", "Confidence": 0.1, "Kind": "companion"},
    ]
    assert found["XMP-hashstagram:Origin"] == {
        "Model": "hashnet.small_v1",
        "Order": "0123456789ab",
        "Photo": "10-20",
        "Version": __version__,
    }


def test_it_has_the_form_that_photo_programs_look_for() -> None:
    content = sidecar([DOG], MADE)
    root = ElementTree.fromstring(content)  # noqa: S314

    assert content.startswith(b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n')
    assert content.endswith(b'<?xpacket end="w"?>\n')
    assert root.tag == "{adobe:ns:meta/}xmpmeta"
    # An rdf:Seq would be lost on digiKam, and an rdf:about that is missing on Adobe's programs.
    assert root.find(f"{RDF}RDF/{RDF}Description/{{{DC}}}subject/{RDF}Bag/{RDF}li") is not None
    assert {each.get(f"{RDF}about") for each in root.iter(f"{RDF}Description")} == {""}


@pytest.mark.parametrize("existing", [LIGHTROOM, DIGIKAM_SIDECAR, DARKTABLE], ids=["lightroom", "digikam", "darktable"])
def test_nothing_of_others_is_changed(existing: bytes, tmp_path: Path) -> None:
    before = by_exiftool(existing, tmp_path)
    content = sidecar([DOG, SEA], MADE, existing)
    after = by_exiftool(content, tmp_path)

    lists = ("XMP-dc:Subject", "XMP-lr:HierarchicalSubject", "XMP-digiKam:TagsList")
    theirs = {name: value for name, value in before.items() if name.startswith("XMP") and name not in lists}
    assert len(theirs) >= 1
    assert {name: after.get(name) for name in theirs} == theirs
    # Nor in their bytes: what is new stands between them.
    kept = iter(content)
    assert all(byte in kept for byte in existing)


def test_a_rerun_that_says_the_same_changes_no_byte() -> None:
    for existing in (b"", LIGHTROOM, DIGIKAM_SIDECAR, DARKTABLE):
        once = sidecar([DOG, SEA], MADE, existing)
        assert sidecar([DOG, SEA], MADE, once) == once


def test_keywords_are_merged_and_a_persons_are_not_called_ours() -> None:
    content = sidecar([DOG, SEA], MADE, LIGHTROOM)

    assert subject(content) == ["Anna", "Dog", "sea"]
    assert automatic(content) == ["sea"]
    # Immich reads this list in place of the other, so it must have all.
    assert listed(content, LR, "hierarchicalSubject") == ["Animals|Dog", "People|Family|Anna", "sea"]


def test_digikams_own_list_has_them_as_well() -> None:
    content = sidecar([Hashtag("berlin", 0.9, "companion"), SEA], MADE, DIGIKAM_SIDECAR)

    assert subject(content) == ["Berlin", "sea"]
    assert listed(content, DIGIKAM, "TagsList") == ["Places/Berlin", "sea"]


@pytest.mark.parametrize("about", ['rdf:about="uuid:1&amp;2"', 'about="uuid:1&amp;2"'])
def test_what_is_added_is_about_the_same_thing(about: str) -> None:
    existing = DARKTABLE.replace(b'rdf:about=""', about.encode())
    root = ElementTree.fromstring(sidecar([DOG], MADE, existing))  # noqa: S314
    descriptions = list(root.iter(f"{RDF}Description"))

    assert len(descriptions) == 3
    assert {each.get(f"{RDF}about", each.get("about")) for each in descriptions} == {"uuid:1&2"}


def test_lists_that_are_not_there_are_not_begun() -> None:
    assert listed(sidecar([DOG], MADE, DARKTABLE), LR, "hierarchicalSubject") == []


def test_a_rerun_replaces_what_is_ours_and_nothing_else() -> None:
    first = sidecar([DOG, SEA], MADE, LIGHTROOM)
    second = sidecar([BEACH, SUMMER], Origin("vgg16.small_v1"), first)

    assert subject(second) == ["Anna", "Dog", "beach", "summer"]
    assert listed(second, LR, "hierarchicalSubject") == ["Animals|Dog", "People|Family|Anna", "beach", "summer"]
    assert automatic(second) == ["beach", "summer"]
    assert origin(second) == Origin("vgg16.small_v1")


def test_what_a_person_took_out_does_not_come_back() -> None:
    first = sidecar([DOG, SEA], MADE)
    reviewed = first.replace(b"     <rdf:li>sea</rdf:li>\n", b"     <rdf:li>Anna</rdf:li>\n")
    assert reviewed != first
    second = sidecar([DOG, SEA, BEACH], MADE, reviewed)
    third = sidecar([SEA], MADE, second)

    assert subject(second) == ["dog", "Anna", "beach"]
    assert automatic(second) == ["dog", "beach"]
    assert subject(third) == ["Anna"]


def test_what_a_person_wrote_again_is_theirs() -> None:
    first = sidecar([DOG, SEA], MADE)
    without = sidecar([DOG], MADE, first.replace(b"     <rdf:li>sea</rdf:li>\n", b""))
    back = without.replace(b"<rdf:li>dog</rdf:li>", b"<rdf:li>dog</rdf:li><rdf:li>sea</rdf:li>", 1)
    assert subject(without) == ["dog"]
    content = sidecar([BEACH], MADE, back)

    assert subject(content) == ["sea", "beach"]
    assert automatic(content) == ["beach"]


def test_taking_out_all_keywords_is_remembered_too() -> None:
    first = sidecar([DOG], MADE, DARKTABLE)
    start, end = first.index(b"<dc:subject>"), first.index(b"</dc:subject>") + len(b"</dc:subject>")
    content = sidecar([DOG], MADE, first[:start] + first[end:], embedded=["Anna"])

    assert subject(content) == []


def test_how_another_program_writes_ours_is_understood() -> None:
    """Exiv2, which digiKam and darktable write with, makes attributes of simple fields."""
    assert origin(OURS_BY_EXIV2) == Origin("m", "o", "p", "0.1.0")
    content = sidecar([SEA, DOG, BEACH], MADE, OURS_BY_EXIV2)

    assert subject(content) == ["sea", "Anna", "beach"]
    assert automatic(content) == ["sea", "beach"]
    assert b'xmp:Rating="3"' in content
    assert content.count(b"Origin") == 2


def test_keywords_of_the_photo_itself_are_repeated_in_a_new_sidecar_only() -> None:
    new = sidecar([DOG, SEA], MADE, embedded=["Anna", "Sea", "Anna"])

    assert subject(new) == ["Anna", "Sea", "dog"]
    assert automatic(new) == ["dog"]
    assert subject(sidecar([], MADE, LIGHTROOM, embedded=["Berlin"])) == ["Anna", "Dog"]


def test_letters_of_all_scripts_and_of_xml() -> None:
    tags = [Hashtag(tag, 0.5, "visible") for tag in ("바다", "été", "a<b&c>\"'", "nul\0")]
    content = sidecar(tags, MADE)

    assert subject(content) == ["바다", "été", "a<b&c>\"'", "nul\ufffd"]
    # The same word, with its accent as a letter of its own.
    assert subject(sidecar([Hashtag("e\u0301te\u0301", 0.5, "visible")], MADE, content)) == ["été"]


def test_an_empty_file_is_a_new_one() -> None:
    assert sidecar([DOG], MADE, b"") == sidecar([DOG], MADE)
    assert keywords(sidecar([DOG], MADE)) == ["dog"]
    assert origin(LIGHTROOM) is None


def test_no_hashtags_are_said_too() -> None:
    content = sidecar([], MADE)

    assert (subject(content), origin(content)) == ([], MADE)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (LIGHTROOM[:700], "damaged or not XMP"),
        (b"\xff\xd8\xff\xe0 a photo", "damaged or not XMP"),
        (LIGHTROOM.replace(b"Anna", b"\xe9"), "damaged or not XMP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "it has no rdf:RDF"),
        (b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + LIGHTROOM, "document type, which XMP never has"),
        (b"<a>" * 5000, "in elements without end"),
        (LIGHTROOM.replace(b'xmp:Rating="4"', b'dc:subject="Anna"'), "subject as a single text"),
        (
            DARKTABLE.replace(b"<!-- somebody's note -->", b"<dc:subject xmlns:dc='%s'>dog</dc:subject>" % DC.encode()),
            "for lists",
        ),
        (b" " * (2**24 + 1), "16,777,217 bytes"),
    ],
)
def test_what_cannot_be_merged_is_refused_in_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(SidecarError, match=sentence) as refused:
        sidecar([DOG], MADE, content)
    assert str(refused.value).endswith(".")
