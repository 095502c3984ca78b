"""Photos as people send them: each opens upright and in colour, or ends in one sentence that helps."""

from __future__ import annotations

import io
import json
import os
import re
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from odd_photos import (
    OddPhoto,
    all_grey,
    display_p3,
    encoded,
    exif_block,
    in_display_p3,
    odd_photos,
    scene,
    write_all,
)
from PIL import Image, ImageCms, ImageFile

from hashstagram.errors import (
    HashStagramError,
    PhotoBroken,
    PhotoError,
    PhotoTooLarge,
    PhotoUnsupported,
    SettingError,
    WeightsError,
)
from hashstagram.photos import Limits, Preprocessing, open_photo, to_tensor

IMAGENET = Preprocessing(246, 224, "bicubic", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
PLAIN = Preprocessing(246, 224, "bicubic", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
EXAMPLES = Path(__file__).parent.parent / "examples"
NOT_REDUCED = 10**6  # a min_side that no photo reaches twice


def difference(image: Image.Image, other: Image.Image) -> float:
    """Mean difference in grey levels of two images of about the same shape."""
    other = other.convert("RGB")
    if other.size != image.size:
        other = other.resize(image.size, Image.Resampling.BOX)
    return float(np.abs(np.asarray(image, np.float32) - np.asarray(other, np.float32)).mean())


@pytest.mark.parametrize("odd", odd_photos(), ids=lambda odd: odd.name)
def test_an_odd_photo_gives_a_photo_or_one_sentence(odd: OddPhoto) -> None:
    if odd.expected is None:
        image = open_photo(odd.data)
        assert image.mode == "RGB"
        assert odd.looks_like is None or difference(image, odd.looks_like) <= odd.tolerance
        tensor = to_tensor(image, IMAGENET)
        assert tensor.shape == (3, 224, 224)
        assert np.isfinite(tensor).all()
    else:
        with pytest.raises(PhotoError) as caught:
            open_photo(odd.data)
        assert type(caught.value) is odd.expected
        assert_for_a_visitor(str(caught.value))


def assert_for_a_visitor(message: str) -> None:
    assert re.fullmatch(r"[A-Z].*\. Please .*\.", message)
    assert not re.search(r"Error|0x|<_io|/|\\|Traceback|None", message)


def test_files_give_what_their_bytes_give(tmp_path: Path) -> None:
    for path, expected in write_all(tmp_path).items():
        if expected is None:
            assert (
                open_photo(path).tobytes() == open_photo(str(path)).tobytes() == open_photo(path.read_bytes()).tobytes()
            )
        else:
            with pytest.raises(PhotoError) as caught:
                open_photo(str(path))
            assert type(caught.value) is expected
            assert_for_a_visitor(str(caught.value))


@pytest.mark.parametrize(
    "odd", [odd for odd in odd_photos() if odd.name.startswith("turned")], ids=lambda odd: odd.name
)
def test_a_turned_photo_has_the_tensor_of_its_upright_copy(odd: OddPhoto) -> None:
    kind = _format(odd)
    upright = to_tensor(open_photo(encoded(scene(), kind)), PLAIN)
    assert np.abs(to_tensor(open_photo(odd.data), PLAIN) - upright).mean() < 3 / 255


def _format(odd: OddPhoto) -> str:
    return {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "avif": "AVIF", "heic": "HEIF", "tif": "TIFF"}[
        odd.name.split(".")[1]
    ]


def test_an_opened_photo_carries_nothing_about_its_maker() -> None:
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    exif.get_ifd(0x8825)[1] = "N"
    image = open_photo(encoded(scene(), "JPEG", exif=exif, comment="a secret"))
    assert type(image) is Image.Image
    assert image.info == {}
    assert not image.getexif()


def test_the_reduced_photo_is_the_plain_one_but_for_a_fraction_of_a_grey_level() -> None:
    random = np.random.default_rng(1)
    large = np.asarray(scene(1300, 1100), np.float32) + random.normal(0, 12, (1100, 1300, 3))
    photo = Image.fromarray(large.clip(0, 255).astype(np.uint8))
    for kind, options in (("JPEG", {"quality": 90}), ("PNG", {"compress_level": 1})):
        data = encoded(photo, kind, **options)
        quick, plain = open_photo(data), open_photo(data, min_side=NOT_REDUCED)
        assert (plain.size, quick.size) == ((1300, 1100), (650, 550))
        levels = np.abs(to_tensor(quick, PLAIN) - to_tensor(plain, PLAIN)) * 255
        assert levels.mean() < 0.8
        assert levels.max() < 10


def test_a_large_jpeg_is_reduced_inside_the_decoder() -> None:
    data = encoded(scene(4000, 3000), "JPEG")

    def seconds(min_side: int) -> float:
        start = time.thread_time()
        open_photo(data, min_side=min_side)
        return time.thread_time() - start

    # A third is usual; the margin is for a busy machine.
    assert min(seconds(512) for _ in range(5)) < 0.7 * min(seconds(NOT_REDUCED) for _ in range(5))


@pytest.mark.parametrize(("size", "expected"), [((1024, 2048), (512, 1024)), ((1023, 2048), (1023, 2048))])
def test_the_short_side_never_falls_below_min_side(size: tuple[int, int], expected: tuple[int, int]) -> None:
    for kind in ("JPEG", "PNG"):
        assert open_photo(encoded(scene(*size), kind)).size == expected
    assert min(open_photo(encoded(scene(*size), "JPEG"), min_side=100).size) >= 100


def test_min_side_below_one_is_refused() -> None:
    with pytest.raises(SettingError, match="not 0"):
        open_photo(encoded(scene(), "PNG"), min_side=0)


def test_colours_of_a_wide_profile_become_srgb() -> None:
    vivid = Image.new("RGB", (64, 64), (220, 40, 40))
    data = in_display_p3(vivid)
    with Image.open(io.BytesIO(data)) as stored:
        assert difference(stored.convert("RGB"), vivid) > 6
    assert difference(open_photo(data), vivid) < 1.5


def test_a_profile_of_tables_is_left_alone() -> None:
    profile = all_grey()
    transform = ImageCms.buildTransform(io.BytesIO(profile), ImageCms.createProfile("sRGB"), "RGB", "RGB")
    assert transform.apply(scene()).getextrema() != scene().getextrema()
    assert difference(open_photo(encoded(scene(), "PNG", icc_profile=profile)), scene()) == 0


def test_no_reader_but_ours_is_ever_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Image.OPEN, "EAGER", (lambda *_: pytest.fail("tried"), lambda _: True))
    monkeypatch.setattr(Image, "ID", ["EAGER", *Image.ID])
    with pytest.raises(PhotoBroken):
        open_photo(b"BM, says the text")
    assert open_photo(encoded(scene(), "PNG")).size == (96, 64)


def test_a_profile_for_other_channels_is_left_alone() -> None:
    grey = scene().convert("L")
    assert difference(open_photo(encoded(grey, "PNG", icc_profile=display_p3())), grey) == 0


def test_the_current_frame_of_an_open_image_counts() -> None:
    data = encoded(scene(), "GIF", save_all=True, append_images=[Image.new("RGB", (96, 64), "black")])
    with Image.open(io.BytesIO(data)) as image:
        image.seek(1)
        assert np.asarray(open_photo(image)).max() < 10
        assert image.tell() == 1


@pytest.mark.parametrize(
    "mode", ["RGB", "RGBA", "RGBa", "RGBX", "L", "LA", "La", "1", "P", "PA", "CMYK", "YCbCr", "HSV", "LAB"]
)
def test_open_images_of_every_mode_are_read_and_left_alone(mode: str) -> None:
    image = scene()
    for step in {"La": ("LA", "La"), "RGBa": ("RGBA", "RGBa")}.get(mode, (mode,)):
        image = image.convert(step)
    before = image.tobytes()
    photo = open_photo(image)
    assert (photo.mode, photo.size) == ("RGB", (96, 64))
    if mode != "1":
        assert difference(photo, scene().convert("L") if mode in ("L", "LA", "La") else scene()) < 20
    photo.putpixel((0, 0), (1, 2, 3))
    assert (image.mode, image.tobytes()) == (mode, before)


def test_a_palette_with_transparency_is_left_alone() -> None:
    image = scene().quantize(64)
    image.info["transparency"] = bytes(64)
    before = image.getpalette("RGBA")
    assert np.asarray(open_photo(image)).min() == 255
    assert image.getpalette("RGBA") == before
    assert image.info["transparency"] == bytes(64)


@pytest.mark.parametrize("mode", ["I", "F", "I;16", "I;16B", "I;16L"])
def test_open_images_of_more_bits_are_scaled_not_clipped(mode: str) -> None:
    levels = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    if mode in ("I", "F"):
        image = Image.fromarray(levels.astype({"I": np.int32, "F": np.float32}[mode]))
    else:
        image = Image.frombytes(mode, (16, 16), levels.astype(">u2" if mode.endswith("B") else "<u2").tobytes())
    assert np.array_equal(np.asarray(open_photo(image))[:, :, 1].ravel(), np.arange(256))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0.5, 1], [0, 128, 255]),
        ([0, 128, 255], [0, 128, 255]),
        ([0, 257, 65535], [0, 1, 255]),
        ([0, 50_000, 100_000], [0, 128, 255]),
        ([-100, 0, 100], [0, 128, 255]),
        ([-3e38, 0, 3e38], [0, 128, 255]),
        ([float("nan"), float("inf"), 255], [0, 0, 255]),
        ([-1e-45, 0, 1e-45], [0, 128, 255]),
    ],
)
def test_floating_grey_of_any_range_fits_into_eight_bits(values: list[float], expected: list[int]) -> None:
    image = Image.fromarray(np.array([values], dtype=np.float32))
    assert np.asarray(open_photo(image))[0, :, 0].tolist() == expected


