"""What the bytes of a photo say about themselves, read before any decoder is let near them.

Three things are decided here, with nothing but `struct` and `re`: which formats the bytes can be, which way up the
photo is, and whether the file is built to exhaust whoever opens it. The last matters because Pillow and libjpeg trust
a few counts that cost an attacker nothing:

* Every tag of an EXIF or TIFF directory may point at the same megabytes, and Pillow copies them for each tag: 0.9 MB
  become 360 MB with 400 tags, and a directory has room for 65,535.
* A scan of a progressive JPEG may be a hundred bytes long and still walk over every block of the picture: 4 KB of
  them cost 1.5 seconds at 49 million pixels, so 10 MB would cost an hour.
"""

import re
import struct
from collections.abc import Iterator

from hashstagram.errors import PhotoBroken

_EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112
_SHORT, _LONG = 3, 4

_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # neither a stuffed FF 00, nor a restart marker, nor fill bytes
_TEM, _SOI, _EOI, _SOS, _APP1 = 0x01, 0xD8, 0xD9, 0xDA, 0xE1
_MOST_SCANS = 60  # encoders write about ten, the thriftiest about twenty

_JPEG_DIRECTORIES = re.compile(rb"(?s)\xff(?:\xe1..Exif\0\0|\xe2..MPF\0)")  # one leading byte: 25 times faster
_AVIF_EXIF_ITEM = re.compile(rb"(?s)(infe.{8}(?:..)?)Exif")

_TIFF_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
_TIFF_BLOB_TYPES = {1, 2, 6, 7}  # bytes and text: embedded profiles and previews may rightly be long
_TIFF_SUBDIRECTORIES = {0x8769, 0x8825, 0xA005}  # Exif, GPS, Interoperability: Pillow reads them, nobody here asks
_MOST_NUMBERS = 200_000  # in one tag; the longest honest lists are strip offsets, at most one for each row
_MOST_TAG_BYTES = 2**26  # in one directory, unless the file itself is longer


def formats_of(data: bytes) -> tuple[str, ...]:
    """Pillow's names of the formats that `data` can be, by its signature; empty when it is none that we read."""
    if data.startswith(b"\xff\xd8\xff"):
        return ("JPEG",)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return ("PNG",)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return ("WEBP",)
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], ())
    if data.startswith((b"GIF87a", b"GIF89a")):
        return ("GIF",)
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0")):
        return ("TIFF",)
    if data.startswith(b"BM"):
        return ("BMP",)
    return ()


# mif1 and msf1 only name the container. AVIF comes first: it looks at the other brands and passes on what it is not.
_BRANDS: dict[bytes, tuple[str, ...]] = {
    **dict.fromkeys((b"avif", b"avis"), ("AVIF",)),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), ("HEIF",)),
    **dict.fromkeys((b"mif1", b"msf1"), ("AVIF", "HEIF")),
}


def orientation(exif: bytes) -> int:
    """The EXIF orientation, 1..8, out of an EXIF block with or without its `Exif\\0\\0`.

    1, which is "as stored", when the block does not say or is damaged: a broken block is no reason to refuse a photo.
    """
    body = exif.removeprefix(_EXIF)
    order = {b"II": "<", b"MM": ">"}.get(body[:2])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(order + "L", body, 4)
        (count,) = struct.unpack_from(order + "H", body, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", body, entry)
            if tag == _ORIENTATION and kind in (_SHORT, _LONG):
                (value,) = struct.unpack_from(order + ("H" if kind == _SHORT else "L"), body, entry + 8)
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


def defused(data: bytes, formats: tuple[str, ...]) -> tuple[bytes, int]:
    """`data` without what would blow up Pillow, and the orientation (1..8) that had to be read on the way.

    `formats` is what `formats_of` answered. The pixels are untouched: what changes is the name of a block or the type
    of a tag, in place, so that Pillow passes over it. Orientations of PNG, WebP and AVIF are not read here: Pillow
    hands their block over unparsed, as `info["exif"]`. Those of TIFF are applied by Pillow and those of HEIC by
    libheif, so 1 is right for both.

    Raises `PhotoBroken` when the file cannot be what a camera or a program wrote.
    """
    if formats == ("JPEG",):
        turn = _jpeg_orientation(data)
        return _JPEG_DIRECTORIES.sub(_renamed, data), turn
    if formats == ("TIFF",):
        return _defused_tiff(data), 1
    if "AVIF" in formats:
        # libavif tells the orientation by the container's own irot and imir boxes, as the standard wants it.
        return _AVIF_EXIF_ITEM.sub(rb"\1exif", data), 1
    return data, 1


def _renamed(match: re.Match[bytes]) -> bytes:
    return match[0][:4] + match[0][4:].lower()


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker code and content of a JPEG's segments, up to its end, in the way libjpeg steps through them."""
    position = 2
    while match := _MARKER.search(data, position):
        code, position = data[match.end() - 1], match.end()
        if code == _EOI:
            return
        if code in (_TEM, _SOI):
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        yield code, data[position + 2 : position + length]
        position += max(2, length)


def _jpeg_orientation(data: bytes) -> int:
    turn, scans = None, 0
    for code, content in _segments(data):
        scans += code == _SOS
        if scans > _MOST_SCANS:
            raise PhotoBroken(
                "This JPEG has more than {most} scans, which no camera or program writes. "
                "Please save it again as an ordinary JPEG or PNG and try that.",
                most=_MOST_SCANS,
            )
        if turn is None and code == _APP1 and content.startswith(_EXIF):
            turn = orientation(content)
    return turn or 1


def _defused_tiff(data: bytes) -> bytes:
    """A TIFF whose first directory has been counted and no longer leads into others."""
    order = "<" if data.startswith(b"II") else ">"
    if data[2] == 43:  # BigTIFF, which Pillow reads in this byte order only
        start, head, entry_format, number = 8, "Q", "HHQ", 20
    else:
        start, head, entry_format, number = 4, "H", "HHL", 12
    safe, total = bytearray(data), 0
    try:
        (directory,) = struct.unpack_from(order + ("Q" if number == 20 else "L"), data, start)
        (count,) = struct.unpack_from(order + head, data, directory)
        first = directory + struct.calcsize(order + head)
        for entry in range(first, min(first + number * count, len(data)), number):
            tag, kind, length = struct.unpack_from(order + entry_format, data, entry)
            total += min(length * _TIFF_TYPE_BYTES.get(kind, 0), len(data))
            if total > max(_MOST_TAG_BYTES, 4 * len(data)) or (kind not in _TIFF_BLOB_TYPES and length > _MOST_NUMBERS):
                raise PhotoBroken(
                    "This TIFF describes itself at greater length than any photo needs. "
                    "Please save it again as JPEG or PNG and try that."
                )
            if tag in _TIFF_SUBDIRECTORIES:
                struct.pack_into(order + "H", safe, entry + 2, 0)  # a type that does not exist, so the tag is skipped
    except struct.error:
        return data  # cut off inside the directory: the decoder says so
    return bytes(safe)
