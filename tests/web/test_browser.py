"""The page in a browser, as visitors use it: at a desk and on a phone."""

import re
from pathlib import Path
from typing import Any

import pytest
from browsing import CHROMIUM, DESK, PHONE, Open, answered, choose, line, no_sideways_scrolling, tags, transfer
from PIL import Image
from pillow_heif import register_heif_opener
from playwright.sync_api import Page, expect
from serving import ROOT, Server

PHOTO = ROOT / "examples" / "cat.jpg"
OTHER = ROOT / "examples" / "coffee.jpg"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not there: Debian's package chromium brings it"),
]


def asked(server: Server, photo: Path, model: str = "", **choice: object) -> list[str]:
    """What the API says."""
    fields = {"model": model} | {name: str(value) for name, value in choice.items()}
    answer = server.post("/api/v1/hashtags", files={"photo": photo.read_bytes()}, data=fields).json()
    return [tag["tag"] for tag in answer["hashtags"]]


def unfold(page: Page) -> None:
    page.get_by_role("button", name="Settings").click()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_photo_gets_its_hashtags_and_another_model_gives_its_own(
    visit: Open, server: Server, size: dict[str, Any]
) -> None:
    page = visit(**size)
    no_sideways_scrolling(page)
    assert tags(page) == []

    page.get_by_role("button", name="Drop a photo here").dispatch_event("drop", {"dataTransfer": transfer(page, PHOTO)})
    first = answered(page)
    assert first == asked(server, PHOTO)
    expect(page.locator("#photo img")).to_have_attribute("alt", "Your photo")
    expect(page.locator("#status")).to_have_text(f"Hashtags for your photo: {', '.join(first)}.")
    no_sideways_scrolling(page)

    unfold(page)
    for name, model in (("AlexNet", "alexnet"), ("VGG16", "vgg16")):
        page.get_by_role("radio", name=re.compile(f"^{name}")).check()
        expect(page.locator("#line textarea")).to_have_value(line(asked(server, PHOTO, model)))
        assert answered(page) == asked(server, PHOTO, model)
    no_sideways_scrolling(page)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_every_example_is_answered(visit: Open, server: Server, size: dict[str, Any]) -> None:
    page = visit(**size)
    examples = sorted((ROOT / "examples").glob("*.jpg"))
    expect(page.locator("#examples button")).to_have_count(len(examples))

    for example in examples:
        button = page.get_by_role("button", name=example.stem.replace("_", " ").capitalize(), exact=True)
        assert example.name in button.evaluate("button => getComputedStyle(button).backgroundImage")
        button.click()
        expect(page.locator("#line textarea")).to_have_value(line(asked(server, example)))
    no_sideways_scrolling(page)
    assert "danielbuechele" in page.locator("#credits").inner_text()


def test_after_an_error_the_old_answer_is_gone(visit: Open, tmp_path: Path) -> None:
    page = visit()
    choose(page, PHOTO)
    answered(page)

    words = tmp_path / "photo.jpg"
    words.write_text("These are words.")
    choose(page, words)

    expect(page.get_by_role("alert")).to_contain_text("This is not a photo of a kind that is read here.")
    assert tags(page) == []
    expect(page.locator("#line")).to_be_hidden()

    choose(page, PHOTO)
    answered(page)
    expect(page.get_by_role("alert")).to_have_count(0)


def forgotten(page: Page) -> None:
    expect(page.locator("#answer .chip")).to_have_count(0)
    expect(page.locator("#line textarea")).to_have_value("")
    expect(page.locator("#answer-part")).to_be_hidden()


def test_a_file_that_is_too_large_is_refused_and_takes_the_old_answer_along(visit: Open) -> None:
    page = visit()
    choose(page, PHOTO)
    answered(page)

    choose(page, {"name": "large.jpg", "mimeType": "image/jpeg", "buffer": bytes(11 * 2**20)})

    expect(page.get_by_test_id("toast-body")).to_contain_text("This photo has more than 10.0 MB.")
    forgotten(page)


def test_taking_the_photo_away_takes_its_answer_along(visit: Open) -> None:
    page = visit()
    choose(page, PHOTO)
    answered(page)

    page.get_by_role("button", name="Remove Image").click()

    forgotten(page)
    expect(page.locator("#status")).to_have_text("")


def test_a_photo_that_is_dropped_on_another_takes_its_place(visit: Open, server: Server) -> None:
    page = visit()
    choose(page, PHOTO)
    answered(page)
    joined: list[str] = []
    page.on("request", lambda request: joined.append(request.url) if "queue/join" in request.url else None)

    page.locator("#photo .upload-container button").dispatch_event("drop", {"dataTransfer": transfer(page, OTHER)})

    expect(page.locator("#line textarea")).to_have_value(line(asked(server, OTHER)))
    assert len(joined) == 1  # the answer, with what is said about it