def test_a_lazily_opened_image_is_turned_and_stays_usable(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    path.write_bytes(encoded(scene(64, 96), "JPEG", exif=exif_block(6)))
    with Image.open(path) as image:
        assert open_photo(image).size == (96, 64)
        assert image.size == (64, 96)
        assert image.getexif()[0x0112] == 6
        image.getpixel((3, 3))


def test_an_image_that_turns_out_damaged_or_closed_is_a_broken_photo() -> None:
    data = encoded(scene(640, 480), "JPEG")
    with Image.open(io.BytesIO(data[:3000])) as image, pytest.raises(PhotoBroken):
        open_photo(image)
    closed = Image.open(io.BytesIO(data))
    closed.close()
    with pytest.raises(PhotoBroken):
        open_photo(closed)


def test_limits_on_bytes_hold_for_files_and_bytes(tmp_path: Path) -> None:
    data = encoded(scene(), "PNG")
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    for photo in (data, path, str(path)):
        assert open_photo(photo, limits=Limits(max_bytes=len(data))).size == (96, 64)
        with pytest.raises(PhotoTooLarge, match="MB"):
            open_photo(photo, limits=Limits(max_bytes=len(data) - 1))


def test_limits_on_pixels_hold_for_files_and_images() -> None:
    data = encoded(scene(), "PNG")
    with Image.open(io.BytesIO(data)) as image:
        for photo in (data, image):
            assert open_photo(photo, limits=Limits(max_pixels=96 * 64)).size == (96, 64)
            with pytest.raises(PhotoTooLarge, match="96 x 64 pixels; at most 6,143"):
                open_photo(photo, limits=Limits(max_pixels=96 * 64 - 1))


def test_a_photo_over_the_limit_is_never_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: ImageFile.ImageFile) -> None:
        pytest.fail("decoded")

    data = encoded(scene(), "PNG")
    with Image.open(io.BytesIO(data)) as image:
        monkeypatch.setattr(ImageFile.ImageFile, "load", load)
        for photo in (data, image):
            with pytest.raises(PhotoTooLarge):
                open_photo(photo, limits=Limits(max_pixels=100))


