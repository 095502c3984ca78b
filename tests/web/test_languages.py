"""Every text in every language, and who gets which."""

import ast
import io
import json
import re
import string
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from serving import ROOT, Server

from hashstagram.web import texts
from hashstagram.web.languages import LANGUAGES, negotiated

OTHERS = LANGUAGES[1:]
PACKAGE = ROOT / "hashstagram"
# Where the sentences of errors that visitors get stand.
SPEAKERS = ("photos.py", "headers.py", "choice.py", "vocabulary.py", "explain.py", "web/service.py", "web/calls.py")
KINDS = ("PhotoError", "PhotoTooLarge", "PhotoUnsupported", "PhotoBroken", "SettingError", "Refusal")
# What these say is for whoever runs the server, or for programmers.
BEHIND = ("Limits", "_whole_number", "open_photo", "to_tensor", "_choose", "renamed", "from_environment")


def raised(path: Path) -> list[ast.expr]:
    """The first arguments of the errors that a module makes for visitors."""
    found = []

    def walk(node: ast.AST) -> None:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name in BEHIND:
            return
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS and node.args:
            found.append(node.args[0])
        for child in ast.iter_child_nodes(node):
            walk(child)

    walk(ast.parse(path.read_text(encoding="utf-8")))
    return found


def sentences() -> dict[str, None]:
    """All English texts that a visitor can get, in the order in which they stand."""
    found: list[str] = []
    for name, value in vars(texts).items():
        if name.isupper() and name not in (*texts.ENGLISH, "ENGLISH"):
            found += value.values() if isinstance(value, dict) else [value]
    manifest = json.loads((ROOT / "weights" / "manifest.json").read_text(encoding="utf-8"))
    found += [model["description"] for model in manifest["models"]]
    found += [example.stem.capitalize() for example in sorted((ROOT / "examples").glob("*.jpg"))]
    for speaker in SPEAKERS:
        found += [
            argument.value
            for argument in raised(PACKAGE / speaker)
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        ]
    return dict.fromkeys(found)


def test_no_sentence_for_visitors_is_glued_together() -> None:
    glued = [
        f"{speaker}:{argument.lineno}"
        for speaker in SPEAKERS
        for argument in raised(PACKAGE / speaker)
        if isinstance(argument, ast.JoinedStr | ast.BinOp)
    ]

    assert glued == [], "Nobody could translate these. Raise them with a sentence and its values."


def table(language: str) -> dict[str, str]:
    content: dict[str, str] = json.loads(
        (PACKAGE / "web" / "translations" / f"{language}.json").read_text(encoding="utf-8")
    )
    return content


def places(sentence: str) -> set[tuple[str, str | None, str | None]]:
    return {
        (name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(sentence) if name is not None
    }


@pytest.mark.parametrize("language", OTHERS)
def test_everything_is_said_in_every_language(language: str) -> None:
    known, wanted = table(language), sentences()

    missing = [sentence for sentence in wanted if sentence not in known]
    stale = [sentence for sentence in known if sentence not in wanted]

    assert missing == [], f"translations/{language}.json lacks what is said."
    assert stale == [], f"translations/{language}.json has what nobody says."


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_same_places_links_and_lines(language: str) -> None:
    for english, other in table(language).items():
        assert places(other) == places(english)
        assert sorted(re.findall(r"\]\((.*?)\)|(`.*?`)", other)) == sorted(re.findall(r"\]\((.*?)\)|(`.*?`)", english))
        assert other.strip() == other or english.strip() != english
        assert re.findall(r"^#+ ", other, re.MULTILINE) == re.findall(r"^#+ ", english, re.MULTILINE)


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("ko", "ko"),
        ("es-MX,es;q=0.9,en;q=0.8", "es"),
        ("en-GB, de;q=0.9", "en"),
        ("en;q=0.3, FR-ca;q=0.7, de;q=0.5", "fr"),
        ("it, pt-BR;q=0.9, de;q=0.2", "de"),
        ("it, pl", "en"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("*, ko;q=0.5", "en"),
        ("zh, *;q=0.5, es;q=0.8", "es"),
        ("", "en"),
        ("ko;q=x, de;q=0.1", "de"),
        (",;=;q=,", "en"),
    ],
)
def test_the_most_wanted_language_that_is_known_is_spoken(accept: str, language: str) -> None:
    assert negotiated(accept) == language


