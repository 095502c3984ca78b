"""Odd things that people send as photos, drawn in code, each with what has to come of it.

`odd_photos()` is the list; `write_all(folder)` puts them on disk, together with paths that are no files. Each entry is
either a photo (`expected is None`) or names the one kind of `PhotoError` that it must end in. To add one, append it to
the fitting list below.
"""

from __future__ import annotations

import functools
import io
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms
from pillow_heif import register_heif_opener

from hashstagram.errors import PhotoBroken, PhotoError, PhotoTooLarge, PhotoUnsupported

register_heif_opener()

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# How a camera that was turned stores an upright scene: the inverse of what the viewer has to do.
UNTURNS = {**TURNS, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}


@dataclass(frozen=True)
class OddPhoto:
    """One thing somebody sends. `name` is a file name, unique, and its ending is the one that the sender gave it."""

    name: str
    data: bytes
    expected: type[PhotoError] | None = None
    looks_like: Image.Image | None = None
    tolerance: float = 4.0  # mean difference from `looks_like` in grey levels


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """A soft picture that is different in each corner and has no symmetry: red, green, blue and pale yellow."""
    corners = Image.new("RGB", (2, 2))
    corners.putdata([(200, 40, 40), (40, 170, 60), (50, 60, 190), (240, 230, 170)])
    return corners.resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """`image` as the bytes of a file of Pillow's format `kind`."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif_block(orientation: int, order: str = "<") -> bytes:
    """A minimal EXIF block that says nothing but the orientation."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "L", 8)
    return b"Exif\0\0" + head + struct.pack(order + "HHHLHHL", 1, 0x0112, 3, 1, orientation, 0, 0)


def directory_bomb(tags: int = 200, megabytes: float = 0.9) -> bytes:
    """A TIFF directory whose tags all point at the same data, which makes Pillow copy it `tags` times."""
    size = int(megabytes * 1e6)
    entries = [struct.pack("<HHLL", 0x8800 + tag, 7, size, 0) for tag in range(tags)]
    block = b"II*\0" + struct.pack("<LH", 8, tags) + b"".join(entries) + bytes(4)
    return block + bytes(size - len(block) + 50)


def scan_bomb(side: int = 2000, scans: int = 300) -> bytes:
    """A progressive JPEG whose last scan, a few bytes long, is repeated: each one walks over the whole picture."""
    jpeg = encoded(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:-2] + jpeg[last:-2] * scans + jpeg[-2:]


def with_segments(jpeg: bytes, *segments: tuple[int, bytes]) -> bytes:
    """`jpeg` with application segments (marker code, content) put in front, and without its JFIF one."""
    length = int.from_bytes(jpeg[4:6], "big")
    rest = jpeg[4 + length :] if jpeg[3] == 0xE0 else jpeg[2:]
    made = b"".join(struct.pack(">BBH", 0xFF, code, len(content) + 2) + content for code, content in segments)
    return jpeg[:2] + made + rest


def split_exif(block: bytes) -> list[tuple[int, bytes]]:
    """An EXIF block too long for one JPEG segment, spread over several as Pillow joins them."""
    return [(0xE1, b"Exif\0\0" + block[start : start + 65_000]) for start in range(0, len(block), 65_000)]


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG chunk by chunk, for what Pillow cannot write: 16 bits of colour, headers that lie."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", zlib.crc32(kind + content))

    head = struct.pack(">LLBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, content) for kind, content in parts)


def display_p3() -> bytes:
    """An ICC profile of Display P3, the colour space of phone photos: three primaries and the curve of sRGB."""

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">l", round(value * 65536)) for value in values)

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + fixed(*values)

    name = b"Display P3\0"
    curve = b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">L", len(name)) + name + bytes(79),
        b"cprt": b"text\0\0\0\0CC0\0",
        b"wtpt": xyz(0.96420, 1.0, 0.82491),
        b"rXYZ": xyz(0.51512, 0.24120, -0.00105),
        b"gXYZ": xyz(0.29198, 0.69225, 0.04189),
        b"bXYZ": xyz(0.15710, 0.06657, 0.78407),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    return _profile(b"XYZ ", tags)


def all_grey() -> bytes:
    """An ICC profile that is a table instead of a formula, and in which every colour is the same grey."""
    ramp = bytes(range(256)) * 3
    identity = struct.pack(">9l", *(65536 * (place % 4 == 0) for place in range(9)))
    table = b"mft1\0\0\0\0" + bytes((3, 3, 2, 0)) + identity + ramp + bytes((128, 128, 128)) * 8 + ramp
    return _profile(b"Lab ", {b"A2B0": table, b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">lll", 63190, 65536, 54061)})


