"""Many photos on the page in a browser: one by one, a row for each, and what was found as files."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from browsing import CHROMIUM, PHONE, Open, line, no_sideways_scrolling, transfer
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect
from serving import ROOT, Server

API = "/api/v1/hashtags"
EXAMPLES = sorted((ROOT / "examples").glob("*.jpg"))

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not there: Debian's package chromium brings it"),
]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, drawn_photos: list[Image.Image]) -> list[Path]:
    """Fifty-one small photos."""
    folder = tmp_path_factory.mktemp("photos")
    paths = [folder / f"{number:02}.jpg" for number in range(51)]
    for path, photo in zip(paths, [*drawn_photos, drawn_photos[0]], strict=True):
        photo.save(path)
    return paths


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A file that is no photo, though its name says so."""
    path = tmp_path / "words.jpg"
    path.write_text("These are words.")
    return path


def give(page: Page, files: Sequence[Path | dict[str, Any]]) -> None:
    page.get_by_label("Choose photos or drop them here").set_input_files(files)  # type: ignore[arg-type]


def rows(page: Page) -> Locator:
    return page.get_by_role("table", name="Your photos and their hashtags").locator("tbody tr")


def status(page: Page) -> Locator:
    return page.locator("#many").get_by_role("status")


def finished(page: Page, sentence: str) -> None:
    expect(status(page)).to_contain_text(sentence)
    expect(page.get_by_role("button", name="Ask again")).to_be_visible()


def tags(row: Locator) -> list[str]:
    return [tag.removeprefix("#") for tag in row.locator("li").all_inner_texts()]


def asked(server: Server, photo: Path, **settings: object) -> dict[str, Any]:
    """What the API says."""
    answer = server.post(API, files={"photo": photo.read_bytes()}, data={key: str(settings[key]) for key in settings})
    content: dict[str, Any] = answer.json()
    return content


def in_lists(answer: dict[str, Any]) -> list[str]:
    """An answer's tags as they are shown: those that are seen, and those that are written with them."""
    kinds = ("visible", "companion")
    return [hashtag["tag"] for kind in kinds for hashtag in answer["hashtags"] if hashtag["kind"] == kind]


def slow_down(page: Page, milliseconds: int) -> None:
    """Make every request take at least so long."""
    conditions = {"offline": False, "latency": milliseconds, "downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", conditions)


def downloaded(page: Page, button: str) -> tuple[str, bytes]:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return download.value.suggested_filename, download.value.path().read_bytes()


def of_the_command_line(photos: Sequence[Path], weights: Path, *arguments: str) -> bytes:
    environment = os.environ | {"HASHSTAGRAM_WEIGHTS": str(weights), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "hashstagram", "tag", *arguments, *(photo.name for photo in photos)]
    ran = subprocess.run(command, cwd=photos[0].parent, env=environment, capture_output=True, check=True)
    return ran.stdout


@pytest.mark.parametrize("size", [{}, PHONE | {"viewport": {"width": 360, "height": 780}}], ids=["desk", "phone"])
def test_one_bad_photo_spoils_none_of_the_others(
    visit: Open, server: Server, photos: list[Path], words: Path, size: dict[str, Any]
) -> None:
    page = visit(expected=API, **size)
    no_sideways_scrolling(page)
    good = [*EXAMPLES, *photos[: 11 - len(EXAMPLES)]]

    give(page, [*good[:4], words, *good[4:]])

    finished(page, "Photos with hashtags: 11 of 12. Not usable: 1.")
    expect(page.get_by_role("progressbar", name="Photos looked at")).to_have_js_property("value", 12)
    expect(rows(page)).to_have_count(12)
    for photo in good:
        row = rows(page).filter(has=page.get_by_text(photo.name, exact=True))
        assert tags(row) == in_lists(asked(server, photo)), photo
        assert row.locator("canvas").evaluate("canvas => canvas.width * canvas.height > 1")
    bad = rows(page).nth(4)
    expect(bad).to_contain_text("words.jpg")
    expect(bad).to_contain_text("This is not a photo of a kind that is read here.")
    no_sideways_scrolling(page)

    page.get_by_role("button", name="Try again: words.jpg").click()

    expect(page.get_by_role("button", name="Ask again")).to_be_focused()
    finished(page, "Not usable: 1.")


