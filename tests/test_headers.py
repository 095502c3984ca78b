"""What is read from a photo's bytes before a decoder sees them: its kind, its orientation, and what would blow up."""

import io
import struct
import tracemalloc

import pytest
from odd_photos import directory_bomb, encoded, exif_block, scan_bomb, scene, split_exif, with_segments
from PIL import Image

from hashstagram import headers
from hashstagram.errors import PhotoBroken
from hashstagram.photos import open_photo

FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"]


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_is_known_by_its_first_bytes(kind: str) -> None:
    assert headers.formats_of(encoded(scene(), kind)) == (kind,)


@pytest.mark.parametrize("brand", [b"mif1", b"msf1"])
@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_photo_that_names_only_its_container_still_opens(kind: str, brand: bytes) -> None:
    data = encoded(scene(), kind)
    assert open_photo(data[:8] + brand + data[12:]).size == (96, 64)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_orientation_in_both_byte_orders(turn: int, order: str) -> None:
    block = exif_block(turn, order)
    assert headers.orientation(block) == turn
    assert headers.orientation(block.removeprefix(b"Exif\0\0")) == turn


def test_orientation_as_a_long_number() -> None:
    block = b"MM\0*" + struct.pack(">LHHHLLL", 8, 1, 0x0112, 4, 1, 8, 0)
    assert headers.orientation(block) == 8


@pytest.mark.parametrize(
    "block", [b"", b"Exif\0\0", b"II*\0", b"MM\0*\xff\xff\xff\xff", exif_block(6)[:-9], exif_block(0)]
)
def test_a_block_that_does_not_say_leaves_the_photo_as_stored(block: bytes) -> None:
    assert headers.orientation(block) == 1


def test_the_first_of_two_exif_blocks_counts() -> None:
    data = with_segments(encoded(scene(), "JPEG"), (0xE1, exif_block(6)), (0xE1, exif_block(1)))
    assert open_photo(data).size == (64, 96)


def test_only_the_photos_own_exif_counts() -> None:
    inner = with_segments(encoded(scene(), "JPEG"), (0xE1, exif_block(6)))
    outer = encoded(scene(), "JPEG")
    for data in (outer + inner, with_segments(outer, (0xE2, inner))):
        assert open_photo(data).size == (96, 64)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_directory_bomb_takes_no_more_memory_than_the_file(kind: str) -> None:
    block = directory_bomb()  # 180 MB once Pillow copies each tag
    if kind == "JPEG":
        data = with_segments(encoded(scene(), kind), *split_exif(block))
    else:
        data = encoded(scene(), kind, exif=b"Exif\0\0" + block)
    tracemalloc.start()
    open_photo(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * len(block)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_that_counts_its_data_many_times_is_refused(order: str) -> None:
    tags = b"".join(struct.pack(order + "HHLL", 40_000 + tag, 7, 900_000, 0) for tag in range(100))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "LH", 8, 100)
    with pytest.raises(PhotoBroken, match="at greater length"):
        open_photo(head + tags + bytes(900_000))


def test_a_tiff_with_a_list_longer_than_any_picture_is_refused() -> None:
    tag = struct.pack("<HHLL", 0x0111, 3, 5_000_000, 8)
    with pytest.raises(PhotoBroken, match="at greater length"):
        open_photo(b"II*\0" + struct.pack("<LH", 8, 1) + tag + bytes(100))


def test_a_tiff_opens_without_the_directories_that_it_points_to() -> None:
    data = encoded(scene(), "TIFF", tiffinfo={0x8769: {0x9286: b"comment" * 100}})
    safe, _ = headers.defused(data, ("TIFF",))
    for content, entries in ((data, 1), (safe, 0)):
        with Image.open(io.BytesIO(content)) as image:
            assert len(image.getexif().get_ifd(0x8769)) == entries
    assert open_photo(data).tobytes() == scene().tobytes()


def test_a_large_tiff_profile_is_no_bomb() -> None:
    assert open_photo(encoded(scene(), "TIFF", icc_profile=bytes(900_000))).size == (96, 64)


def test_scans_are_counted_to_the_end_of_the_photo_only() -> None:
    with pytest.raises(PhotoBroken, match="60 scans"):
        open_photo(scan_bomb(side=64, scans=60))
    assert open_photo(scan_bomb(side=64, scans=50)).size == (64, 64)
    assert open_photo(encoded(scene(), "JPEG", progressive=True) + b"\xff\xda\0\2" * 1000).size == (96, 64)


def test_pixels_are_not_touched() -> None:
    for kind in FORMATS:
        data = encoded(scene(), kind, exif=exif_block(1)) if kind not in ("GIF", "BMP") else encoded(scene(), kind)
        safe, turn = headers.defused(data, headers.formats_of(data))
        assert turn == 1
        assert len(safe) == len(data)
        with Image.open(io.BytesIO(safe)) as image, Image.open(io.BytesIO(data)) as original:
            assert image.convert("RGB").tobytes() == original.convert("RGB").tobytes()


def test_the_directory_bomb_does_go_off_in_pillow() -> None:
    tracemalloc.start()
    exif = Image.Exif()
    exif.load(directory_bomb(tags=60))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak > 50 * 900_000
