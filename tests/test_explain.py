"""Why this tag: the heat lies where the subject is, in the photo's own form, whoever computes the answer."""

import gc
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from hashstagram import HeatMap, PhotoUnsupported, Recommender, SettingError, explain, load_model
from hashstagram.engines import Floats
from hashstagram.engines.heat import Look, open_exact
from hashstagram.engines.torch_engine import TorchEngine
from hashstagram.manifest import Manifest
from hashstagram.networks import HashNet
from hashstagram.photos import to_tensor

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SIDE = 448
# The places of two photos of 240 × 160 beside nothing, or one over the other.
CORNERS = {"left": (24, 120), "right": (184, 200), "top": (110, 40), "bottom": (90, 250)}

Boxes = dict[str, tuple[int, int, int, int]]


def composite(ground: str, **places: str) -> tuple[Image.Image, Boxes]:
    """Example photos by name on a plain ground, each at a place, and the boxes that they cover."""
    picture, boxes = Image.new("RGB", (SIDE, SIDE), ground), {}
    for name, place in places.items():
        with Image.open(EXAMPLES / f"{name}.jpg") as photo:
            small = photo.resize((240, 160))
        picture.paste(small, CORNERS[place])
        left, top = CORNERS[place]
        boxes[name] = left, top, left + small.width, top + small.height
    return picture, boxes


def points_into(heat: HeatMap, box: tuple[int, int, int, int]) -> bool:
    row, column = np.unravel_index(heat.values.argmax(), heat.values.shape)
    return box[0] <= column < box[2] and box[1] <= row < box[3]


def share_in(heat: HeatMap, box: tuple[int, int, int, int]) -> float:
    left, top, right, bottom = box
    return float(heat.values[top:bottom, left:right].sum() / heat.values.sum())


@pytest.fixture(scope="module")
def model(bundled_weights: Path) -> Recommender:
    """What a visitor gets who chooses nothing."""
    return load_model(weights=bundled_weights)


@pytest.fixture(scope="module")
def small(small_weights: Path) -> Recommender:
    return load_model("alexnet", weights=small_weights, device="cpu")


@pytest.mark.parametrize("ground", ["white", "black", "olive", "steelblue"])
@pytest.mark.parametrize("place", ["left", "right"])
def test_a_cat_beside_nothing_gets_the_heat(model: Recommender, ground: str, place: str) -> None:
    picture, boxes = composite(ground, cat=place)

    heat = explain(model, picture, "cat")

    assert (heat.tag, heat.kind, heat.because) == ("cat", "visible", ())
    assert points_into(heat, boxes["cat"])
    assert share_in(heat, boxes["cat"]) > 0.6  # on a fifth of the picture


@pytest.mark.parametrize("name", ["vgg16", "hashnet"])
def test_the_heavier_networks_point_at_the_cat_too(bundled_weights: Path, name: str) -> None:
    model = load_model(name, weights=bundled_weights)
    for place in ("left", "right"):
        picture, boxes = composite("white", cat=place)
        heat = explain(model, picture, "cat")
        assert points_into(heat, boxes["cat"])
        assert share_in(heat, boxes["cat"]) > 0.6


@pytest.mark.parametrize(("above", "below"), [("cat", "coffee"), ("coffee", "cat"), ("flower", "cat")])
def test_each_tag_has_the_heat_where_its_own_subject_is(model: Recommender, above: str, below: str) -> None:
    picture, boxes = composite("grey", **{above: "top", below: "bottom"})

    for tag, other in ((above, below), (below, above)):
        heat = explain(model, picture, tag)
        assert points_into(heat, boxes[tag])
        assert share_in(heat, boxes[tag]) > 2 * share_in(heat, boxes[other])


