"""Names of one's own for tags: the file, and that they count wherever tags come out or are asked for."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashstagram import Choice, Recommender, SettingError, Vocabulary, load_model
from hashstagram.renames import renamed
from hashstagram.weights import Manifest, load_vocabulary

VOCABULARY = Vocabulary(("dog", "puppy", "cat", "beach", "dogstagram"))


def _file(folder: Path, content: str) -> Path:
    path = folder / "names.txt"
    path.write_text(content, encoding="utf-8")
    return path


def test_a_file_of_names(tmp_path: Path) -> None:
    path = _file(tmp_path, "\ufeff# my own words\n\n dog : Hund\n#puppy: welpe\nBEACH:#해변\ncat:猫\r\n")
    vocabulary = renamed(VOCABULARY, path)

    assert [vocabulary.name(index) for index in range(5)] == ["hund", "puppy", "猫", "해변", "dogstagram"]
    assert vocabulary.tags == VOCABULARY.tags
    assert vocabulary.sha256 == VOCABULARY.sha256


def test_no_file_no_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert renamed(VOCABULARY) == VOCABULARY
    monkeypatch.setenv("HASHSTAGRAM_RENAMES", str(_file(tmp_path, "dog: hund")))
    assert renamed(VOCABULARY).name(0) == "hund"
    assert renamed(VOCABULARY, "") == VOCABULARY


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# dogs\ndog hund\n", "Line 2 of .* is 'dog hund'. Write a tag, a colon and its name, such as: dog: hund"),
        ("dog:\n", "Line 1 of .* is 'dog:'. Write"),
        (": hund\n", "Line 1 of .* is ': hund'. Write"),
        ("cat: chat\ndogg: hund", "Line 2 of .*: 'dogg' is not one of the 5 tags. Did you mean dog"),
        ("dog: hund\ncat: chat\n#\n#\nDog: chien", "Line 5 of .* names 'Dog' once more. Remove one of the two lines."),
        ("dog: braver hund", "Line 1 of .*: 'dog' cannot be called 'braver hund'. A name is one word, without the #."),
        ("dog: hund, katze", "cannot be called 'hund, katze'"),
    ],
)
def test_lines_that_cannot_be_used_are_refused_with_their_number(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        renamed(VOCABULARY, _file(tmp_path, content))


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"The file of names .*gone\.txt cannot be read \(No such file"):
        renamed(VOCABULARY, tmp_path / "gone.txt")
    (tmp_path / "latin.txt").write_bytes("dog: h\xfcndchen".encode("latin-1"))
    with pytest.raises(SettingError, match="not text in UTF-8"):
        renamed(VOCABULARY, tmp_path / "latin.txt")


@pytest.fixture
def recommender(small_weights: Path, tmp_path: Path) -> Recommender:
    names = "dog: hund\npuppy: hund\ndogstagram: hund\nbeach: sea\nsea: 바다\n"
    return load_model("alexnet", weights=small_weights, device="cpu", renames=_file(tmp_path, names))


def _ranked(recommender: Recommender, choice: Choice = Choice()) -> list[str]:  # noqa: B008 - cannot be changed
    """What follows where tags are the surer, the earlier they stand here."""
    probabilities = np.zeros(997, dtype=np.float32)
    for place, tag in enumerate(("puppy", "dog", "beach", "sea", "cat", "tree", "red", "food")):
        probabilities[recommender.vocabulary.index(tag)] = 0.9 - place / 10
    return [hashtag.tag for hashtag in recommender.rank(probabilities, choice)]


def test_tags_of_one_name_come_once_and_leave_their_place_to_the_next(recommender: Recommender) -> None:
    assert _ranked(recommender, Choice(companions=0)) == ["hund", "sea", "바다", "cat", "tree"]
    many = _ranked(recommender, Choice(top_k=30, companions=15))
    assert len(many) == len(set(many)) == 30


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(exclude=["hund"]), "sea 바다 cat tree red"),
        # An old name stands for the new one, and so for all that bear it.
        (Choice(exclude=["Dog"]), "sea 바다 cat tree red"),
        # What bears the name now, not what bore it before.
        (Choice(exclude=["sea"]), "hund 바다 cat tree red"),
        (Choice(exclude=["#바다", "beach"]), "hund cat tree red food"),
        (Choice(always=["바다", "cat"]), "바다 cat hund sea tree"),
        (Choice(always=["dog", "hund", "puppy"]), "hund sea 바다 cat tree"),
    ],
)
def test_a_choice_understands_new_names_and_old_ones(recommender: Recommender, choice: Choice, expected: str) -> None:
    choice = Choice(exclude=choice.exclude, always=choice.always, companions=0)
    assert _ranked(recommender, choice) == expected.split()


def test_the_surest_of_a_name_stands_for_it(recommender: Recommender) -> None:
    probabilities = np.zeros(997, dtype=np.float32)
    probabilities[recommender.vocabulary.index("dog")] = 0.3
    probabilities[recommender.vocabulary.index("puppy")] = 0.6
    first = recommender.rank(probabilities, Choice(always=["hund"]))[0]
    assert (first.tag, first.confidence, first.kind) == ("hund", pytest.approx(0.6), "visible")


def test_one_tag_under_two_names_is_not_both_wanted_and_unwanted(recommender: Recommender) -> None:
    with pytest.raises(SettingError, match="hund is in always and in exclude"):
        _ranked(recommender, Choice(always=["dog"], exclude=["hund"]))


def test_unknown_tags_are_told_the_names_that_there_are(recommender: Recommender) -> None:
    with pytest.raises(SettingError, match=r"'hunt' is not one of the 997 tags\. Did you mean hund"):
        _ranked(recommender, Choice(exclude=["hunt"]))


def test_names_change_neither_confidences_nor_weights(
    recommender: Recommender, small_weights: Path, drawn_photos: list[Image.Image]
) -> None:
    plain = load_model("alexnet", weights=small_weights, device="cpu")
    assert np.array_equal(recommender.probabilities(drawn_photos[:3]), plain.probabilities(drawn_photos[:3]))
    assert load_vocabulary(small_weights, Manifest.load(small_weights)).names == {}
