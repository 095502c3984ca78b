"""The page for people who do not see it, do not point at it, or cannot bear that it moves."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browsing import DESK, PHONE, Open, answered, choose, line
from playwright.sync_api import Page, expect
from serving import ROOT, Server

AXE = ROOT / "tests" / "javascript" / "node_modules" / "axe-core" / "axe.min.js"
PHOTO = ROOT / "examples" / "cat.jpg"
OTHER = ROOT / "examples" / "coffee.jpg"

pytestmark = pytest.mark.browser


def findings(page: Page) -> list[str]:
    """What axe finds that is serious or critical. It comes in past the policy, which lets no foreign script run."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE.read_text(encoding="utf-8"))
    # What fades in has its colours only then.
    page.evaluate(
        """async () => {
            const moves = () => document.getAnimations().some((moving) => moving.playState === "running");
            for (let left = 100; left && moves(); left--) await new Promise((done) => setTimeout(done, 50));
        }"""
    )
    violations: list[dict[str, Any]] = page.evaluate(
        "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
    )
    return [
        f"{found['impact']} {found['id']}: {found['help']}: {[node['html'] for node in found['nodes']]}"
        for found in violations
        if found["impact"] in ("serious", "critical")
    ]


def unfolded(page: Page) -> None:
    page.get_by_role("button", name="Settings").click()
    expect(page.get_by_role("radio").first).to_be_visible()


def with_an_answer(page: Page) -> None:
    choose(page, PHOTO)
    answered(page)


def explained(page: Page) -> None:
    page.locator("#answer .chip").first.click()
    expect(page.locator("#photo-part")).to_have_attribute("data-heat", "shown")


def comparing(page: Page) -> None:
    page.get_by_label("Compare all models").check()
    expect(page.locator("#compared h3")).not_to_have_count(0)


def with_many_photos(page: Page) -> None:
    page.locator("#many input[type=file]").set_input_files([PHOTO, OTHER, ROOT / "README.md"])
    expect(page.locator("#many tr.done")).to_have_count(2)
    expect(page.locator("#many tr.failed")).to_have_count(1)


# Each begins where the one before it ends.
STATES: dict[str, Callable[[Page], None]] = {
    "empty": lambda page: None,
    "with an answer": with_an_answer,
    "with a heat map": explained,
    "with its settings": unfolded,
    "comparing": comparing,
    "with many photos": with_many_photos,
}


@pytest.mark.skipif(not AXE.exists(), reason="axe is not there: make setup-dev brings it where npm is installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_nothing_shuts_people_out(visit: Open, size: dict[str, Any], scheme: str) -> None:
    page = visit(**size, color_scheme=scheme, expected="415")

    for state, reach in STATES.items():
        reach(page)
        assert findings(page) == [], state


@pytest.mark.skipif(not AXE.exists(), reason="axe is not there: make setup-dev brings it where npm is installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_for_programs_shuts_nobody_out(visit: Open, scheme: str) -> None:
    for size in (PHONE, DESK):
        assert findings(visit("/programs", ready="main", **size, color_scheme=scheme)) == []


def tab_to(page: Page, wanted: str) -> None:
    """Go on with the Tab key until what the selector `wanted` names has the focus, and see that it shows it."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", wanted):
            shows = page.evaluate(
                """() => {
                    const around = [document.activeElement, document.activeElement.closest("label")].filter(Boolean);
                    const styles = around.map((element) => getComputedStyle(element));
                    return styles.some((style) => style.outlineStyle !== "none" || style.boxShadow !== "none");
                }"""
            )
            assert shows, f"{wanted} does not show that it has the focus."
            return
    raise AssertionError(f"The Tab key does not lead to {wanted}.")


def test_the_keyboard_alone_leads_from_a_photo_to_the_line_to_paste(visit: Open) -> None:
    page = visit()
    # Whether a file dialog opens is the browser's business; asking for one is the page's.
    page.evaluate(
        """() => document.addEventListener("click", ({target}) => {
            if (target.type === "file") document.body.dataset.chooser = "asked";
        }, true)"""
    )
    tab_to(page, "#photo button.upload-container")
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_have_attribute("data-chooser", "asked")
    choose(page, PHOTO)
    found = answered(page)

    tab_to(page, "#answer .chip")
    page.keyboard.press("Enter")
    expect(page.locator("#answer .chip").first).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#photo-part")).to_have_attribute("data-heat", "shown")
    page.keyboard.press("Escape")
    expect(page.locator("#photo-part")).to_have_attribute("data-heat", "")

    tab_to(page, "#copy")
    page.keyboard.press("Enter")
    expect(page.locator("[role=status]").filter(has_text="Copied")).to_have_count(1)
    assert page.evaluate("navigator.clipboard.readText()") == line(found)

    tab_to(page, "#fold")
    page.keyboard.press("Enter")
    expect(page.locator("#fold")).to_have_attribute("aria-expanded", "true")
    tab_to(page, "#model input[type=radio]")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio").nth(1)).to_be_checked()
    tab_to(page, "#top_k input[type=number]")
    page.keyboard.press("Control+A")
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    answered(page, 3)


def test_an_answer_and_a_refusal_are_read_out(visit: Open, tmp_path: Path) -> None:
    page = visit()
    status = page.locator("#status")
    expect(status).to_have_role("status")
    expect(status).to_be_empty()

    choose(page, PHOTO)
    found = answered(page)
    expect(status).to_contain_text(", ".join(found))

    no_photo = tmp_path / "hello.jpg"
    no_photo.write_bytes(b"hello")
    page.get_by_role("button", name="Another photo").wait_for()
    choose(page, no_photo)
    expect(page.get_by_role("alert").filter(has_text=re.compile("not a photo"))).to_be_visible()


def test_nothing_moves_for_whoever_wants_no_motion(visit: Open, server: Server) -> None:
    page = visit(reduced_motion="reduce")
    page.evaluate(
        """() => {
            window.moved = [];
            for (const begun of ["animationstart", "transitionrun"]) {
                document.addEventListener(begun, (event) => {
                    const longest = Math.max(...event.target.getAnimations().map(
                        (moving) => moving.effect.getComputedTiming().duration
                    ));
                    if (longest > 10) moved.push(`${begun} ${event.target.outerHTML.slice(0, 120)}`);
                });
            }
        }"""
    )
    for reach in (with_an_answer, explained, unfolded, comparing):
        reach(page)

    assert page.evaluate("moved") == []
