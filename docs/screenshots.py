"""Pictures of the page for the README, from the program as it is: `make screenshots`."""

import contextlib
import io
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = "/usr/bin/chromium"
# What a README may weigh, each.
MOST_BYTES = 300_000
PATIENCE = 180


@dataclass(frozen=True)
class Shot:
    """One picture: which photo, at which size and in which light, and which hashtag is asked for its reason."""

    name: str
    photo: str
    width: int
    height: int
    theme: str
    phone: bool = False
    why: str | None = None


SHOTS = (
    Shot("desktop-light", "tower.jpg", 1180, 760, "light"),
    Shot("desktop-dark", "cat.jpg", 1180, 760, "dark", why="cat"),
    Shot("phone-light", "coffee.jpg", 390, 844, "light", phone=True),
    Shot("phone-dark", "flower.jpg", 390, 844, "dark", phone=True),
)


def main() -> None:
    """Start the program, take all pictures and write them beside this file."""
    with tempfile.TemporaryDirectory() as folder, _served(Path(folder)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for shot in SHOTS:
            path = Path(__file__).parent / f"{shot.name}.png"
            path.write_bytes(_light(_taken(browser, address, shot)))
            print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")
        browser.close()


@contextlib.contextmanager
def _served(home: Path) -> Iterator[str]:
    """The program on a free port, and its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    settings = {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(home / "uploads")}
    process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=os.environ | settings)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(process, f"{address}/readyz")
        yield address
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(address):  # noqa: S310 - our own
            return
        time.sleep(0.2)
    sys.exit("The program does not answer. Its last words are above.")


def _taken(browser: Browser, address: str, shot: Shot) -> bytes:
    context = browser.new_context(
        viewport={"width": shot.width, "height": shot.height},
        is_mobile=shot.phone,
        has_touch=shot.phone,
        color_scheme="dark" if shot.theme == "dark" else "light",
        reduced_motion="reduce",
        locale="en",
    )
    context.set_default_timeout(1000 * PATIENCE)
    expect.set_options(timeout=1000 * PATIENCE)
    page = context.new_page()
    page.goto(address)
    page.locator("#photo input[type=file]").wait_for(state="attached")
    _ask(page, shot)
    picture = page.screenshot()
    context.close()
    return picture


def _ask(page: Page, shot: Shot) -> None:
    page.locator("#photo input[type=file]").set_input_files(ROOT / "examples" / shot.photo)
    expect(page.locator("#answer .chip")).to_have_count(5)
    if shot.why is not None:
        page.locator(f".chip[data-tag={shot.why}]").click()
        expect(page.locator("#photo-part")).to_have_attribute("data-heat", "shown")
        expect(page.locator("#heat figure"), "The program has no heat to show.").to_be_visible(timeout=1000)
    page.wait_for_timeout(500)


def _light(picture: bytes) -> bytes:
    """The picture, with as few colours as make it light enough."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    for colours in (None, 256, 192, 128, 96, 64):
        stream = io.BytesIO()
        fewer = image if colours is None else image.quantize(colours, dither=Image.Dither.FLOYDSTEINBERG)
        fewer.save(stream, "PNG", optimize=True)
        if stream.tell() <= MOST_BYTES:
            return stream.getvalue()
    sys.exit("A picture stays too large for the README. Make the window smaller.")


if __name__ == "__main__":
    main()
