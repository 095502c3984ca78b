"""Found hashtags given back as a file, asked over HTTP as the page asks."""

import csv
import io
import json
import subprocess
import zipfile
from pathlib import Path
from shutil import which
from typing import Any

import httpx
import pytest
from serving import Server

from hashstagram import Hashtag
from hashstagram.tagging.sidecars import Origin, keywords, origin, sidecar

EXPORT = "/api/v1/export"
JSON = {"Content-Type": "application/json"}


def found(photo: str = "beach.jpg", **changed: Any) -> dict[str, Any]:
    tags = [("beach", 0.93, "visible"), ("beachlife", 0.41, "companion")]
    hashtags = [{"tag": tag, "confidence": confidence, "kind": kind} for tag, confidence, kind in tags]
    return {"photo": photo, "model": "alexnet", "hashtags": hashtags, **changed}


def export(server: Server, kind: str, *photos: dict[str, Any]) -> httpx.Response:
    return server.post(EXPORT, json={"format": kind, "photos": photos})


def sidecars(answer: httpx.Response) -> dict[str, bytes]:
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def names(server: Server, *photos: str) -> list[str]:
    return list(sidecars(export(server, "xmp", *map(found, photos))))


def test_csv_has_a_row_for_each_photo_and_tag(small_server: Server) -> None:
    answer = export(small_server, "csv", found(), found("서울.heic", model="VGG16"), found("night.png", hashtags=[]))

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="hashtags.csv"'
    assert list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))) == [
        ["photo", "tag", "confidence", "kind", "model"],
        ["beach.jpg", "beach", "0.93", "visible", "alexnet"],
        ["beach.jpg", "beachlife", "0.41", "companion", "alexnet"],
        ["서울.heic", "beach", "0.93", "visible", "vgg16"],
        ["서울.heic", "beachlife", "0.41", "companion", "vgg16"],
        ["night.png", "", "", "", "alexnet"],
    ]


def test_json_gives_back_what_was_sent(small_server: Server) -> None:
    photos = [found(), found("서울.heic", model="vgg16"), found("night.png", hashtags=[])]

    answer = export(small_server, "json", *photos)

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="hashtags.json"'
    assert json.loads(answer.content) == photos


def test_sidecars_are_those_of_the_library(small_server: Server) -> None:
    answer = export(small_server, "xmp", found(), found("서울.heic", hashtags=[]))

    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="sidecars.zip"'
    made = sidecars(answer)
    hashtags = [Hashtag("beach", 0.93, "visible"), Hashtag("beachlife", 0.41, "companion")]
    assert made["beach.jpg.xmp"] == sidecar(hashtags, Origin("alexnet.small_v1"))
    assert keywords(made["beach.jpg.xmp"]) == ["beach", "beachlife"]
    assert keywords(made["서울.heic.xmp"]) == []
    assert origin(made["서울.heic.xmp"]) == Origin("alexnet.small_v1")


@pytest.mark.skipif(which("exiftool") is None, reason="Debian's package libimage-exiftool-perl brings exiftool")
def test_photo_programs_read_the_sidecars(small_server: Server, tmp_path: Path) -> None:
    path = tmp_path / "beach.jpg.xmp"
    path.write_bytes(sidecars(export(small_server, "xmp", found()))["beach.jpg.xmp"])

    read = subprocess.run(["exiftool", "-json", "-Subject", path], capture_output=True, check=True)

    assert json.loads(read.stdout)[0]["Subject"] == ["beach", "beachlife"]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../etc/passwd", "passwd.xmp"),
        ("..\\..\\autostart.jpg", "autostart.jpg.xmp"),
        ("/root/photo.jpg", "photo.jpg.xmp"),
        ("C:\\photo.jpg", "photo.jpg.xmp"),
        ("..", "photo.xmp"),
        ("holiday/", "photo.xmp"),
        ("two\nlines\x00\x1b[31m.jpg", "two_lines__[31m.jpg.xmp"),
        ("Screenshot 3.45\u202fPM.png", "Screenshot 3.45\u202fPM.png.xmp"),
    ],
)
def test_a_name_leads_to_no_folder(small_server: Server, given: str, name: str) -> None:
    assert names(small_server, given) == [name]
    assert export(small_server, "json", found(given)).json()[0]["photo"] == name.removesuffix(".xmp")


def test_photos_of_the_same_name_have_a_sidecar_each(small_server: Server) -> None:
    assert names(small_server, "a.jpg", "A.JPG", "b", "a (2).jpg", "album/a.jpg", "b") == [
        "a.jpg.xmp",
        "A (2).JPG.xmp",
        "b.xmp",
        "a (2) (2).jpg.xmp",
        "a (3).jpg.xmp",
        "b (2).xmp",
    ]