Ask = Callable[[Server, dict[str, str]], httpx.Response]
HASHTAGS = "/api/v1/hashtags"
FAILURES: dict[str, Ask] = {
    "no photo": lambda server, headers: server.post(HASHTAGS, data={"top_k": "3"}, headers=headers),
    "not a form": lambda server, headers: server.post(HASHTAGS, content=b"hello", headers=headers),
    "not a photo": lambda server, headers: server.post(HASHTAGS, files={"photo": b"hello"}, headers=headers),
    "empty": lambda server, headers: server.post(HASHTAGS, files={"photo": ("a.jpg", b"")}, headers=headers),
    "number": lambda server, headers: with_photo(server, headers, top_k="99"),
    "confidence": lambda server, headers: with_photo(server, headers, min_confidence="much"),
    "model": lambda server, headers: with_photo(server, headers, model="resnet"),
    "tag": lambda server, headers: with_photo(server, headers, exclude="dogg"),
    "contradiction": lambda server, headers: with_photo(server, headers, exclude="dog", always="dog"),
    "address": lambda server, headers: server.get("/api/v1/nothing", headers=headers),
    "method": lambda server, headers: server.get(HASHTAGS, headers=headers),
    "page": lambda server, headers: server.get("/nothing", headers=headers),
    "call": lambda server, headers: server.post("/gradio_api/call/recommend", content=b"hello", headers=headers),
    "arguments": lambda server, headers: server.post(
        "/gradio_api/call/v2/recommend", json={"photo": None, "size": 1}, headers=headers
    ),
}


def with_photo(server: Server, headers: dict[str, str], **settings: str) -> httpx.Response:
    return server.post(HASHTAGS, files={"photo": png((8, 8))}, data=settings, headers=headers)


def png(size: tuple[int, int]) -> bytes:
    stream = io.BytesIO()
    Image.new("1", size).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("failure", FAILURES)
def test_every_failure_is_explained_in_the_languages_of_those_who_meet_it(small_server: Server, failure: str) -> None:
    answers = {
        language: FAILURES[failure](small_server, {"Accept-Language": f"{language}-XX"}) for language in LANGUAGES
    }
    messages = {
        language: answer.json().get("message", answer.json().get("detail")) for language, answer in answers.items()
    }

    assert len(set(messages.values())) == len(LANGUAGES)
    assert len({(answer.status_code, answer.json().get("code")) for answer in answers.values()}) == 1
    for language, answer in answers.items():
        assert answer.headers["Content-Language"] == language
        assert answer.headers["Vary"] == "Accept-Language"


def test_who_names_no_language_is_answered_in_english(small_server: Server) -> None:
    answer = small_server.get("/nothing", headers={"Accept-Language": ""})

    assert answer.json() == {"detail": texts.NOT_FOUND_HERE}
    assert answer.headers["Content-Language"] == "en"


def test_hashtags_and_health_depend_on_no_language(small_server: Server) -> None:
    for answer in (with_photo(small_server, {"Accept-Language": "ko"}), small_server.get("/healthz")):
        assert answer.status_code == 200
        assert "Content-Language" not in answer.headers
        assert "Vary" not in answer.headers


@pytest.mark.parametrize(
    ("language", "figures"),
    [
        ("en", ("60,000 x 1,000", "50,000,000")),
        ("ko", ("60,000 x 1,000", "50,000,000")),
        ("de", ("60.000 x 1.000", "50.000.000")),
        ("es", ("60.000 x 1.000", "50.000.000")),
        ("fr", ("60\u202f000 x 1\u202f000", "50\u202f000\u202f000")),
    ],
)
def test_figures_are_written_as_in_the_language(small_server: Server, language: str, figures: tuple[str, str]) -> None:
    answer = small_server.post(HASHTAGS, files={"photo": png((60_000, 1_000))}, headers={"Accept-Language": language})

    assert answer.status_code == 413
    assert all(figure in answer.json()["message"] for figure in figures)