def _profile(connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body = struct.pack(">L", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        table += tag + struct.pack(">LL", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">L4sL4s4s4s", start + len(body), bytes(4), 0x02400000, b"mntr", b"RGB ", connection)
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">lll", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + body


def in_display_p3(image: Image.Image) -> bytes:
    """`image` as a JPEG whose numbers are meant in Display P3, so that they look too pale without the profile."""
    profile = display_p3()
    wide = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    transform = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), wide, "RGB", "RGB")
    return encoded(transform.apply(image), "JPEG", quality=95, subsampling=0, icc_profile=profile)


def _no_photos() -> list[OddPhoto]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("photo.jpg", encoded(scene(), "JPEG"))
    files = {
        "text.jpg": b"Dear diary, today I took a photo.\n",
        "page.html": b"<!doctype html><title>404</title><p>Not found",
        "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "paper.pdf": encoded(scene(), "PDF"),
        "archive.zip": archive.getvalue(),
        "film.mp4": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(64),
        "noise.jpg": np.random.default_rng(7).bytes(5000),
        # Pillow could open these. They are no photos that people have, so nothing here tries.
        "figure.eps": encoded(scene(), "EPS"),
        "icon.ico": encoded(scene(), "ICO"),
        "plain.ppm": encoded(scene(), "PPM"),
        "film.jp2": encoded(scene(), "JPEG2000"),
    }
    return [OddPhoto(name, data, PhotoUnsupported) for name, data in files.items()]