def test_no_name_becomes_a_formula(small_server: Server) -> None:
    answer = export(small_server, "csv", found("=1+1.jpg"))

    assert "\n'=1+1.jpg,beach" in answer.content.decode()


def test_tags_of_any_script_come_through(small_server: Server) -> None:
    tags = [{"tag": tag, "confidence": 1, "kind": "visible"} for tag in ("바다", "été", "<b>&", "=sum")]

    made = sidecars(export(small_server, "xmp", found(hashtags=tags)))

    assert keywords(made["beach.jpg.xmp"]) == ["바다", "été", "<b>&", "=sum"]


@pytest.mark.parametrize(
    ("photo", "place"),
    [
        (found(""), "photo"),
        (found("a" * 256), "photo"),
        (found("\ud800.jpg"), "photo"),
        (found(hashtags=found()["hashtags"] * 16), "hashtags"),
        (found(hashtags=[{"tag": "sea", "confidence": 1.1, "kind": "visible"}]), "hashtags.0.confidence"),
        (found(hashtags=[{"tag": "sea", "confidence": 1, "kind": "heard"}]), "hashtags.0.kind"),
        *(
            (found(hashtags=[{"tag": tag, "confidence": 1, "kind": "visible"}]), "hashtags.0.tag")
            for tag in ("", "#sea", "two words", "bell\x07", "\uffff", "a" * 101)
        ),
        ({"model": "alexnet", "hashtags": []}, "photo"),
        ([], ""),
    ],
)
def test_says_what_is_wrong_with_a_photo(small_server: Server, photo: Any, place: str) -> None:
    body = json.dumps({"format": "xmp", "photos": [found(), photo]})
    answer = small_server.post(EXPORT, content=body, headers=JSON)

    assert answer.status_code == 422
    where = f"photos.1.{place}".rstrip(".")
    assert answer.json() == {
        "code": "setting_invalid",
        "message": f"The list of photos cannot be used: {where} is not as /api/v1/openapi.json describes it.",
    }


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("", "body"),
        ("[]", "body"),
        ('{"format": "csv"', "body"),
        ("[" * 100_000, "body"),
        ('{"photos": [{}]}', "format"),
        (json.dumps({"format": "pdf", "photos": [found()]}), "format"),
        (json.dumps({"format": "csv", "photos": []}), "photos"),
        (json.dumps({"format": "csv", "photos": [found()] * 51}), "photos"),
        ('{"format": "csv", "photos": [{"photo": "a", "model": "alexnet", "hashtags": NaN}]}', "photos.0.hashtags"),
    ],
)
def test_says_what_is_wrong_with_a_list(small_server: Server, body: str, place: str) -> None:
    answer = small_server.post(EXPORT, content=body, headers=JSON)

    assert answer.status_code == 422
    assert f": {place} is not as" in answer.json()["message"]


def test_names_the_models_that_there_are(small_server: Server) -> None:
    answer = export(small_server, "json", found(model="gpt"))

    assert (answer.status_code, answer.json()["code"]) == (422, "setting_invalid")
    assert "hashnet, vgg16, alexnet" in answer.json()["message"]


def test_fifty_photos_with_thirty_tags_fit_and_a_quarter_of_a_megabyte_more_does_not(small_server: Server) -> None:
    tags = [{"tag": f"tag{number:02}", "confidence": 0.123456, "kind": "companion"} for number in range(30)]
    most = [found(f"{number:02}{'x' * 200}.jpg", hashtags=tags) for number in range(50)]

    assert len(sidecars(export(small_server, "xmp", *most))) == 50

    answer = small_server.post(EXPORT, json={"format": "csv", "photos": [found()], "more": "x" * 2**18})
    assert answer.status_code == 413
    assert answer.json() == {
        "code": "too_large",
        "message": "The request is larger than 262,144 bytes. Please send a smaller one.",
    }


def test_answers_in_the_visitors_language(small_server: Server) -> None:
    answer = small_server.post(EXPORT, json={}, headers={"Accept-Language": "de"})

    assert "format" in answer.json()["message"]
    assert "cannot be used" not in answer.json()["message"]


def test_there_is_nothing_to_read(small_server: Server) -> None:
    answer = small_server.get(EXPORT)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_the_specification_describes_it(small_server: Server) -> None:
    specification = small_server.get("/api/v1/openapi.json").json()

    route = specification["paths"][EXPORT]["post"]
    assert set(route["responses"]) == {"200", "413", "422"}
    assert set(route["responses"]["200"]["content"]) == {"text/csv", "application/json", "application/zip"}
    photos = specification["components"]["schemas"]["ExportBody"]["properties"]["photos"]
    assert (photos["minItems"], photos["maxItems"]) == (1, 50)