def test_a_huge_file_is_refused_without_being_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.truncate(2**42)  # four terabytes of nothing
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("opened"))
    with pytest.raises(PhotoTooLarge, match=r"4,194,304\.0 MB; at most 10 MB"):
        open_photo(path)


def test_limits_can_be_raised_past_the_point_where_pillow_warns() -> None:
    odd = next(odd for odd in odd_photos() if odd.name == "warned.png")
    assert open_photo(odd.data, limits=Limits(max_pixels=100_000_000)).size == (527, 527)


def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Limits.from_environment() == Limits(10 * 2**20, 50_000_000)
    monkeypatch.setenv("HASHSTAGRAM_MAX_BYTES", "300")
    monkeypatch.setenv("HASHSTAGRAM_MAX_PIXELS", "7")
    assert Limits.from_environment() == Limits(300, 7)
    with pytest.raises(PhotoTooLarge):
        open_photo(encoded(scene(8, 1), "PNG"))


@pytest.mark.parametrize("value", ["ten", "0", "-3", "1e6", "999999999999"])
def test_a_limit_that_cannot_be_is_a_setting_error(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHSTAGRAM_MAX_PIXELS", value)
    with pytest.raises(SettingError, match=r"MAX_PIXELS|max_pixels"):
        Limits.from_environment()


@pytest.mark.parametrize("address", ["https://example.com/cat.jpg", "file:///etc/passwd", "s3://bucket/cat.jpg"])
def test_addresses_are_refused(address: str) -> None:
    with pytest.raises(PhotoUnsupported, match="Web addresses are not opened"):
        open_photo(address)


@pytest.mark.parametrize("name", ["", "nul\0byte", "x" * 5000, "missing/photo.jpg"])
def test_names_that_lead_nowhere(name: str) -> None:
    with pytest.raises(PhotoError) as caught:
        open_photo(name)
    assert_for_a_visitor(str(caught.value))


@pytest.mark.parametrize("thing", [None, 7, [b"x"], np.zeros((4, 4, 3), np.uint8)])
def test_things_that_are_no_photos_are_named(thing: object) -> None:
    with pytest.raises(PhotoUnsupported, match=type(thing).__name__):
        open_photo(thing)  # type: ignore[arg-type]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PhotoUnsupported, match="not a file"):
        open_photo(tmp_path / "pipe.jpg")


def test_the_cause_of_a_failure_is_kept_for_the_log() -> None:
    with pytest.raises(PhotoBroken) as caught:
        open_photo(encoded(scene(640, 480), "JPEG")[:2000])
    assert isinstance(caught.value.__cause__, OSError)


def test_what_the_decoder_cannot_hold_in_memory_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: ImageFile.ImageFile) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(PhotoTooLarge, match="too large to open"):
        open_photo(encoded(scene(), "PNG"))