def test_the_map_has_the_form_of_the_photo_and_says_what_was_seen(small: Recommender) -> None:
    wide = explain(small, Image.effect_noise((600, 300), 90).convert("RGB"), "dog")

    # The record resizes to 72 and keeps 64: of 300 pixels, 267 in the middle.
    assert wide.values.shape == (300, 600)
    assert wide.values.dtype == np.float32
    assert wide.seen == (166, 16, 434, 284)
    assert (wide.values.min(), wide.values.max()) == (0, 1)
    beyond = wide.values.copy()
    beyond[16:284, 166:434] = 0
    assert not beyond.any()


@pytest.mark.parametrize(
    ("size", "shape"),
    [((3000, 2000), (667, 1000)), ((2000, 900), (461, 1024)), ((1, 4000), (1024, 1)), ((7, 5), (5, 7))],
)
def test_maps_of_photos_of_any_size_are_of_bounded_size(
    small: Recommender, size: tuple[int, int], shape: tuple[int, int]
) -> None:
    photo = Image.linear_gradient("L").resize(size).convert("RGB")

    heat = explain(small, photo, "dog")

    assert heat.values.shape == shape
    assert heat.over(photo).size == shape[::-1]


def test_a_photo_that_lies_on_its_side_is_explained_upright(model: Recommender, tmp_path: Path) -> None:
    picture, boxes = composite("white", cat="left")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter to the right
    picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "phone.jpg", exif=exif, quality=95)

    assert points_into(explain(model, tmp_path / "phone.jpg", "cat"), boxes["cat"])


def by_hand(network: Any, photo: Floats, weights: Floats) -> Tensor:
    """HiResCAM of a network of AlexNet's and VGG16's build, from the whole network with its gradient."""
    kept: list[Tensor] = []

    def keep(module: torch.nn.Module, given: object, maps: Tensor) -> Tensor:
        # Later layers work in place.
        kept.append(maps.clone().requires_grad_())
        kept[-1].retain_grad()
        return kept[-1] + 0

    trunks: list[Any] = [network.vgg16, network.alexnet] if isinstance(network, HashNet) else [network]
    hooks = [trunk.features[-2].register_forward_hook(keep) for trunk in trunks]
    (network(torch.from_numpy(photo[None]))[0] @ torch.from_numpy(weights)).backward()
    for hook in hooks:
        hook.remove()
    total = torch.zeros(photo.shape[1:])
    for maps in kept:
        assert maps.grad is not None
        cells = maps.shape[2] * maps.shape[3]
        density = (maps.grad * maps.detach()).sum(1, keepdim=True) * cells
        total += F.interpolate(density, total.shape, mode="bilinear")[0, 0]
    return total.clamp(min=0)


@pytest.mark.parametrize("name", ["alexnet", "vgg16", "hashnet"])
def test_heat_is_the_gradient_times_the_maps_of_every_trunk(
    small_weights: Path, drawn_photos: list[Image.Image], name: str
) -> None:
    model = load_model(name, weights=small_weights, device="cpu", engine="torch")
    assert isinstance(model.engine, TorchEngine)
    photo = to_tensor(drawn_photos[0], model.record.input)
    weights = np.zeros(len(model.vocabulary), dtype=np.float32)
    weights[model.vocabulary.index("dog")], weights[model.vocabulary.index("sea")] = 2, 0.5

    look = Look(model.engine, photo)

    assert np.allclose(look.logits, model.engine.run(photo[None])[0], atol=1e-4)
    expected = by_hand(model.engine.network, photo, weights).numpy()
    assert expected.max() > 0
    assert np.allclose(look.heat(weights), expected, atol=1e-4 * expected.max())


def test_the_engine_that_answers_does_not_matter(small: Recommender, small_weights: Path) -> None:
    photo = EXAMPLES / "cat.jpg"
    reference = load_model("alexnet", weights=small_weights, device="cpu", engine="torch")

    assert small.engine.name != reference.engine.name
    assert np.array_equal(explain(small, photo, "cat").values, explain(reference, photo, "cat").values)


