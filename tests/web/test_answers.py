"""What the page says of an answer."""

from pathlib import Path

import pytest

from hashstagram import Choice, Hashtag, PhotoUnsupported
from hashstagram.web import answers
from hashstagram.web.service import Answer, Busy, Model, Service


@pytest.fixture
def model(small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(small_weights))
    return Service(("alexnet",)).models[0]


def answer(*hashtags: Hashtag, seconds: float = 0.0123) -> Answer:
    return Answer("alexnet", hashtags, seconds)


@pytest.mark.parametrize(
    ("confidence", "words", "odds"),
    [
        (1.0, "very sure", "over 9 in 10"),
        (0.95, "very sure", "over 9 in 10"),
        (0.94, "very sure", "9 in 10"),
        (0.85, "very sure", "9 in 10"),
        (0.84, "sure", "8 in 10"),
        (0.65, "sure", "7 in 10"),
        (0.64, "likely", "6 in 10"),
        (0.4, "likely", "4 in 10"),
        (0.39, "possible", "4 in 10"),
        (0.15, "possible", "2 in 10"),
        (0.14, "a long shot", "1 in 10"),
        (0.1, "a long shot", "1 in 10"),
        (0.09, "a long shot", "under 1 in 10"),
        (0.0, "a long shot", "under 1 in 10"),
    ],
)
def test_a_confidence_is_said_in_words_and_as_a_share_of_ten(confidence: float, words: str, odds: str) -> None:
    assert (answers.in_words(confidence), answers.odds(confidence)) == (words, odds)


def test_what_is_seen_and_what_is_written_with_it_stand_apart(model: Model) -> None:
    html = answers.shown(
        answer(Hashtag("dog", 0.9, "visible"), Hashtag("dogsofinstagram", 0.2, "companion")), model, Choice()
    )

    visible, companions = html.split('<section class="companion">')
    assert "Seen in the photo" in visible
    assert "#dog</b> <span>very sure · 9 in 10</span>" in visible
    assert "dogsofinstagram</b>" not in visible
    assert "#dogsofinstagram</b> <span>2 in 10</span>" in companions
    assert "AlexNet looked at your photo for 12 ms." in companions


def test_what_was_asked_for_claims_no_confidence(model: Model) -> None:
    html = answers.shown(answer(Hashtag("sea", 0.001, "visible")), model, Choice(always=["sea"]))

    assert "#sea</b> <span>as you wish</span>" in html


def test_a_post_takes_five_and_more_are_said_to_be_left_out(model: Model) -> None:
    five = [Hashtag(tag, 0.5, "visible") for tag in ("sea", "sky", "sun", "sand", "dog")]
    six = [*five, Hashtag("cat", 0.4, "visible")]

    assert answers.caption(five) == answers.caption(six) == "#sea #sky #sun #sand #dog"
    assert "the first 5" not in answers.shown(answer(*five), model, Choice())
    assert "There are 6 hashtags. The line holds the first 5" in answers.shown(answer(*six), model, Choice(top_k=6))


def test_an_answer_without_a_hashtag_says_what_to_do(model: Model) -> None:
    assert "Lower the least confidence" in answers.shown(answer(), model, Choice())


def test_the_same_answer_again_is_a_new_one(model: Model) -> None:
    first, second = (answers.shown(answer(Hashtag("dog", 0.9, "visible")), model, Choice()) for _ in range(2))

    assert first != second


def test_whatever_a_tag_list_holds_is_text(model: Model) -> None:
    wicked = Hashtag('"><img src=x onerror=alert(1)>', 0.9, "visible")

    for html in (
        answers.shown(answer(wicked), model, Choice()),
        answers.compared([answer(wicked)], [model], Choice()),
        answers.problem(PhotoUnsupported(wicked.tag)),
    ):
        assert "<img" not in html
        assert "&lt;img" in html


def test_only_what_may_go_well_next_time_offers_to_try_again() -> None:
    assert "Try again" in answers.problem(Busy(1))
    assert "Try again" not in answers.problem(PhotoUnsupported("This is no photo."))


def test_models_are_compared_column_by_column(small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(small_weights))
    models = Service(("vgg16", "alexnet")).models
    said = [Answer("vgg16", (Hashtag("dog", 0.9, "visible"),), 0.1), Answer("alexnet", (), 0.1)]

    vgg16, alexnet = answers.compared(said, models, Choice()).split("<section>")[1:]

    assert "VGG16" in vgg16
    assert "#dog" in vgg16
    assert "AlexNet" in alexnet
    assert "No hashtag is that sure." in alexnet
