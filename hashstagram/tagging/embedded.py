"""Keywords that are in a photo's file itself, as photo programs write them there: XMP, and IPTC in a JPEG."""

import contextlib
import io
import re

from PIL import Image, IptcImagePlugin

from hashstagram import headers
from hashstagram.tagging import sidecars

# Whatever the format, a packet of XMP stands in the file as it is.
_PACKET = re.compile(rb"<x:xmpmeta\b.*?</x:xmpmeta\s*>", re.DOTALL)
_KEYWORDS, _CHARACTERS, _UTF8 = (2, 25), (1, 90), b"\x1b%G"


def embedded_keywords(photo: bytes) -> list[str]:
    """The keywords in the bytes of a photo that `open_photo` has read; none where they are damaged."""
    packet = _PACKET.search(photo)
    found: list[str] = []
    if packet is not None:
        with contextlib.suppress(sidecars.SidecarError):
            found += sidecars.keywords(packet[0])
    if photo.startswith(b"\xff\xd8\xff"):
        found += _iptc(photo)
    return list(dict.fromkeys(keyword for keyword in found if keyword.strip()))


def _iptc(photo: bytes) -> list[str]:
    try:
        with Image.open(io.BytesIO(headers.defused(photo, ("JPEG",))[0]), formats=("JPEG",)) as image:
            found = IptcImagePlugin.getiptcinfo(image) or {}
    except Exception:  # of a damaged directory, in as many ways as there are; the photo itself was read
        return []
    entries = found.get(_KEYWORDS, [])
    encoding = "utf-8" if found.get(_CHARACTERS) == _UTF8 else "latin-1"
    texts = []
    for entry in entries if isinstance(entries, list) else [entries]:
        try:
            texts.append(entry.decode())
        except UnicodeDecodeError:
            texts.append(entry.decode(encoding, "replace"))
    return texts
