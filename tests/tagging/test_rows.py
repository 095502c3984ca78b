"""Rows for programs and spreadsheets."""

import csv
import io
import json

import pytest

from hashstagram import Hashtag
from hashstagram.tagging.rows import COLUMNS, csv_file, csv_text, json_line, read_csv, row

SEA = Hashtag("sea", 0.91234567, "visible")
SUMMER = Hashtag("summer", 0.25, "companion")

# As files may be called, and a spreadsheet must not compute them.
FORMULAS = ("=1+1.jpg", "+1.jpg", "-1.jpg", "@SUM(A1).jpg", "\t=1.jpg", "\r=1.jpg", "\n=1.jpg", "'=1.jpg", "''-1.jpg")


def test_json_is_one_line_of_ascii_with_six_places() -> None:
    line = json_line(row("zwölf\n.jpg", "vgg16", [SEA, SUMMER]))

    assert line.isascii()
    assert line.count("\n") == 1
    assert json.loads(line) == {
        "photo": "zwölf\n.jpg",
        "model": "vgg16",
        "hashtags": [
            {"tag": "sea", "confidence": 0.912346, "kind": "visible"},
            {"tag": "summer", "confidence": 0.25, "kind": "companion"},
        ],
    }


def test_csv_has_a_row_for_each_photo_and_tag() -> None:
    text = csv_text([row("a, b.jpg", "vgg16", [SEA, SUMMER]), row("c.jpg", "vgg16", [SEA])])

    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["photo", "tag", "confidence", "kind", "model"],
        ["a, b.jpg", "sea", "0.912346", "visible", "vgg16"],
        ["a, b.jpg", "summer", "0.25", "companion", "vgg16"],
        ["c.jpg", "sea", "0.912346", "visible", "vgg16"],
    ]


def test_a_photo_without_tags_is_not_left_out() -> None:
    assert csv_text([row("a.jpg", "vgg16", [])], header=False) == "a.jpg,,,,vgg16\r\n"


def test_more_columns_come_last() -> None:
    content = {**row("a.jpg", "vgg16", [SEA]), "version": "1-2"}

    assert csv_text([content], more=["version"]) == (
        ",".join([*COLUMNS, "version"]) + "\r\na.jpg,sea,0.912346,visible,vgg16,1-2\r\n"
    )


@pytest.mark.parametrize("name", FORMULAS)
def test_no_cell_is_a_formula_and_reading_gives_the_name_back(name: str) -> None:
    text = csv_text([row(name, "vgg16", [Hashtag("=sea", 0.5, "visible")])])
    (_, cells) = csv.reader(io.StringIO(text, newline=""))

    assert all(cell[:1] not in "=+-@\t\r\n" for cell in cells)
    (read,) = read_csv(io.StringIO(text, newline=""))
    assert (read["photo"], read["tag"]) == (name, "=sea")


def test_plain_names_stay_as_they_are() -> None:
    assert csv_text([row("it's 'so' = 1.jpg", "m", [])], header=False) == "it's 'so' = 1.jpg,,,,m\r\n"


def test_a_row_cut_short_is_not_taken_for_whole() -> None:
    with pytest.raises(ValueError, match="shorter"):
        list(read_csv(["photo,tag\n", "a.jpg\n"]))


def test_a_csv_file_opens_in_a_spreadsheet_as_utf8() -> None:
    assert (
        csv_file([row("zwölf.jpg", "m", [])])
        == b"\xef\xbb\xbfphoto,tag,confidence,kind,model\r\nzw\xc3\xb6lf.jpg,,,,m\r\n"
    )
