"""Many photos from one page, which come faster than nginx lets one address ask."""

from pathlib import Path

import pytest
from browsing import CHROMIUM, QUIET
from PIL import Image
from playwright.sync_api import expect, sync_playwright
from proxying import StartNginx
from serving import StartServer

API = "/api/v1/hashtags"


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not there: Debian's package chromium brings it")
def test_the_page_keeps_to_the_limit_and_loses_no_photo(
    start_server: StartServer,
    start_nginx: StartNginx,
    small_weights: Path,
    drawn_photos: list[Image.Image],
    tmp_path: Path,
) -> None:
    process = start_server(small_weights, HASHSTAGRAM_MODELS="alexnet")
    nginx = start_nginx(process.port, 1, UNLIMITED_ADDRESSES="", API_RATE="1r/s", API_BURST="2")
    photos = [tmp_path / f"{number:02}.jpg" for number in range(12)]
    for path, photo in zip(photos, drawn_photos, strict=False):
        photo.save(path)
    statuses: list[int] = []

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page()
        page.on("response", lambda answer: statuses.append(answer.status) if answer.url.endswith(API) else None)
        page.goto(nginx.url)
        page.get_by_label("Choose photos or drop them here").set_input_files(photos)
        expect(page.locator("#many").get_by_role("status")).to_contain_text("hashtags: 12 of 12.", timeout=60_000)
        browser.close()

    assert statuses.count(200) == 12
    # Each of these is a photo that was sent in vain: it learns to leave more time.
    assert 1 <= statuses.count(429) <= 6
