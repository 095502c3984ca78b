"""Debian's Chromium as visitors use it: at a desk and on a phone."""

import base64
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import JSHandle, Page, expect

CHROMIUM = Path("/usr/bin/chromium")
# A browser of a distribution talks to its makers; this one is to talk to our server alone.
QUIET = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
# Gradio writes its settings into the page as a script, which our policy does not run; the page then fetches them.
EXPECTED = re.compile("Executing inline script violates the following Content Security Policy")

Open = Callable[..., Page]


def choose(page: Page, photo: Path | dict[str, Any]) -> None:
    page.locator("#photo input[type=file]").set_input_files(photo)  # type: ignore[arg-type]


def tags(page: Page) -> list[str]:
    return [text.removeprefix("#") for text in page.locator("#answer .chip b").all_inner_texts()]


def line(tags: Sequence[str]) -> str:
    return " ".join(f"#{tag}" for tag in tags)


def answered(page: Page, count: int = 5) -> list[str]:
    """The hashtags, once the line to paste holds them too."""
    expect(page.locator("#answer .chip")).to_have_count(count)
    found = tags(page)
    expect(page.locator("#line textarea")).to_have_value(line(found[:5]))
    return found


def transfer(page: Page, *photos: Path) -> JSHandle:
    """What the browser hands over when photos are dropped."""
    contents = [(photo.name, base64.b64encode(photo.read_bytes()).decode()) for photo in photos]
    return page.evaluate_handle(
        """contents => {
            const transfer = new DataTransfer();
            for (const [name, content] of contents) {
                const bytes = Uint8Array.from(atob(content), character => character.charCodeAt(0));
                transfer.items.add(new File([bytes], name, {type: "image/jpeg"}));
            }
            return transfer;
        }""",
        contents,
    )


def no_sideways_scrolling(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]