def test_pillows_remarks_stay_inside_even_where_warnings_are_errors() -> None:
    remarkable = [odd for odd in odd_photos() if odd.name in ("nonsense_exif.jpg", "odd_animation.png", "warned.png")]
    bomb = OddPhoto("many_entries.tif", encoded(scene(), "TIFF", tiffinfo={0x0131: "x" * 99}), None)
    with warnings.catch_warnings(record=True) as heard:
        for action in ("always", "error"):
            warnings.simplefilter(action)
            for odd in (*remarkable, bomb):
                if odd.expected is None:
                    open_photo(odd.data)
                else:
                    with pytest.raises(odd.expected):
                        open_photo(odd.data)
    assert heard == []


def test_pillows_settings_are_left_alone() -> None:
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    for odd in odd_photos()[:40]:
        try:
            open_photo(odd.data)
        except HashStagramError:
            continue
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)


def test_threads_get_what_one_gets() -> None:
    photos = [odd.data for odd in odd_photos() if odd.expected is None and len(odd.data) < 100_000]

    def tensor(data: bytes) -> bytes:
        return to_tensor(open_photo(data), IMAGENET).tobytes()

    alone = [tensor(data) for data in photos]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(tensor, photos * 2)) == alone * 2


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_threads_may_share_one_lazily_opened_image(kind: str) -> None:
    noise = np.random.default_rng(0).integers(
        0, 256, (700, 900, 3), dtype=np.uint8
    )  # so that it is read in many pieces
    data = encoded(Image.fromarray(noise), kind)
    start = threading.Barrier(8)
    with Image.open(io.BytesIO(data)) as image, ThreadPoolExecutor(8) as pool:

        def work(_: int) -> bytes:
            start.wait()
            return open_photo(image).tobytes()

        assert set(pool.map(work, range(8))) == {open_photo(data, min_side=NOT_REDUCED).tobytes()}