def test_a_companion_is_explained_by_the_visible_tags_that_it_is_written_with(model: Recommender) -> None:
    picture, boxes = composite("white", cat="right")

    heat = explain(model, picture, "#CatsOfInstagram")

    assert (heat.tag, heat.kind) == ("catsofinstagram", "companion")
    assert heat.because[0] == "cat"
    assert len(heat.because) <= 3
    assert set(heat.because) <= set(model.record.taught)
    assert points_into(heat, boxes["cat"])


def test_a_companion_for_which_nothing_speaks_has_no_heat(small: Recommender, drawn_photos: list[Image.Image]) -> None:
    assert small.companions is not None
    silent = replace(small, companions=replace(small.companions, hidden=np.zeros_like(small.companions.hidden)))

    heat = explain(silent, drawn_photos[0], "instadog")

    assert heat.because == ()
    assert not heat.values.any()
    assert heat.over(drawn_photos[0]).getextrema() != ((0, 0), (0, 0), (0, 0))


def test_renamed_tags_are_explained_by_their_names(model: Recommender) -> None:
    picture, _ = composite("white", cat="left")
    names = {"cat": "고양이", "kitty": "고양이", "catsofinstagram": "katzen"}
    renamed = replace(model, vocabulary=model.vocabulary.renamed(names))

    heat = explain(renamed, picture, "고양이")
    assert heat.tag == "고양이"
    # The surer of the two stands for the name.
    assert np.array_equal(heat.values, explain(model, picture, "cat").values)
    assert explain(renamed, picture, "katzen").because[0] == "고양이"


@pytest.mark.parametrize(
    ("tag", "sentence"),
    [
        ("sunsett", r"'sunsett' is not one of the 997 tags\. Did you mean sunset"),
        ("selfie", r"alexnet never recommends 'selfie'\. Choose a tag that it recommended\."),
    ],
)
def test_a_tag_that_cannot_be_explained_is_refused_with_a_reason(small: Recommender, tag: str, sentence: str) -> None:
    with pytest.raises(SettingError, match=sentence):
        explain(small, Image.new("RGB", (80, 80)), tag)


def test_what_is_no_photo_is_refused(small: Recommender) -> None:
    with pytest.raises(PhotoUnsupported):
        explain(small, b"words", "dog")


@pytest.mark.parametrize("colour", ["black", "grey", "white", "crimson", "navy"])
def test_hotter_parts_look_lighter_whatever_the_photo_and_the_unseen_is_darkest(colour: str) -> None:
    values = np.zeros((200, 400), dtype=np.float32)
    values[:, 100:300] = np.linspace(0, 1, 200)
    photo = Image.new("RGB", (400, 200), colour)

    picture = HeatMap("dog", "visible", (), values, (100, 0, 300, 200)).over(photo)

    assert (picture.mode, picture.size) == ("RGB", (400, 200))
    row = np.asarray(picture.convert("L"), dtype=int)[100]
    warming = row[110:290:20]
    assert (np.diff(warming) > 0).all()
    assert row[290] > row[110] + 60
    assert max(row[:98].max(), row[302:].max()) <= row[100:300].min()


def test_the_photo_stays_to_be_seen_under_the_heat() -> None:
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[:, ::16] = stripes[:, 1::16] = 255
    hot = HeatMap("dog", "visible", (), np.ones((64, 64), dtype=np.float32), (0, 0, 64, 64))

    row = np.asarray(hot.over(Image.fromarray(stripes)).convert("L"), dtype=int)[32]

    assert row[16] > row[24] + 40


def test_one_network_stays_in_memory_and_another_takes_its_place(small_weights: Path) -> None:
    manifest, vocabulary = Manifest.load(small_weights), load_model("alexnet", weights=small_weights).vocabulary

    def opened(name: str) -> TorchEngine:
        return open_exact(small_weights, manifest, manifest.record(name), vocabulary, "cpu")

    vgg16 = weakref.ref(opened("vgg16").network)
    assert opened("vgg16").network is vgg16()
    opened("alexnet")
    gc.collect()
    assert vgg16() is None
