"""The page's settings in a browser: each makes the choice that the API knows under the same name."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from browsing import CHROMIUM, PHONE, Open, answered, choose, line, tags
from playwright.sync_api import Page, expect
from serving import ROOT, Server

PHOTO = ROOT / "examples" / "cat.jpg"
OTHER = ROOT / "examples" / "coffee.jpg"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not there: Debian's package chromium brings it"),
]

Act = Callable[[Page], None]


def asked(server: Server, photo: Path, **choice: object) -> list[str]:
    """What the API says."""
    fields = {name: str(value) for name, value in choice.items()}
    answer = server.post("/api/v1/hashtags", files={"photo": photo.read_bytes()}, data=fields).json()
    return [tag["tag"] for tag in answer["hashtags"]]


def unfold(page: Page) -> None:
    page.get_by_role("button", name="Settings").click()


def number(name: str, value: str) -> Act:
    def act(page: Page) -> None:
        page.locator(f"#{name} input[type=number]").fill(value)
        page.keyboard.press("Enter")

    return act


def slide(name: str, *keys: str) -> Act:
    def act(page: Page) -> None:
        page.locator(f"#{name} input[type=range]").focus()
        for key in keys:
            page.keyboard.press(key)

    return act


def words(name: str, value: str) -> Act:
    def act(page: Page) -> None:
        page.locator(f"#{name} :is(textarea, input)").fill(value)
        page.keyboard.press("Tab")

    return act


def tick(name: str, checked: bool) -> Act:
    def act(page: Page) -> None:
        page.locator(f"#{name} input").set_checked(checked)

    return act


@pytest.mark.parametrize(
    ("photo", "act", "choice"),
    [
        (PHOTO, number("top_k", "9"), {"top_k": 9}),
        (PHOTO, slide("top_k", "ArrowRight", "ArrowRight"), {"top_k": 7}),
        (PHOTO, number("companions", "0"), {"companions": 0}),
        (PHOTO, number("min_confidence", "0.5"), {"min_confidence": 0.5}),
        (PHOTO, words("exclude", "#cat, Pet"), {"exclude": "cat,pet"}),
        (PHOTO, words("always", "sea"), {"always": "sea"}),
        (OTHER, tick("platform_tags", True), {"platform_tags": True}),
        (PHOTO, lambda page: page.get_by_role("radio", name=re.compile("^AlexNet")).check(), {"model": "alexnet"}),
    ],
    ids=["top_k", "top_k by keys", "companions", "min_confidence", "exclude", "always", "platform_tags", "model"],
)
def test_a_setting_gives_what_the_api_gives(
    visit: Open, server: Server, photo: Path, act: Act, choice: dict[str, object]
) -> None:
    expected = asked(server, photo, **choice)
    assert expected != asked(server, photo), "the setting was to make a difference"
    page = visit()
    choose(page, photo)
    answered(page)
    unfold(page)

    act(page)

    expect(page.locator("#line textarea")).to_have_value(line(expected[:5]))
    assert sorted(answered(page, len(expected))) == sorted(expected)


def test_settings_are_kept_when_another_photo_comes(visit: Open, server: Server) -> None:
    page = visit()
    unfold(page)
    # Before there is a photo, too.
    number("top_k", "8")(page)
    words("exclude", "drink")(page)
    tick("variety", False)(page)
    tick("platform_tags", True)(page)
    choice = {"top_k": 8, "exclude": "drink", "variety": False, "platform_tags": True}

    for photo in (OTHER, PHOTO):
        choose(page, photo)
        expect(page.locator("#line textarea")).to_have_value(line(asked(server, photo, **choice)[:5]))
        assert sorted(answered(page, 8)) == sorted(asked(server, photo, **choice))


def test_a_bad_value_gets_one_sentence_until_it_is_mended(visit: Open) -> None:
    page = visit()
    unfold(page)
    alert = page.get_by_role("alert")

    words("exclude", "kitten")(page)
    expect(alert).to_contain_text("kitten")
    words("exclude", "")(page)
    expect(alert).to_have_count(0)

    choose(page, PHOTO)
    answered(page)
    words("always", "cat")(page)
    expect(page.get_by_role("button", name="#cat as you wish")).to_be_visible()
    words("exclude", "cat")(page)
    expect(alert).to_have_text("cat is in always and in exclude. Take it out of one of them.")
    assert tags(page) == []
    words("exclude", "")(page)
    expect(alert).to_have_count(0)
    answered(page)


def test_of_more_than_five_hashtags_the_line_holds_five_and_says_why(visit: Open) -> None:
    page = visit()
    choose(page, PHOTO)
    answered(page)
    expect(page.locator(".cap")).to_have_count(0)
    unfold(page)

    number("top_k", "30")(page)

    assert len(answered(page, 30)) == 30
    expect(page.locator(".cap")).to_contain_text("There are 30 hashtags. The line holds the first 5")


def test_models_are_compared_side_by_side_for_every_photo_until_they_are_not(visit: Open, server: Server) -> None:
    page = visit()
    choose(page, PHOTO)
    answered(page)
    unfold(page)
    names = {
        "EfficientNet-Lite": "",
        "HashNet": "hashnet",
        "VGG16": "vgg16",
        "AlexNet": "alexnet",
        "ResNet-18": "resnet18",
    }

    tick("compare", True)(page)
    for photo in (PHOTO, OTHER):
        choose(page, photo)
        for name, model in names.items():
            column = page.locator(".models section").filter(has=page.get_by_role("heading", name=name))
            expected = [f"#{tag}" for tag in asked(server, photo, model=model)]
            expect(column.locator("b")).to_have_text(expected)
        assert answered(page) == asked(server, photo)

    tick("compare", False)(page)
    expect(page.locator(".models")).to_have_count(0)
    answered(page)


def test_settings_are_folded_away_until_they_are_wanted(visit: Open) -> None:
    page = visit(**PHONE)
    button = page.get_by_role("button", name="Settings")
    expect(page.locator("#top_k")).to_be_hidden()
    expect(button).to_have_attribute("aria-expanded", "false")

    button.tap()
    expect(page.locator("#top_k")).to_be_visible()
    expect(button).to_have_attribute("aria-expanded", "true")
    # What the record says of each model.
    first = page.locator("#model label").first
    expect(first).to_contain_text("12 MB. First hashtag right: 90 %. Five name 73 % of what is in the photo.")

    button.tap()
    expect(page.locator("#top_k")).to_be_hidden()
