"""The page's answer in a browser: why a hashtag, the line to paste, and what stays in its place."""

from typing import Any

import pytest
from browsing import CHROMIUM, DESK, PHONE, Open, answered, choose, line, transfer
from playwright.sync_api import Page, Route, expect
from serving import ROOT

PHOTO = ROOT / "examples" / "cat.jpg"
OTHER = ROOT / "examples" / "coffee.jpg"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not there: Debian's package chromium brings it"),
]


def test_a_hashtag_shows_what_speaks_for_it_until_it_is_pressed_again(visit: Open) -> None:
    page = visit()
    choose(page, PHOTO)
    answered(page)
    cat = page.get_by_role("button", name="#cat very sure")
    heat = page.locator("#heat")
    expect(heat).to_be_hidden()

    cat.click()
    expect(heat).to_be_visible()
    expect(cat).to_have_attribute("aria-pressed", "true")
    expect(heat.locator("figcaption")).to_contain_text("speaks for #cat.")
    expect(page.locator("#status")).to_contain_text("speaks for #cat.")
    over_the_photo(page)

    cat.click()
    expect(heat).to_be_hidden()
    expect(cat).to_have_attribute("aria-pressed", "false")

    page.get_by_role("button", name="#catsofinstagram").press("Enter")
    expect(heat.locator("figcaption")).to_contain_text("#catsofinstagram is not seen itself")
    expect(heat).to_be_visible()
    page.keyboard.press("Escape")
    expect(heat).to_be_hidden()

    cat.click()
    expect(heat).to_be_visible()
    choose(page, OTHER)
    expect(page.get_by_role("button", name="#coffee")).to_be_visible()
    expect(heat).to_be_hidden()


def over_the_photo(page: Page) -> None:
    photo, heat = (page.locator(f"{part} img").bounding_box() for part in ("#photo .image-frame", "#heat"))
    assert photo is not None
    assert heat is not None
    assert all(abs(photo[side] - heat[side]) <= 2 for side in photo)  # type: ignore[literal-required]


def test_the_line_is_copied_as_it_was_edited(visit: Open) -> None:
    page = visit()
    choose(page, PHOTO)
    found = answered(page)
    copy = page.get_by_role("button", name="Copy", exact=True)

    copy.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    expect(page.locator("#status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == line(found)

    page.get_by_role("textbox", name="Ready to paste").fill("#mine")
    copy.click()
    # Not wait_for_function, which the page's security policy forbids once it has to ask twice.
    page.evaluate(
        """async () => {
            for (let left = 100; left && await navigator.clipboard.readText() !== "#mine"; left--) {
                await new Promise(done => setTimeout(done, 50));
            }
        }"""
    )
    assert page.evaluate("navigator.clipboard.readText()") == "#mine"


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_below_moves_when_the_answer_comes(visit: Open, size: dict[str, Any]) -> None:
    page = visit(**size)
    held: list[Route] = []
    page.route("**/gradio_api/queue/data*", lambda route: held.append(route))
    choose(page, PHOTO)
    expect(page.locator("#photo .image-frame img")).to_be_visible()
    expect(page.locator("#answer .shapes")).to_be_visible()
    expect(page.locator("#photo .image-frame img")).to_have_js_property("complete", True)
    before = page.locator("#settings").bounding_box()
    for route in held:
        route.continue_()
    page.unroute("**/gradio_api/queue/data*")

    answered(page)

    after = page.locator("#settings").bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"]) <= 4


def test_a_phones_camera_is_one_tap_away(visit: Open) -> None:
    page = visit(**PHONE)

    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Take a photo").tap()

    assert chosen.value.element.get_attribute("capture") == "environment"
    chosen.value.set_files(PHOTO)
    answered(page)
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Another photo").tap()
    chosen.value.set_files(OTHER)
    expect(page.get_by_role("button", name="#coffee")).to_be_visible()


def test_several_photos_lead_to_the_list_of_many(visit: Open) -> None:
    page = visit()
    rows = page.locator("#many-photos tbody tr")

    page.get_by_role("button", name="Drop a photo here").dispatch_event(
        "drop", {"dataTransfer": transfer(page, PHOTO, OTHER)}
    )
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("#cat")
    expect(page.locator("#photo .image-frame img")).to_have_count(0)

    page.locator("#photo input[type=file]").set_input_files([PHOTO, OTHER])
    expect(rows).to_have_count(4)
    expect(page.locator("#photo .image-frame img")).to_have_count(0)


@pytest.mark.parametrize("width", [360, 390, 1280, 1920])
def test_controls_are_large_enough_for_a_finger_and_nothing_scrolls_sideways(visit: Open, width: int) -> None:
    page = visit(viewport={"width": width, "height": 800})
    choose(page, PHOTO)
    answered(page)
    page.get_by_role("button", name="Settings").click()

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    small = page.locator("#room").evaluate(
        """room => [...room.querySelectorAll("button, textarea, input[type=number], label:has(input)")]
            .map(control => [control.id || control.className || control.textContent, control.getBoundingClientRect()])
            .filter(([, box]) => box.height && (box.height < 44 || box.width < 44))
            .map(([name, box]) => [name, box.width, box.height])"""
    )
    assert small == []
