"""What is recommended from given probabilities, for every setting."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from hashstagram.choice import Choice, Hashtag, hashtags
from hashstagram.errors import SettingError
from hashstagram.vocabulary import Vocabulary

# Taught: beach to cat. Companions: beachlife to dogstagram. Nothing knows "daytime". "dog" can be both.
TAGS = ["beach", "sea", "sand", "dog", "cat", "beachlife", "surfing", "instabeach", "dogstagram", "daytime"]
VOCABULARY = Vocabulary(tuple(TAGS), frozenset({"instabeach", "cat"}))
VISIBLE = {"beach": 0.9, "sea": 0.8, "sand": 0.8, "dog": 0.3, "cat": 0.95}
COMPANIONS = {"beachlife": 0.4, "surfing": 0.4, "instabeach": 0.7, "dogstagram": 0.1}


def _rank(
    choice: Choice,
    visible: dict[str, float] = VISIBLE,
    companions: dict[str, float] = COMPANIONS,
    vocabulary: Vocabulary = VOCABULARY,
) -> list[Hashtag]:
    def array(values: dict[str, float]) -> Any:
        return np.array([values.get(tag, 0) for tag in TAGS], dtype=np.float32)

    def mask(values: dict[str, float]) -> Any:
        return np.array([tag in values for tag in TAGS])

    return hashtags(
        choice,
        vocabulary,
        visible=array(visible),
        taught=mask(visible),
        companions=array(companions),
        companion=mask(companions),
    )


def _tags(choice: Choice, **probabilities: dict[str, float]) -> str:
    return " ".join(hashtag.tag for hashtag in _rank(choice, **probabilities))


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        # Equal confidences (sea and sand, beachlife and surfing) stay in the vocabulary's order.
        (Choice(), "beach sea sand beachlife surfing"),
        (Choice(companions=0), "beach sea sand dog"),
        (Choice(companions=1), "beach sea sand dog beachlife"),
        # Companions never take more than half of the places.
        (Choice(top_k=1), "beach"),
        (Choice(top_k=2), "beach beachlife"),
        (Choice(top_k=3), "beach sea beachlife"),
        (Choice(top_k=4, companions=30), "beach sea beachlife surfing"),
        (Choice(top_k=30, companions=30), "beach sea sand dog beachlife surfing dogstagram"),
        (Choice(platform_tags=True), "cat beach sea instabeach beachlife"),
        (Choice(exclude=["beach", "surfing"]), "sea sand dog beachlife dogstagram"),
        (Choice(exclude=["#Beach"]), "sea sand dog beachlife surfing"),
        # Where companions are not sure enough, visible tags take their places, but not the other way round.
        (Choice(min_confidence=0.4), "beach sea sand beachlife surfing"),
        (Choice(min_confidence=0.5), "beach sea sand"),
        (Choice(min_confidence=0.25, exclude=["beachlife", "surfing"]), "beach sea sand dog"),
        (Choice(min_confidence=0.85), "beach"),
        (Choice(min_confidence=1), ""),
        (Choice(always=["dog"]), "dog beach sea beachlife surfing"),
        (Choice(always=["daytime", "#Sea"]), "daytime sea beach sand beachlife"),
        (Choice(always=["sea", "sea", "SEA"]), "sea beach sand beachlife surfing"),
        (Choice(always=["cat", "instabeach"]), "cat instabeach beach sea beachlife"),
        (Choice(top_k=2, always=["dog", "sea"]), "dog sea"),
        (Choice(top_k=2, always=["beachlife"]), "beachlife beach"),
        (Choice(min_confidence=1, always=["dog"]), "dog"),
    ],
)
def test_ranking(choice: Choice, expected: str) -> None:
    assert _tags(choice) == expected


def test_confidences_and_kinds() -> None:
    answer = _rank(Choice(top_k=4, always=["daytime", "surfing", "dog"]))
    assert answer == [
        Hashtag("daytime", 0.0, "companion"),
        Hashtag("surfing", pytest.approx(0.4), "companion"),
        Hashtag("dog", pytest.approx(0.3), "visible"),
        Hashtag("beach", pytest.approx(0.9), "visible"),
    ]
    assert all(type(hashtag.confidence) is float for hashtag in answer)


def test_a_tag_that_is_seen_and_written_with_comes_once() -> None:
    both = {**COMPANIONS, "beach": 0.99, "dog": 0.6}
    assert _tags(Choice(), companions=both) == "beach sea sand dog beachlife"
    assert _tags(Choice(top_k=8), companions=both) == "beach sea sand dog beachlife surfing"
    kinds = {hashtag.tag: hashtag.kind for hashtag in _rank(Choice(), companions=both)}
    assert kinds["beach"] == "visible"
    assert kinds["dog"] == "companion"


def test_a_companion_that_hardly_anybody_would_write_leaves_its_place_to_a_visible_tag() -> None:
    assert _tags(Choice(), companions={"dogstagram": 0.04, "surfing": 0.06}) == "beach sea sand dog surfing"


def test_without_companions_visible_tags_take_all_places() -> None:
    assert _tags(Choice(), companions={}) == "beach sea sand dog"


# The surest tags are all of the sea, and so is what is written with them.
SYNONYMS = Vocabulary(tuple(TAGS), synonyms=(("beach", "sea", "sand", "beachlife"), ("dogstagram", "dog")))


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(companions=0, variety=False), "cat beach sea sand dog"),
        (Choice(companions=0), "cat beach sea dog"),
        # What a photo shows and what is written with it count together.
        (Choice(variety=False), "cat beach sea instabeach beachlife"),
        (Choice(), "cat beach sea instabeach surfing"),
        (Choice(top_k=1, exclude=["cat"]), "beach"),
        (Choice(top_k=2, exclude=["cat"], companions=0), "beach dog"),
        (Choice(top_k=4, companions=0), "cat beach dog"),
        (Choice(top_k=8, companions=0), "cat beach sea sand dog"),
        (Choice(top_k=8, companions=4), "cat beach sea sand dog instabeach surfing dogstagram"),
        (Choice(top_k=10, companions=4), "cat beach sea sand dog instabeach beachlife surfing dogstagram"),
        (
            Choice(top_k=10, companions=4, variety=False),
            "cat beach sea sand dog instabeach beachlife surfing dogstagram",
        ),
        # Tags that are always to come do so, and leave no place for others of their group.
        (Choice(always=["beachlife", "sand", "sea"], companions=0), "beachlife sand sea cat dog"),
        (Choice(always=["sand"], companions=0), "sand cat beach dog"),
        (Choice(min_confidence=0.85), "cat beach"),
    ],
)
def test_near_synonyms_take_two_of_five_places(choice: Choice, expected: str) -> None:
    choice = dataclasses.replace(choice, platform_tags=True)
    assert " ".join(hashtag.tag for hashtag in _rank(choice, vocabulary=SYNONYMS)) == expected


def test_near_synonyms_under_one_name_take_one_place() -> None:
    vocabulary = SYNONYMS.renamed({"beach": "meer", "sea": "meer"})
    choice = Choice(platform_tags=True, companions=0)
    assert [hashtag.tag for hashtag in _rank(choice, vocabulary=vocabulary)] == ["cat", "meer", "sand", "dog"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top_k": 0}, "top_k is 0. Give a whole number from 1 to 30."),
        ({"top_k": 31}, "top_k is 31. Give"),
        ({"top_k": -1}, "top_k is -1. Give"),
        ({"top_k": 2.5}, "top_k is 2.5. Give"),
        ({"top_k": "5"}, "top_k is '5'. Give"),
        ({"top_k": True}, "top_k is True. Give"),
        ({"top_k": None}, "top_k is None. Give"),
        ({"companions": -1}, "companions is -1. Give a whole number from 0 to 30."),
        ({"companions": 31}, "companions is 31. Give"),
        ({"min_confidence": -0.1}, "min_confidence is -0.1. Give a number from 0 to 1."),
        ({"min_confidence": 1.5}, "min_confidence is 1.5. Give"),
        ({"min_confidence": float("nan")}, "min_confidence is nan. Give"),
        ({"min_confidence": "0.5"}, "min_confidence is '0.5'. Give"),
        ({"min_confidence": False}, "min_confidence is False. Give"),
        ({"variety": "no"}, "variety is 'no'. Give true or false."),
        ({"platform_tags": 1}, "platform_tags is 1. Give true or false."),
        ({"exclude": None}, "exclude is None. Give a list of tags."),
        ({"exclude": "beach"}, "exclude is 'beach'. Give a list of tags."),
        ({"always": [1]}, "always is [1]. Give a list of tags."),
        ({"exclude": ["#Sea", "sand"], "always": ["sea"]}, "sea is in always and in exclude."),
        ({"top_k": 1, "always": ["sea", "sand"]}, "2 tags are always to come, but top_k is 1."),
    ],
)
def test_values_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError) as refused:
        Choice(**settings)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("choice", [Choice(exclude=["beech"]), Choice(always=["beech"])])
def test_tags_that_do_not_exist_are_refused_with_close_matches(choice: Choice) -> None:
    with pytest.raises(SettingError, match=r"'beech' is not one of the 10 tags\. Did you mean beach"):
        _rank(choice)


def test_a_choice_cannot_be_changed_and_equal_choices_are_equal() -> None:
    choice = Choice(exclude=["sea", "#Sand"], always=["Dog"])
    assert choice == Choice(exclude=("sand", "sea"), always=("dog",))
    assert hash(choice) == hash(Choice(exclude=("sand", "sea"), always=("dog",)))
    with pytest.raises(AttributeError):
        choice.top_k = 3  # type: ignore[misc]


def test_numpy_integers_are_whole_numbers() -> None:
    assert Choice(top_k=np.int64(3)).top_k == 3  # type: ignore[arg-type]
