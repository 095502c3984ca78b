"""A small file does not take much memory, whatever kind of pixels it says that it has."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

# 16 megapixels: enough to be seen beside what a process has anyway.
SIDE = 4000
# The largest photo that is read by default has 50 million pixels: that makes 1 GB.
MOST_BYTES_A_PIXEL = 20

# A process of its own: the peak of a memory never falls, and this one has made the photo.
CHILD = """
import re, sys
from pathlib import Path
from PIL import Image
from hashstagram.photos import open_photo

def peak_kb():
    # Not ru_maxrss: that begins with the memory of who started this process.
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

data = sys.stdin.buffer.read()
open_photo(Image.new("RGB", (600, 600)))
before = peak_kb()
open_photo(data)
print(peak_kb() - before)
"""


@pytest.mark.parametrize(
    ("mode", "kind", "colour"),
    [
        ("F", "TIFF", 0.3),
        ("I", "TIFF", 70_000),
        ("I;16", "TIFF", 7),
        ("CMYK", "TIFF", (9, 9, 9, 9)),
        ("LA", "PNG", (9, 9)),
        ("RGBA", "PNG", (9, 9, 9, 9)),
        ("RGBA", "WEBP", (9, 9, 9, 9)),
    ],
    ids=str,
)
def test_memory_is_bounded_by_the_pixels(mode: str, kind: str, colour: float | tuple[int, ...]) -> None:
    stream = io.BytesIO()
    options = {"compression": "tiff_adobe_deflate"} if kind == "TIFF" else {}
    Image.new(mode, (SIDE, SIDE), colour).save(stream, kind, **options)
    assert len(stream.getvalue()) < SIDE * SIDE / 50

    run = subprocess.run(
        [sys.executable, "-c", CHILD],
        cwd=Path(__file__).resolve().parent.parent,
        input=stream.getvalue(),
        capture_output=True,
        check=False,
        timeout=120,
    )

    assert run.returncode == 0, run.stderr.decode()
    assert int(run.stdout) * 1024 / SIDE**2 < MOST_BYTES_A_PIXEL