def _broken() -> list[OddPhoto]:
    cut = {
        "cut.jpg": encoded(scene(640, 480), "JPEG"),
        "cut.png": encoded(scene(640, 480), "PNG"),
        "cut.webp": encoded(scene(640, 480), "WEBP"),
        "cut.avif": encoded(scene(640, 480), "AVIF"),
        "cut.heic": encoded(scene(640, 480), "HEIF"),
        "cut.gif": encoded(scene(640, 480), "GIF"),
        "cut.bmp": encoded(scene(640, 480), "BMP"),
        "cut.tif": encoded(scene(640, 480), "TIFF"),
    }
    files = {name: data[: len(data) // 2] for name, data in cut.items()}
    files["empty.jpg"] = b""
    files["signature.jpg"] = b"\xff\xd8\xff"
    files["header.jpg"] = cut["cut.jpg"][:200]
    files["scan_bomb.jpg"] = scan_bomb()
    files["directory_bomb.tif"] = directory_bomb()
    return [OddPhoto(name, data, PhotoBroken) for name, data in files.items()]


def _too_large() -> list[OddPhoto]:
    gif = bytearray(encoded(scene(), "GIF"))
    gif[6:10] = struct.pack("<HH", 60_000, 60_000)
    bmp = bytearray(encoded(scene(), "BMP"))
    bmp[18:26] = struct.pack("<ll", 60_000, 60_000)
    jpeg = bytearray(encoded(scene(), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 65_000, 65_000)
    tiff = bytearray(encoded(scene(), "TIFF"))
    for tag in (0x0100, 0x0101):  # ImageWidth, ImageLength
        entry = next(match.start() for match in re.finditer(struct.pack("<H", tag) + rb"[\3\4]\0", tiff))
        tiff[entry : entry + 12] = struct.pack("<HHLL", tag, 4, 1, 60_000)
    webp = bytearray(encoded(scene(), "WEBP", lossless=True))
    webp[21:25] = struct.pack("<L", 15_999 | 3_999 << 14)  # after the VP8L chunk's signature byte
    files = {
        "bomb.png": png(100_000, 100_000, 8, 2, b""),
        "warned.png": png(10_000, 10_000, 1, 0, bytes(1251 * 10_000)),  # where Pillow only warns; 12 KB
        "over.png": png(8_000, 8_000, 1, 0, bytes(1001 * 8_000)),  # where Pillow says nothing
        "bomb.gif": bytes(gif),
        "bomb.bmp": bytes(bmp),
        "bomb.jpg": bytes(jpeg),
        "bomb.tif": bytes(tiff),
        "bomb.webp": bytes(webp),
        "heavy.jpg": encoded(scene(), "JPEG") + bytes(10 * 2**20),
    }
    return [OddPhoto(name, data, PhotoTooLarge) for name, data in files.items()]


def _unusual_pixels() -> list[OddPhoto]:
    upright, grey = scene(), scene().convert("L")
    levels = np.asarray(grey)
    wide = levels.astype(np.uint16) * 257
    deep = np.asarray(upright).astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in deep)
    clear = upright.copy()
    clear.putalpha(Image.new("L", upright.size, 0))
    half = upright.copy()
    half.putalpha(128)
    veiled = Image.blend(upright, Image.new("RGB", upright.size, "white"), 1 - 128 / 255)
    white = Image.new("RGB", upright.size, "white")
    two = grey.point(lambda level: 255 * (level > 120)).convert("1", dither=Image.Dither.NONE)
    few = upright.quantize(64)
    see_through = few.copy()
    see_through.info["transparency"] = bytes(64)
    cmyk = encoded(upright.convert("CMYK"), "JPEG", quality=95)
    adobe = cmyk.index(b"\xff\xee")
    lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    spot = (40, 170, 60)
    green = Image.new("RGB", (40, 40), spot)
    return [
        OddPhoto("one_pixel.png", encoded(Image.new("RGB", (1, 1), (9, 99, 199)), "PNG")),
        OddPhoto("one_column.png", encoded(Image.new("RGB", (1, 30_000), (9, 99, 199)), "PNG")),
        OddPhoto("one_row.jpg", encoded(Image.new("RGB", (60_000, 1), (9, 99, 199)), "JPEG")),
        OddPhoto("grey.jpg", encoded(grey, "JPEG"), looks_like=grey),
        OddPhoto("grey16.png", encoded(Image.fromarray(wide), "PNG"), looks_like=grey, tolerance=1),
        OddPhoto("grey16.tif", encoded(Image.fromarray(wide), "TIFF"), looks_like=grey, tolerance=1),
        OddPhoto("grey32.tif", encoded(Image.fromarray(wide.astype(np.int32)), "TIFF"), looks_like=grey, tolerance=1),
        OddPhoto("unit.tif", encoded(Image.fromarray(levels / np.float32(255)), "TIFF"), looks_like=grey, tolerance=1),
        OddPhoto(
            "float.tif", encoded(Image.fromarray(levels.astype(np.float32)), "TIFF"), looks_like=grey, tolerance=1
        ),
        OddPhoto("holes.tif", encoded(Image.fromarray(np.full((40, 40), np.nan, np.float32)), "TIFF")),
        OddPhoto("colour16.png", png(96, 64, 16, 2, rows), looks_like=upright, tolerance=1),
        OddPhoto("cmyk.jpg", cmyk, looks_like=upright),
        OddPhoto("cmyk_plain.jpg", cmyk[:adobe] + cmyk[adobe + 16 :], looks_like=upright),
        OddPhoto("cmyk.tif", encoded(upright.convert("CMYK"), "TIFF"), looks_like=upright, tolerance=1),
        OddPhoto("lab.tif", encoded(lab.apply(upright), "TIFF"), looks_like=upright),
        OddPhoto("jpeg_inside.tif", encoded(upright, "TIFF", compression="jpeg", quality=95), looks_like=upright),
        OddPhoto("fax.tif", encoded(two, "TIFF", compression="group4"), looks_like=two, tolerance=1),
        OddPhoto("one_bit.png", encoded(two, "PNG"), looks_like=two, tolerance=1),
        OddPhoto("palette.png", encoded(few, "PNG"), looks_like=upright, tolerance=8),
        OddPhoto("palette_clear.png", encoded(see_through, "PNG"), looks_like=white, tolerance=1),
        OddPhoto(
            "palette_spot.png", encoded(green.quantize(4), "PNG", transparency=0), looks_like=white.resize((40, 40))
        ),
        OddPhoto("grey_alpha.png", encoded(clear.convert("LA"), "PNG"), looks_like=white, tolerance=1),
        OddPhoto("clear.png", encoded(clear, "PNG"), looks_like=white, tolerance=1),
        OddPhoto("half.png", encoded(half, "PNG"), looks_like=veiled, tolerance=1),
        OddPhoto("half.webp", encoded(half, "WEBP", quality=95), looks_like=veiled),
        OddPhoto("half.heic", encoded(half, "HEIF", quality=95), looks_like=veiled),
        OddPhoto("keyed.png", encoded(green, "PNG", transparency=spot), looks_like=white.resize((40, 40))),
        OddPhoto(
            "keyed_grey.png", encoded(green.convert("L"), "PNG", transparency=119), looks_like=white.resize((40, 40))
        ),
        OddPhoto("keyed16.png", png(96, 64, 16, 2, rows, (b"tRNS", bytes(6))), looks_like=upright, tolerance=1),
        OddPhoto("display_p3.jpg", in_display_p3(upright), looks_like=upright, tolerance=2),
        OddPhoto("broken_icc.jpg", encoded(upright, "JPEG", icc_profile=b"not a profile" * 20), looks_like=upright),
    ]


def _unusual_files() -> list[OddPhoto]:
    upright, other = scene(), Image.new("RGB", (96, 64), "black")
    photos = [
        OddPhoto(f"{kind.lower()}.{kind.lower()}", encoded(upright, kind), looks_like=upright)
        for kind in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF", "HEIF")
    ]
    photos += [
        OddPhoto(f"animated.{kind.lower()}", encoded(upright, kind, save_all=True, append_images=[other]),
                 looks_like=upright, tolerance=8)
        for kind in ("GIF", "WEBP", "PNG", "AVIF", "TIFF", "MPO")
    ]  # fmt: skip
    for turn in range(1, 9):
        stored = upright.transpose(UNTURNS[turn]) if turn > 1 else upright
        exif = exif_block(turn, "<" if turn % 2 else ">")
        photos.append(OddPhoto(f"turned_{turn}.jpg", encoded(stored, "JPEG", exif=exif), looks_like=upright))
    stored = upright.transpose(UNTURNS[6])
    turned = {
        "turned.png": encoded(stored, "PNG", exif=exif_block(6)),
        "turned.webp": encoded(stored, "WEBP", exif=exif_block(6)),
        "turned.avif": encoded(stored, "AVIF", exif=exif_block(6)),
        "turned.heic": encoded(stored, "HEIF", exif=exif_block(6)),
        "turned.tif": encoded(stored, "TIFF", tiffinfo={0x0112: 6}),
        "turned_lzw.tif": encoded(stored, "TIFF", tiffinfo={0x0112: 6}, compression="tiff_lzw"),
    }
    photos += [OddPhoto(name, data, looks_like=upright) for name, data in turned.items()]
    plain = encoded(upright, "JPEG")
    bomb = b"Exif\0\0" + directory_bomb()
    nonsense = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x0f\x01\x02\0\xff\xff\xff\x7f\xff\xff\xff\x7f" * 9
    odd = {
        "progressive.jpg": encoded(upright, "JPEG", progressive=True),
        "trailing.jpg": plain + np.random.default_rng(3).bytes(100_000),
        "photo_with_film.jpg": plain + b"\0\0\0\x18ftypmp42" + b"\xff\xda\0\2" * 500,  # a phone's moving photo
        "wrong_ending.gif": plain,
        "no_jfif.jpg": with_segments(plain),
        "nonsense_exif.jpg": with_segments(plain, (0xE1, nonsense)),
        "nonsense_exif.png": encoded(upright, "PNG", exif=nonsense),
        "no_directory.jpg": with_segments(plain, (0xE1, b"Exif\0\0MM")),
        "orientation_0.jpg": with_segments(plain, (0xE1, exif_block(0))),
        "orientation_99.jpg": with_segments(plain, (0xE1, exif_block(99))),
        "nonsense_mpf.jpg": with_segments(plain, (0xE2, b"MPF\0" + nonsense[6:])),
        "exif_bomb.jpg": with_segments(plain, *split_exif(bomb[6:])),
        "exif_bomb.png": encoded(upright, "PNG", exif=bomb),
        "exif_bomb.webp": encoded(upright, "WEBP", exif=bomb),
        "exif_bomb.avif": encoded(upright, "AVIF", exif=bomb),
        "odd_animation.png": png(2, 2, 8, 2, bytes(14), (b"acTL", bytes(8))),
    }
    photos += [
        OddPhoto(name, data, looks_like=None if name == "odd_animation.png" else upright) for name, data in odd.items()
    ]
    large = scene(4000, 3000)
    photos.append(OddPhoto("twelve_megapixels.jpg", encoded(large, "JPEG"), looks_like=scene(4000, 3000)))
    return photos


@functools.cache
def odd_photos() -> tuple[OddPhoto, ...]:
    """All of them, drawn once."""
    return (*_no_photos(), *_broken(), *_too_large(), *_unusual_pixels(), *_unusual_files())


def write_all(folder: Path) -> dict[Path, type[PhotoError] | None]:
    """Write them into `folder`; the answer gives each path's expected error, also for a folder and a missing file."""
    expected: dict[Path, type[PhotoError] | None] = {}
    for odd in odd_photos():
        path = folder / odd.name
        path.write_bytes(odd.data)
        expected[path] = odd.expected
    (folder / "a_folder.jpg").mkdir()
    expected[folder / "a_folder.jpg"] = PhotoUnsupported
    expected[folder / "missing.jpg"] = PhotoError
    return expected