def resized_then_cropped(
    image: Image.Image, preprocessing: Preprocessing
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The plain way, in double precision from the resized pixels on."""
    short = min(image.size)
    width, height = (preprocessing.resize * side // short for side in image.size)
    kernel = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}[preprocessing.interpolation]
    resized = image.resize((width, height), kernel)
    left, top = round((width - preprocessing.crop) / 2), round((height - preprocessing.crop) / 2)
    square = resized.crop((left, top, left + preprocessing.crop, top + preprocessing.crop))
    return ((np.asarray(square) / 255 - preprocessing.mean) / preprocessing.std).transpose(2, 0, 1)


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize(
    "size", [(640, 480), (481, 640), (333, 777), (100, 90), (246, 246), (3000, 260), (5, 40), (1, 1)]
)
def test_a_tensor_is_the_photo_resized_then_cropped(size: tuple[int, int], interpolation: str) -> None:
    preprocessing = Preprocessing.from_json({**IMAGENET.to_json(), "interpolation": interpolation})
    image = scene(*size)
    tensor = to_tensor(image, preprocessing)
    assert tensor.dtype == np.float32
    assert tensor.flags.c_contiguous
    assert tensor.flags.writeable
    levels = np.abs(tensor - resized_then_cropped(image, preprocessing)) * 255 * 0.229
    assert levels.max() < 2.1  # Pillow rounds to whole grey levels twice
    assert levels.mean() < 0.1


def test_a_tensor_is_the_same_each_time() -> None:
    image = scene(500, 400)
    assert to_tensor(image, IMAGENET).tobytes() == to_tensor(image, IMAGENET).tobytes()


@pytest.mark.parametrize("size", [(1, 30_000), (60_000, 1), (3, 20_000)])
def test_an_extreme_shape_takes_its_centre(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, "red")
    middle = tuple(side // 2 for side in size)
    image.paste("blue", (middle[0] - 4, middle[1] - 4, middle[0] + 4, middle[1] + 4))
    tensor = to_tensor(image, PLAIN)
    assert tensor[2].min() > 0.99
    assert tensor[0].max() < 0.01


def test_a_tensor_needs_an_rgb_image() -> None:
    with pytest.raises(PhotoUnsupported, match="not from L"):
        to_tensor(scene().convert("L"), IMAGENET)


def test_preprocessing_survives_its_record() -> None:
    assert Preprocessing.from_json(json.loads(json.dumps(IMAGENET.to_json()))) == IMAGENET


@pytest.mark.parametrize(
    "change",
    [
        {"crop": 300},
        {"crop": 0},
        {"interpolation": "nearest"},
        {"std": [0, 1, 1]},
        {"mean": [0.5]},
        {"mean": "half"},
        {"mean": None},
        {"resize": "246"},
        {"colour": "BGR"},
    ],
)
def test_preprocessing_refuses_a_record_that_cannot_be_followed(change: dict[str, object]) -> None:
    with pytest.raises(WeightsError, match="weight record"):
        Preprocessing.from_json({**IMAGENET.to_json(), **change})


def test_preprocessing_names_what_is_missing() -> None:
    with pytest.raises(WeightsError, match="cannot be used"):
        Preprocessing.from_json({"resize": 246})


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.jpg")), ids=lambda path: path.stem)
def test_the_pages_examples_are_small_photos_with_a_credit(path: Path) -> None:
    assert path.stat().st_size < 200_000
    assert min(open_photo(path).size) >= 300
    assert f"`{path.name}`" in (EXAMPLES / "CREDITS.md").read_text()
