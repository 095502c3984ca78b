"""The tags, their order and hash, and the platform tags."""

import hashlib
from pathlib import Path

import pytest

from hashstagram.errors import SettingError, WeightsError
from hashstagram.vocabulary import Vocabulary, normalised, split_tags

PLATFORM = (
    "instagood instafood instagram photooftheday ootd bestoftheday followme follow like likeforlike tagsforlikes lfl "
    "vsco vscocam igers webstagram iphonesia tbt throwback nofilter snapchat shoutout repost wcw tweegram"
)
ABOUT_THE_PHOTO = (
    "love friend photo photography dogsofinstagram catsofinstagram dogstagram selfie beach food foodporn gopro canon "
    "iphone daily picture quote happy bestfriend handmade explore"
)


@pytest.fixture
def bundled(bundled_weights: Path) -> Vocabulary:
    return Vocabulary.load(bundled_weights / "vocabulary.txt", bundled_weights / "platform_tags.txt")


def test_bundled_vocabulary_is_harrisons(bundled: Vocabulary) -> None:
    assert len(bundled) == 997
    assert bundled.tags[:5] == ("love", "friend", "beach", "family", "yellow")
    assert bundled.tags[-1] == "daytime"
    # The weights in the repository were trained for these tags in this order: a changed list must not go unnoticed.
    assert bundled.sha256 == "e7edb34b015c9a2b7b23adaafdc8fce852c054602b4e125aab4099e6634732a9"


def test_hash_is_that_of_the_tags_joined_by_newlines_in_order() -> None:
    assert Vocabulary(("sea", "sand")).sha256 == hashlib.sha256(b"sea\nsand").hexdigest()
    assert Vocabulary(("sand", "sea")).sha256 != Vocabulary(("sea", "sand")).sha256


def test_platform_tags_do_not_change_the_hash() -> None:
    assert Vocabulary(("sea", "insta"), frozenset({"insta"})).sha256 == Vocabulary(("sea", "insta")).sha256


def test_harrisons_index_and_a_plain_list_are_the_same_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "index.txt").write_text("love                  0\nfriend                1\n\nbeach 2\n")
    (tmp_path / "plain.txt").write_text("love\nfriend\nbeach")
    assert Vocabulary.load(tmp_path / "index.txt") == Vocabulary.load(tmp_path / "plain.txt")


def test_index_iteration_and_membership() -> None:
    vocabulary = Vocabulary(("sea", "sand", "sun"))
    assert [vocabulary.index(tag) for tag in vocabulary] == [0, 1, 2]
    assert vocabulary.index(" #Sand ") == 1
    assert "sand" in vocabulary
    assert "moon" not in vocabulary
    assert 1 not in vocabulary


def test_unknown_tag_is_named_with_close_matches(bundled: Vocabulary) -> None:
    with pytest.raises(SettingError, match=r"'sunste' is not one of the 997 tags\. Did you mean sunset"):
        bundled.index("sunste")
    with pytest.raises(SettingError, match=r"'qqqqqqqq' is not one of the 997 tags\.$"):
        bundled.index("qqqqqqqq")


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("#Sunset", "sunset"),
        (" sunset\n", "sunset"),
        ("SUNSET", "sunset"),
        ("", ""),
        ("＃사랑", "사랑"),
        ("cafe\u0301", "caf\u00e9"),
    ],
)
def test_normalised(written: str, tag: str) -> None:
    assert normalised(written) == tag


@pytest.mark.parametrize(
    ("written", "tags"),
    [
        ("love,selfie", ["love", "selfie"]),
        ("#love #selfie", ["love", "selfie"]),
        ("#love#selfie", ["love", "selfie"]),
        (" love ,\n\t#selfie; ", ["love", "selfie"]),
        ("#사랑，#해변、＃바다", ["사랑", "해변", "바다"]),
        ("Love", ["Love"]),
        (" , # ", []),
        ("", []),
    ],
)
def test_tags_as_people_type_them(written: str, tags: list[str]) -> None:
    assert split_tags(written) == tags


@pytest.mark.parametrize("tag", PLATFORM.split())
def test_platform_tags(bundled: Vocabulary, tag: str) -> None:
    assert tag in bundled.platform


@pytest.mark.parametrize("tag", ABOUT_THE_PHOTO.split())
def test_tags_about_the_photo_are_no_platform_tags(bundled: Vocabulary, tag: str) -> None:
    assert tag in bundled
    assert tag not in bundled.platform


def test_every_platform_tag_stands_under_a_reason(bundled_weights: Path) -> None:
    blocks = (bundled_weights / "platform_tags.txt").read_text().strip().split("\n\n")
    for block in blocks[1:]:
        lines = block.splitlines()
        assert lines[0].startswith("# ")
        assert any(not line.startswith("#") for line in lines)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no tags"),
        ("love\nlove\n", "'love' twice, as tags 0 and 1"),
        ("love\nLove2\n", "'Love2', tag 1 of the vocabulary, is not a tag"),
        ("#love\n", "'#love', tag 0"),
        ("love 0\nfriend 2\n", r"Line 2 of .* is 'friend 2'.*its index 1"),
        ("love is all\n", "Line 1 of .* is 'love is all'"),
    ],
)
def test_broken_lists_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "tags.txt"
    path.write_text(content)
    with pytest.raises(WeightsError, match=message):
        Vocabulary.load(path)


def test_missing_list_and_list_in_another_encoding(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"tags\.txt cannot be read \(No such file"):
        Vocabulary.load(tmp_path / "tags.txt")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(WeightsError, match="not text in UTF-8"):
        Vocabulary.load(tmp_path / "latin.txt")


def test_platform_tag_outside_the_vocabulary_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tags.txt").write_text("sea\ninsta\n")
    (tmp_path / "platform.txt").write_text("# a reason\ninsta  # why\n\ninstasea\n")
    with pytest.raises(WeightsError, match="platform tags instasea are not in the vocabulary"):
        Vocabulary.load(tmp_path / "tags.txt", tmp_path / "platform.txt")
    (tmp_path / "platform.txt").write_text("# a reason\ninsta\t# why\n")
    assert Vocabulary.load(tmp_path / "tags.txt", tmp_path / "platform.txt").platform == {"insta"}


def test_near_synonyms_stand_in_groups(tmp_path: Path) -> None:
    (tmp_path / "tags.txt").write_text("sea\nocean\nski\nskiing\nsun\n")
    (tmp_path / "synonyms.txt").write_text("# how they were made\n\nsea ocean\nskiing ski  # why\n")
    vocabulary = Vocabulary.load(tmp_path / "tags.txt", synonyms=tmp_path / "synonyms.txt")
    assert vocabulary.synonyms == (("sea", "ocean"), ("skiing", "ski"))
    assert [vocabulary.group(index) for index in range(5)] == [0, 0, 1, 1, None]
    assert vocabulary.sha256 == Vocabulary.load(tmp_path / "tags.txt").sha256


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sea lake\n", "near-synonyms lake are not in the vocabulary"),
        ("sea ocean\nocean ski\n", "near-synonyms ocean stand twice"),
        ("sea\n", "'sea' stands alone"),
    ],
)
def test_broken_groups_of_near_synonyms_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "tags.txt").write_text("sea\nocean\nski\n")
    (tmp_path / "synonyms.txt").write_text(content)
    with pytest.raises(WeightsError, match=message):
        Vocabulary.load(tmp_path / "tags.txt", synonyms=tmp_path / "synonyms.txt")