def test_what_was_found_comes_as_files_like_those_of_the_command_line(
    visit: Open, small_server: Server, small_weights: Path, photos: list[Path], words: Path, tmp_path: Path
) -> None:
    page = visit(to=small_server, expected=API)
    chosen = photos[:12]
    give(page, [*chosen, words])
    finished(page, "Photos with hashtags: 12 of 13.")

    name, content = downloaded(page, "CSV table")
    assert name == "hashtags.csv"
    cells = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    answers = [{"photo": photo.name, **asked(small_server, photo)} for photo in chosen]
    assert [(row["photo"], row["tag"]) for row in cells] == [
        (answer["photo"], hashtag["tag"]) for answer in answers for hashtag in answer["hashtags"]
    ]
    assert content.removeprefix(b"\xef\xbb\xbf") == of_the_command_line(
        chosen, small_weights, "--format", "csv"
    ).removeprefix(b"\xef\xbb\xbf")

    name, content = downloaded(page, "JSON")
    assert name == "hashtags.json"
    assert json.loads(content) == answers
    lines = of_the_command_line(chosen, small_weights, "--format", "jsonl").splitlines()
    assert json.loads(content) == [json.loads(line) for line in lines]

    name, content = downloaded(page, "XMP sidecars (ZIP)")
    assert name == "sidecars.zip"
    of_the_command_line(chosen, small_weights, "--format", "xmp", "--out", str(tmp_path / "sidecars"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == [f"{photo.name}.xmp" for photo in chosen]
        for sidecar in archive.namelist():
            # A run over a folder also writes down by what it knows a photo and an order again.
            written = (tmp_path / "sidecars" / sidecar).read_text("utf-8")
            expected = re.sub(r" *<hashstagram:(Order|Photo)>.*\n", "", written)
            assert archive.read(sidecar).decode() == expected


def test_fifty_photos_are_taken_and_the_rest_is_counted(visit: Open, small_server: Server, photos: list[Path]) -> None:
    page = visit(to=small_server)

    give(page, photos)

    expect(status(page)).to_contain_text("At most 50 photos go at once. Left out: 1.")
    finished(page, "Photos with hashtags: 50 of 50.")
    expect(rows(page)).to_have_count(50)
    expect(rows(page).filter(has_text="#")).to_have_count(50)
    expect(rows(page).filter(has_text="50.jpg")).to_have_count(0)

    give(page, photos[:2])

    expect(status(page)).to_contain_text("Left out: 2.")
    expect(rows(page)).to_have_count(50)

    page.get_by_role("button", name="Clear the list").click()

    expect(page.locator("#many table")).to_be_hidden()
    expect(page.get_by_label("Choose photos or drop them here")).to_be_focused()
    give(page, photos[50:])
    finished(page, "Photos with hashtags: 1 of 1.")


def test_they_go_one_by_one_until_they_are_stopped(visit: Open, small_server: Server, photos: list[Path]) -> None:
    page = visit(to=small_server)
    under_way: set[object] = set()
    most: list[int] = []

    def begun(request: Any) -> None:
        if request.url.endswith(API):
            under_way.add(request)
            most.append(len(under_way))

    page.on("request", begun)
    page.on("requestfinished", lambda request: under_way.discard(request))
    page.on("requestfailed", lambda request: under_way.discard(request))
    slow_down(page, 100)
    give(page, photos[:50])
    expect(rows(page).nth(2)).to_contain_text("#")

    page.get_by_role("button", name="Stop").click()

    expect(status(page)).to_contain_text("Stopped. What is found so far stays.")
    sent = len(most)
    done = rows(page).filter(has_text="#").count()
    assert 3 <= done <= sent < 50
    expect(rows(page).filter(has_text="Stopped")).to_have_count(50 - done)
    page.wait_for_timeout(1000)
    assert len(most) == sent
    assert max(most) == 1

    slow_down(page, 0)
    page.get_by_role("button", name="Continue").click()

    finished(page, "Photos with hashtags: 50 of 50.")
    assert len(most) - sent == 50 - done
    assert max(most) == 1


def test_they_are_looked_at_with_the_settings_of_the_page(visit: Open, server: Server) -> None:
    page = visit()
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("radio", name=re.compile("^AlexNet")).check()
    for name, value in {"top_k": "9", "companions": "3", "min_confidence": "0.05"}.items():
        page.locator(f"#{name} input[type=number]").fill(value)
    page.locator("#exclude textarea, #exclude input").fill("#cat, food")
    page.locator("#always textarea, #always input").fill("berlin")
    page.locator("#platform_tags input").check()
    variety = page.locator("#variety input").is_checked()
    page.locator("#variety input").set_checked(not variety)

    give(page, EXAMPLES)

    finished(page, f"Photos with hashtags: {len(EXAMPLES)} of {len(EXAMPLES)}.")
    settings = {
        "model": "alexnet", "top_k": 9, "companions": 3, "min_confidence": 0.05, "exclude": "cat food",
        "always": "berlin", "platform_tags": True, "variety": not variety,
    }  # fmt: skip
    for example in EXAMPLES:
        row = rows(page).filter(has=page.get_by_text(example.name, exact=True))
        answer = asked(server, example, **settings)
        assert answer["model"] == "alexnet"
        assert answer["hashtags"][0]["tag"] == "berlin"
        assert tags(row) == in_lists(answer)


def test_a_setting_that_cannot_be_is_said_once_and_mended(visit: Open, server: Server) -> None:
    page = visit(expected=API)
    page.get_by_role("button", name="Settings").click()
    always = page.locator("#always textarea, #always input")
    always.fill("nosuchtag")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith(API) else None)

    give(page, EXAMPLES)

    expect(status(page)).to_contain_text("nosuchtag")
    expect(rows(page).filter(has_text="Stopped")).to_have_count(len(EXAMPLES))
    assert len(sent) == 1

    always.fill("")
    page.get_by_role("button", name="Continue").click()

    finished(page, f"Photos with hashtags: {len(EXAMPLES)} of {len(EXAMPLES)}.")


def test_a_server_that_is_busy_is_left_alone_for_as_long_as_it_says(
    visit: Open, small_server: Server, photos: list[Path]
) -> None:
    page = visit(to=small_server, expected=API)
    refusals: list[dict[str, Any]] = [
        {"status": 429, "headers": {"Retry-After": "1"}, "json": {"code": "too_many_requests", "message": "Too fast."}},
        {"status": 503, "headers": {"Retry-After": "2"}, "json": {"code": "busy", "message": "Busy."}},
    ]
    times: list[float] = []

    def refuse(route: Route) -> None:
        times.append(page.evaluate("performance.now()"))
        if refusals:
            route.fulfill(**refusals.pop(0))
        else:
            route.continue_()

    page.route(f"**{API}", refuse)
    give(page, photos[:2])

    expect(rows(page).first).to_contain_text("The server is busy. Again in 2 s.")
    finished(page, "Photos with hashtags: 2 of 2.")
    assert times[1] - times[0] >= 990
    assert times[2] - times[1] >= 1990
    assert len(times) == 4


def test_a_server_that_starts_anew_costs_no_photo(visit: Open, small_server: Server, photos: list[Path]) -> None:
    page = visit(to=small_server, expected=API)
    page.route(f"**{API}", lambda route: route.abort("connectionrefused"), times=2)

    give(page, photos[:2])

    finished(page, "Photos with hashtags: 2 of 2.")


def test_a_photo_that_has_gone_meanwhile_is_named(
    visit: Open, small_server: Server, photos: list[Path], tmp_path: Path
) -> None:
    page = visit(to=small_server, expected=API)
    gone = tmp_path / "gone.jpg"
    gone.write_bytes(photos[0].read_bytes())
    slow_down(page, 1000)
    give(page, [photos[0], gone, photos[1]])

    gone.unlink()

    finished(page, "Photos with hashtags: 2 of 3. Not usable: 1.")
    expect(rows(page).nth(1)).to_contain_text("This file cannot be read. Please choose it again.")


def test_a_photo_that_is_too_large_is_named_and_the_next_one_comes(
    visit: Open, small_server: Server, photos: list[Path]
) -> None:
    page = visit(to=small_server, expected=API)

    give(page, [{"name": "large.jpg", "mimeType": "image/jpeg", "buffer": bytes(40 * 2**20)}, *_read(photos[:1])])

    finished(page, "Photos with hashtags: 1 of 2.")
    expect(rows(page).first).to_contain_text("This photo has more than 10 MB.")


def test_several_photos_on_the_field_for_one_come_to_the_list(
    visit: Open, small_server: Server, photos: list[Path]
) -> None:
    page = visit(to=small_server)
    page.locator("#photo button").first.dispatch_event("drop", {"dataTransfer": transfer(page, *photos[:3])})
    finished(page, "Photos with hashtags: 3 of 3.")

    page.locator("#photo input[type=file]").set_input_files(photos[3:5])
    finished(page, "Photos with hashtags: 5 of 5.")

    page.locator("#many-photos").dispatch_event("drop", {"dataTransfer": transfer(page, photos[5])})
    finished(page, "Photos with hashtags: 6 of 6.")
    assert [row.split()[0] for row in rows(page).all_inner_texts()] == [photo.name for photo in photos[:6]]
    expect(page.locator("#answer .chip")).to_have_count(0)


def test_the_line_of_a_photo_is_copied_and_holds_five(visit: Open, server: Server) -> None:
    page = visit()
    page.get_by_role("button", name="Settings").click()
    page.locator("#top_k input[type=number]").fill("8")
    give(page, EXAMPLES[:1])
    finished(page, "1 of 1")

    page.get_by_role("button", name=f"Copy: {EXAMPLES[0].name}").click()

    expected = line([hashtag["tag"] for hashtag in asked(server, EXAMPLES[0], top_k=8)["hashtags"][:5]])
    expect(status(page)).to_contain_text(f"Copied: {expected}")
    assert page.evaluate("navigator.clipboard.readText()") == expected

    # As on a page that comes without encryption.
    page.evaluate("navigator.clipboard.writeText('')")
    page.evaluate("delete Navigator.prototype.clipboard")
    copy = page.get_by_role("button", name=f"Copy: {EXAMPLES[0].name}")
    copy.focus()
    page.keyboard.press("Enter")
    expect(status(page)).to_contain_text(f"Copied: {expected}")
    expect(copy).to_be_focused()
    always = page.locator("#always textarea, #always input")
    always.press("ControlOrMeta+V")
    expect(always).to_have_value(expected)


def test_a_name_is_text_and_nothing_else(visit: Open, small_server: Server, photos: list[Path]) -> None:
    page = visit(to=small_server)
    name = '<img src=x onerror="document.title=1">{total}.jpg'

    give(page, [{"name": name, "mimeType": "image/jpeg", "buffer": photos[0].read_bytes()}])

    finished(page, "Photos with hashtags: 1 of 1.")
    expect(rows(page).locator(".name")).to_have_text(name)
    assert page.locator("#many img").count() == 0


def test_it_speaks_the_visitors_language(visit: Open, small_server: Server, words: Path) -> None:
    page = visit(to=small_server, expected=API, locale="ko-KR")

    page.locator("#many input[type=file]").set_input_files(words)

    row = page.locator("#many tbody tr")
    expect(row).to_have_class("failed")
    assert not re.search("[a-z]{3} [a-z]{3}", row.locator(".said").inner_text())
    assert re.search("[가-힣]", row.locator(".said").inner_text())
    assert re.search("[가-힣]", page.locator("#many .choose").inner_text())


def _read(photos: Sequence[Path]) -> list[dict[str, Any]]:
    return [{"name": photo.name, "mimeType": "image/jpeg", "buffer": photo.read_bytes()} for photo in photos]