def test_a_photo_that_the_browser_cannot_show_is_answered(visit: Open, tmp_path: Path) -> None:
    register_heif_opener()
    heic = tmp_path / "phone.heic"
    Image.open(PHOTO).save(heic)
    page = visit(**PHONE)

    choose(page, heic)

    answered(page)
    expect(page.locator("#photo")).to_have_class(re.compile("no-preview"))
    choose(page, PHOTO)
    answered(page)
    expect(page.locator("#photo")).not_to_have_class(re.compile("no-preview"))


def test_a_photo_comes_from_the_camera_and_from_the_clipboard(visit: Open) -> None:
    page = visit()
    page.get_by_role("button", name="Capture from camera").click()
    page.get_by_text("Use the camera").click()
    # Before the first picture has come, the button would take a photo of nothing.
    page.locator("#photo video").evaluate(
        """async video => {
            while (video.videoWidth === 0 || video.currentTime === 0) {
                await new Promise(done => setTimeout(done, 100));
            }
        }"""
    )
    page.get_by_role("button", name="Take the photo").click()
    answered(page)

    page.get_by_role("button", name="Remove Image").click()
    forgotten(page)
    page.evaluate(
        """async () => {
            const canvas = Object.assign(document.createElement("canvas"), {width: 80, height: 60});
            const blob = await new Promise(done => canvas.toBlob(done, "image/png"));
            await navigator.clipboard.write([new ClipboardItem({"image/png": blob})]);
        }"""
    )
    page.get_by_role("button", name="Paste from clipboard").click()
    answered(page)


def test_the_keyboard_reaches_models_and_photo(visit: Open) -> None:
    page = visit()
    page.get_by_role("button", name="Settings").focus()
    page.keyboard.press("Enter")
    page.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio").nth(1)).to_be_checked()

    # Whether a file dialog opens is the browser's business; asking for one is the page's.
    page.evaluate(
        """() => document.addEventListener("click", (event) => {
            if (event.target.type === "file") document.body.dataset.chooser = "asked";
        }, true)"""
    )
    page.get_by_role("button", name="Drop a photo here").focus()
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_have_attribute("data-chooser", "asked")


def test_headings_are_in_order_and_every_control_has_a_name(visit: Open) -> None:
    page = visit()
    choose(page, PHOTO)
    answered(page)
    unfold(page)
    levels = page.locator("h1, h2, h3, h4").evaluate_all("all => all.map(heading => Number(heading.tagName[1]))")
    assert levels[0] == 1
    assert set(levels[1:]) == {2}

    unnamed = (
        page.locator("main")
        .locator("button, input:not([type=file]), textarea")
        .evaluate_all(
            """all => all.filter(control => control.checkVisibility() && !(
            control.getAttribute("aria-label") || control.innerText.trim() || control.textContent.trim()
            || control.labels?.length
        )).map(control => control.outerHTML)"""
        )
    )
    assert unnamed == []
    expect(page.get_by_role("textbox", name="Ready to paste")).to_have_count(1)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_its_ground(visit: Open, theme: str) -> None:
    page = visit(f"/?__theme={theme}")
    choose(page, PHOTO)
    answered(page)
    unfold(page)

    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) >= 40
    assert {text: contrast for text, contrast in contrasts if contrast < 4.5} == {}


# WCAG's contrast of text with what is painted below it.
CONTRASTS = """() => {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    const rgba = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = (top, ground) => [0, 1, 2].map((i) => top[i] * top[3] + ground[i] * (1 - top[3]));
    const ground = (element) => {
        if (!element) return rgba(getComputedStyle(document.body).backgroundColor);
        const own = rgba(getComputedStyle(element).backgroundColor);
        return own[3] === 1 ? own : over(own, ground(element.parentElement));
    };
    const light = (rgb) => {
        const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
    const found = [];
    const texts = "#masthead h1, #masthead p, h2, .meaning, .by, .chip b, .chip span, #line span, #line textarea, "
        + "#copy, #another, #fold, #model label span, #controls span, #controls input[type=number], "
        + "#credits p, #credits a, #about p, #about a";
    for (const element of document.querySelectorAll(texts)) {
        const below = ground(element);
        const text = element.innerText || element.value;
        if (text) found.push([text, contrast(over(rgba(getComputedStyle(element).color), below), below)]);
    }
    return found;
}"""
