"""Whatever bytes come as a photo: an RGB image or a PhotoError comes of them, and little memory is needed.

The examples are the same in every run, so that a failure is one of the code and not of the day. To look at others:
`FUZZ_EXAMPLES=5000 .venv/bin/python -m pytest tests/test_fuzz.py`.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from odd_photos import OddPhoto, encoded, odd_photos, scene
from PIL import Image

from hashstagram.errors import PhotoError, PhotoTooLarge
from hashstagram.photos import Limits, open_photo

EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
settings.register_profile(
    "photos", max_examples=int(EXAMPLES or 200), derandomize=not EXAMPLES, deadline=None, database=None
)
settings.load_profile("photos")

KINDS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF")
WHOLE = {kind: encoded(scene(48, 40), kind) for kind in KINDS}
SIGNATURES = {kind: data[:16] for kind, data in WHOLE.items()}
LIMITS = Limits(max_bytes=2**20, max_pixels=1_000_000)
# A picture of LIMITS takes 4 MB, and the bytes of a TIFF's directory 64; several pictures may be there at once.
MOST_MB = 200
CLEAR_REFS = Path("/proc/self/clear_refs")


@pytest.fixture(autouse=True)
def _bounded() -> Iterator[None]:
    """The most memory that the process has while a test opens its photos hardly rises."""
    open_photo(WHOLE["JPEG"])
    if not CLEAR_REFS.exists():
        pytest.skip("This system does not tell the most memory that a process had: Linux does")
    CLEAR_REFS.write_text("5", encoding="ascii")
    before = memory_mb("VmRSS")
    yield
    assert memory_mb("VmHWM") - before < MOST_MB


def memory_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def opens(data: bytes) -> None:
    """The property: an upright RGB image within the limits and without metadata, or a PhotoError."""
    try:
        image = open_photo(data, limits=LIMITS)
    except PhotoError:
        return
    assert type(image) is Image.Image
    assert image.mode == "RGB"
    assert 0 < image.width * image.height <= LIMITS.max_pixels
    assert image.info == {}


@given(some.binary(max_size=2000))
def test_any_bytes(data: bytes) -> None:
    opens(data)


@pytest.mark.parametrize("kind", KINDS)
@given(rest=some.binary(max_size=2000))
def test_any_bytes_behind_a_signature(kind: str, rest: bytes) -> None:
    opens(SIGNATURES[kind] + rest)


@pytest.mark.parametrize("kind", KINDS)
@given(changes=some.lists(some.tuples(some.integers(0, 400), some.integers(0, 255)), min_size=1, max_size=8))
def test_a_photo_with_other_bytes_in_its_header(kind: str, changes: list[tuple[int, int]]) -> None:
    data = bytearray(WHOLE[kind])
    for place, value in changes:
        data[place % len(data)] = value
    opens(bytes(data))


@pytest.mark.parametrize("kind", KINDS)
@given(data=some.data())
def test_a_photo_with_a_part_cut_out_doubled_or_strange(kind: str, data: some.DataObject) -> None:
    whole = WHOLE[kind]
    start = data.draw(some.integers(0, len(whole)))
    end = data.draw(some.integers(start, len(whole)))
    middle = data.draw(some.sampled_from([b"", 2 * whole[start:end], bytes(end - start), b"\xff" * (end - start)]))
    opens(whole[:start] + middle + whole[end:])


@given(some.sampled_from([odd for odd in odd_photos() if len(odd.data) < LIMITS.max_bytes]), some.data())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_an_odd_photo_cut_off(odd: OddPhoto, data: some.DataObject) -> None:
    opens(odd.data[: data.draw(some.integers(0, len(odd.data)))])


@pytest.mark.parametrize("kind", KINDS)
@given(width=some.integers(1, 1500), height=some.integers(1, 1500))
@settings(max_examples=8)
def test_any_size(kind: str, width: int, height: int) -> None:
    data = encoded(Image.new("RGB", (width, height), "teal"), kind)
    if width * height > LIMITS.max_pixels:
        with pytest.raises(PhotoTooLarge):
            open_photo(data, limits=LIMITS)
    else:
        opens(data)
