"""Gradio's API as its Python client calls it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from serving import Server

from hashstagram import Choice, load_model


@pytest.fixture(scope="module")
def client(small_server: Server) -> Iterator[Client]:
    client = Client(small_server.url, verbose=False, download_files=False, analytics_enabled=False)
    yield client
    client.close()


def test_a_photo_gives_labels_and_confidences_alone(client: Client, small_weights: Path, jpeg: Path) -> None:
    answer = client.predict(photo=handle_file(str(jpeg)), model="vgg16", top_k=3, api_name="/recommend")

    hashtags = load_model("vgg16", weights=small_weights).recommend(jpeg, Choice(top_k=3))
    expected = sorted(((tag.confidence, tag.tag) for tag in hashtags), reverse=True)
    assert answer.keys() == {"label", "confidences"}
    assert answer["label"] == expected[0][1]
    assert [entry["label"] for entry in answer["confidences"]] == [tag for _, tag in expected]
    assert [entry["confidence"] for entry in answer["confidences"]] == pytest.approx(
        [confidence for confidence, _ in expected], abs=1e-4
    )


def test_model_and_top_k_have_defaults(client: Client, jpeg: Path) -> None:
    answer = client.predict(photo=handle_file(str(jpeg)), api_name="/recommend")

    assert len(answer["confidences"]) == 5
    assert answer == client.predict(handle_file(str(jpeg)), "hashnet", 5, api_name="/recommend")


def test_the_public_api_is_one_endpoint_with_these_arguments(client: Client) -> None:
    api = client.view_api(return_format="dict", print_info=False)

    assert api["unnamed_endpoints"] == {}
    assert list(api["named_endpoints"]) == ["/recommend"]
    parameters = api["named_endpoints"]["/recommend"]["parameters"]
    assert [
        (parameter["parameter_name"], parameter["parameter_has_default"], parameter["parameter_default"])
        for parameter in parameters
    ] == [("photo", False, None), ("model", True, "hashnet"), ("top_k", True, 5)]
    assert parameters[1]["type"]["enum"] == ["hashnet", "vgg16", "alexnet"]
    assert [value["component"] for value in api["named_endpoints"]["/recommend"]["returns"]] == ["Label"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"photo": None}, "There is no photo. Please choose one first."),
        ({"model": "resnet"}, "'resnet' is not a model. Choose one of: hashnet, vgg16, alexnet."),
        ({"top_k": 31}, "top_k is 31. Give a whole number from 1 to 30."),
        ({"top_k": 2.5}, "top_k is 2.5. Give a whole number from 1 to 30."),
    ],
)
def test_errors_are_our_sentences(client: Client, jpeg: Path, arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(AppError) as caught:
        client.predict(**({"photo": handle_file(str(jpeg))} | arguments), api_name="/recommend")

    assert str(caught.value) == sentence


def test_what_is_no_photo_is_named_so(client: Client, tmp_path: Path) -> None:
    text = tmp_path / "photo.jpg"
    text.write_text("These are words.")
    with pytest.raises(AppError, match=r"^This is not a photo of a kind that is read here"):
        client.predict(photo=handle_file(str(text)), api_name="/recommend")


def test_a_turned_photo_gives_the_same_hashtags(client: Client, tmp_path: Path) -> None:
    upright = Image.radial_gradient("L").crop((0, 0, 256, 160)).convert("RGB")
    upright.save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)

    answers = [
        client.predict(photo=handle_file(str(tmp_path / name)), api_name="/recommend")
        for name in ("upright.png", "turned.png")
    ]
    assert answers[0] == answers[1]


def test_expected_errors_leave_no_traceback(small_server: Server, client: Client) -> None:
    before = small_server.said()
    with pytest.raises(AppError):
        client.predict(photo=None, api_name="/recommend")
    assert small_server.said() == before