def test_events_speak_the_language_of_who_set_them_off(small_server: Server) -> None:
    path = small_server.upload(b"hello")
    said = {}
    for language in LANGUAGES:
        photo = {"path": path, "meta": {"_type": "gradio.FileData"}}
        call = small_server.post(
            "/gradio_api/call/recommend", json={"data": [photo, None, 5]}, headers={"Accept-Language": language}
        )
        # In another language: what counts is who set it off.
        events = small_server.get(
            f"/gradio_api/call/recommend/{call.json()['event_id']}", headers={"Accept-Language": "en"}
        )
        error = json.loads(events.text.partition("event: error\ndata: ")[2].splitlines()[0])
        said[language] = error["error"], error["title"]

    assert said["en"] == (
        "This is not a photo of a kind that is read here. Please use JPEG, PNG, WebP, HEIC, AVIF, GIF, TIFF or BMP.",
        texts.SORRY,
    )
    for language in OTHERS:
        assert said[language] == tuple(table(language)[sentence] for sentence in said["en"])


def test_programs_read_of_photos_and_not_of_marks(small_server: Server) -> None:
    information = small_server.get("/gradio_api/info", headers={"Accept-Language": "ko"})

    assert "__i18n__" not in information.text
    photo = information.json()["named_endpoints"]["/recommend"]["parameters"][0]
    assert photo["label"] == texts.PHOTO


def test_scripts_never_meet_texts_of_another_time(small_server: Server) -> None:
    """After an upgrade, an old script from the browser's memory would find no text under its names."""
    for script in ("texts.js", "copying.js", "page.js", "many.js", "programs.js"):
        assert small_server.get(f"/site/{script}").headers["Cache-Control"] == "no-cache"


# Texts and names that a page shows; those that are the same in English are none of them.
SHOWN = """() => {
    const shown = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const parent = walker.currentNode.parentElement;
        if (!["SCRIPT", "STYLE"].includes(parent.tagName) && parent.checkVisibility()) {
            shown.add(walker.currentNode.data.trim());
        }
    }
    for (const element of document.querySelectorAll("[aria-label], [placeholder], [title], [alt]")) {
        if (!element.checkVisibility()) continue;
        for (const name of ["aria-label", "placeholder", "title", "alt"]) shown.add(element.getAttribute(name)?.trim());
    }
    return [...shown];
}"""


def english(page: Page, language: str) -> list[str]:
    """What a page shows in English though it has the language."""
    known = [*table(language).items(), *((label, text) for label, text in texts.LABELS.items())]
    translated = {sentence.strip() for sentence, other in known if sentence.strip() != other.strip()}
    shown = page.evaluate(SHOWN)
    assert not any("__i18n__" in text for text in shown if text)
    return [text for text in shown if text in translated]


@pytest.mark.browser
@pytest.mark.parametrize("locale", ["ko-KR", "es-MX", "fr-CA", "de-AT"])
def test_the_page_is_read_in_the_language_of_the_browser(visit: Callable[..., Page], jpeg: Path, locale: str) -> None:
    language = locale[:2]
    page = visit(locale=locale, viewport={"width": 390, "height": 844}, is_mobile=True)

    expect(page.get_by_text(table(language)[texts.TAGLINE])).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == language
    assert english(page, language) == []
    page.locator("#fold").click()
    page.locator("#photo input[type=file]").set_input_files(jpeg)
    expect(page.locator("#answer .chip").first).to_be_visible()
    found = table(language)[texts.FOUND].partition("{")[0]
    expect(page.locator("[role=status]").filter(has_text=found)).to_have_count(1)
    assert english(page, language) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.browser
def test_page_and_answers_agree_on_the_second_language_of_a_visitor(visit: Callable[..., Page], tmp_path: Path) -> None:
    page = visit(locale="it-IT", extra_http_headers={"Accept-Language": "it,ko;q=0.7"})

    expect(page.get_by_text(table("ko")[texts.TAGLINE])).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "ko"
    no_photo = tmp_path / "hello.jpg"
    no_photo.write_bytes(b"hello")
    page.locator("#photo input[type=file]").set_input_files(no_photo)
    sentence = (
        "This is not a photo of a kind that is read here. Please use JPEG, PNG, WebP, HEIC, AVIF, GIF, TIFF or BMP."
    )
    expect(page.get_by_text(table("ko")[sentence])).to_be_visible()
