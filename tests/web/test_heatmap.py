"""Why this tag, on the page: a picture and a sentence, through the one line."""

import asyncio
import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image
from serving import ROOT

from hashstagram import SettingError, explain, load_model
from hashstagram.web import heatmap, service
from hashstagram.web.service import Busy, Service

CAT = str(ROOT / "examples" / "cat.jpg")


def asked(asking: Service, photo: str | None, tag: str | None, model: str | None = None) -> str:
    return asyncio.run(heatmap.shown(asking, photo, model, tag))


def picture_in(html: str) -> Image.Image:
    (content,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', html)
    return Image.open(io.BytesIO(base64.b64decode(content)))


def sentence_in(html: str) -> str:
    (found,) = re.findall(r'<figcaption role="status">(.+)</figcaption>', html)
    return str(found)


@pytest.fixture(scope="module")
def trained(bundled_weights: Path) -> Service:
    """The default model alone, with the trained weights."""
    loaded = Service((load_model(weights=bundled_weights).record.id,))
    loaded.load()
    return loaded


@pytest.fixture
def small(small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(small_weights))
    loaded = Service(("alexnet",), workers=1, queue=0)
    loaded.load()
    return loaded


def test_a_visible_tag_comes_with_the_lit_photo_and_a_sentence(trained: Service) -> None:
    html = asked(trained, CAT, "cat")

    with Image.open(CAT) as photo:
        assert picture_in(html).size == photo.size
    assert 'alt="Your photo, lit where it speaks for #cat"' in html
    assert sentence_in(html) == "What is lit here speaks for #cat. The dark edges are not looked at."


def test_a_companion_says_what_it_is_written_with(trained: Service) -> None:
    said = sentence_in(asked(trained, CAT, "catsofinstagram"))

    assert said.startswith("#catsofinstagram is not seen itself, but written with #cat")


def test_the_picture_is_the_librarys(small: Service) -> None:
    explanation = asyncio.run(small.explain(CAT, "alexnet", "dog"))

    expected = explain(load_model("alexnet"), CAT, "dog")
    assert (explanation.heat.values == expected.values).all()
    shown, drawn = Image.open(io.BytesIO(explanation.picture)), expected.over(CAT)
    assert shown.size == drawn.size
    difference = [
        abs(one - other)
        for one, other in zip(shown.resize((8, 8)).tobytes(), drawn.resize((8, 8)).tobytes(), strict=True)
    ]
    assert max(difference) < 12  # JPEG


@pytest.mark.parametrize(
    ("photo", "tag", "sentence"),
    [
        (None, "cat", "There is no photo. Please choose one first."),
        (CAT, "<b>", "&#x27;&lt;b&gt;&#x27; is not one of the 997 tags."),
        (CAT, None, "&#x27;&#x27; is not one of the 997 tags."),
        (CAT, "selfie", "alexnet never recommends &#x27;selfie&#x27;. Choose a tag that it recommended."),
        (__file__, "cat", "This is not a photo of a kind that is read here."),
        (CAT + ".gone", "cat", "There is no photo of this name."),
    ],
)
def test_what_cannot_be_explained_gets_a_sentence(
    small: Service, photo: str | None, tag: str | None, sentence: str
) -> None:
    html = asked(small, photo, tag)

    assert html.startswith('<p class="problem" role="alert">')
    assert sentence in html


def test_an_unknown_model_gets_a_sentence(small: Service) -> None:
    assert "&#x27;vgg16&#x27; is not a model." in asked(small, CAT, "cat", "vgg16")


def test_explanations_wait_in_the_line_of_the_photos(small: Service) -> None:
    async def scene() -> None:
        at_work = asyncio.create_task(small.explain(CAT, None, "dog"))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await small.recommend(CAT)
        with pytest.raises(Busy):
            await small.explain(CAT, None, "dog")
        await at_work
        await small.recommend(CAT)

    asyncio.run(scene())


def test_an_explanation_that_takes_too_long_is_given_up_and_frees_its_worker_when_it_ends(
    small: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_LONGEST_EXPLANATION", 0.001)

    async def scene() -> None:
        with pytest.raises(Busy) as refused:
            await small.explain(CAT, None, "dog")
        assert refused.value.retry_after >= 1
        while small.at_work:
            await asyncio.sleep(0.01)
        await small.recommend(CAT)

    asyncio.run(scene())


def test_a_failure_frees_its_place(small: Service) -> None:
    for _ in range(3):
        with pytest.raises(SettingError):
            asyncio.run(small.explain(CAT, None, "no such tag"))
    assert asyncio.run(small.recommend(CAT)).model == "alexnet"
