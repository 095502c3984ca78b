"""Every photo enters here: a path, bytes or a Pillow image becomes an upright RGB image, and that becomes a tensor.

One road for the page, the API, the command line and training, so a photo looks the same to a network wherever it came
from. Whatever cannot be read ends in a `PhotoError` whose sentence can be shown to the person who sent it.

Knows nothing about networks or tags.
"""

from __future__ import annotations

import io
import math
import os
import re
import stat
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from pillow_heif import register_heif_opener

from hashstagram import headers
from hashstagram.errors import (
    HashStagramError,
    PhotoBroken,
    PhotoError,
    PhotoTooLarge,
    PhotoUnsupported,
    SettingError,
    WeightsError,
)

# All readers are registered now: Pillow would import them during the first photo, in whichever thread that is.
Image.init()
register_heif_opener()

Photo: TypeAlias = str | os.PathLike[str] | bytes | Image.Image

_MOST_PIXELS = 178_956_970  # twice Pillow's MAX_IMAGE_PIXELS: where its own guard refuses, whatever we allow
_LONGEST_PROFILE = 2**20
_LOADING = threading.Lock()  # an image that was opened lazily decodes inside itself, once, for whoever comes first

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_KERNELS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


@dataclass(frozen=True)
class Limits:
    """What is refused before anything is decoded: more than `max_bytes` bytes or `max_pixels` pixels.

    Raises `SettingError` for a limit below 1, and for more pixels than Pillow itself would open (178,956,970).
    """

    max_bytes: int = 10 * 2**20
    max_pixels: int = 50_000_000

    def __post_init__(self) -> None:
        if self.max_bytes < 1:
            raise SettingError(f"A photo needs at least 1 byte, so max_bytes cannot be {self.max_bytes}.")
        if not 1 <= self.max_pixels <= _MOST_PIXELS:
            raise SettingError(f"max_pixels must be between 1 and {_MOST_PIXELS:,}, not {self.max_pixels:,}.")

    @classmethod
    def from_environment(cls) -> Limits:
        """The limits set by HASHSTAGRAM_MAX_BYTES and HASHSTAGRAM_MAX_PIXELS, the defaults where they are not set."""
        return cls(
            max_bytes=_whole_number("HASHSTAGRAM_MAX_BYTES", cls.max_bytes),
            max_pixels=_whole_number("HASHSTAGRAM_MAX_PIXELS", cls.max_pixels),
        )


def _whole_number(variable: str, default: int) -> int:
    text = os.environ.get(variable, "")
    if not text:
        return default
    try:
        return int(text)
    except ValueError as error:
        raise SettingError(f"{variable} must be a whole number, such as {default}, not {text!r}.") from error


@dataclass(frozen=True)
class Preprocessing:
    """How a network wants its photos: the `input` of its weight record.

    The short side becomes `resize` pixels, the centred square of `crop` pixels is kept (crop <= resize), and each
    channel (R, G, B, in 0..1) has `mean` subtracted and is divided by `std`. Raises `WeightsError` for other values.
    """

    resize: int
    crop: int
    interpolation: Literal["bicubic", "bilinear"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        if not 1 <= self.crop <= self.resize:
            raise WeightsError(f"A weight record asks for a crop of {self.crop} out of {self.resize} pixels.")
        if self.interpolation not in _KERNELS:
            raise WeightsError(f"A weight record asks for interpolation {self.interpolation!r}, not {list(_KERNELS)}.")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise WeightsError(
                f"A weight record needs three means and three deviations above 0, not {self.mean} and {self.std}."
            )

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Preprocessing:
        """Read what `to_json` wrote. Raises `WeightsError` when a field is missing, superfluous or out of range."""
        try:
            values = {**record, "mean": tuple(map(float, record["mean"])), "std": tuple(map(float, record["std"]))}
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(f"The input of a weight record cannot be used: {dict(record)}.") from error

    def to_json(self) -> dict[str, Any]:
        """The record as plain numbers, strings and lists."""
        return {
            "resize": self.resize,
            "crop": self.crop,
            "interpolation": self.interpolation,
            "mean": list(self.mean),
            "std": list(self.std),
        }


def open_photo(photo: Photo, *, limits: Limits | None = None, min_side: int = 512) -> Image.Image:
    """The photo as an RGB image of its own: upright, on white where it was transparent, in sRGB, without metadata.

    A string is a path, never an address. Of an animation the first picture counts; an already open image is neither
    changed nor closed and gives the frame that it shows. A photo whose short side is at least twice `min_side` comes
    back smaller (by a whole factor, its short side still `min_side` or more): JPEG inside the decoder, which takes a
    third of the time, the others right after it. `limits=None` takes `Limits.from_environment()`.

    Raises `PhotoTooLarge`, `PhotoUnsupported`, `PhotoBroken`, or plain `PhotoError` when there is no such file;
    `SettingError` when `min_side` is below 1. Safe to call from many threads.
    """
    if min_side < 1:
        raise SettingError(f"min_side must be at least 1 pixel, not {min_side}.")
    limits = limits or Limits.from_environment()
    if isinstance(photo, Image.Image):
        return _from_image(photo, limits, min_side)
    return _from_bytes(_read(photo, limits), limits, min_side)


def to_tensor(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """The network's input: float32 (3, crop, crop), RGB, normalised, contiguous; `image` is an RGB image.

    The same as resizing the short side to `resize` (antialiased) and cutting out the centre, but only the pixels of
    that centre are ever computed: 1 x 60,000 costs no more than a square. Raises `PhotoUnsupported` for other modes.
    """
    if image.mode != "RGB":
        raise PhotoUnsupported(
            "A tensor is made from an RGB image, as open_photo returns it, not from {mode}.", mode=image.mode
        )
    crop = preprocessing.crop
    square = image.resize((crop, crop), _KERNELS[preprocessing.interpolation], box=seen_part(image.size, preprocessing))
    mean = np.array(preprocessing.mean, dtype=np.float32).reshape(3, 1, 1)
    std = np.array(preprocessing.std, dtype=np.float32).reshape(3, 1, 1)
    tensor = np.empty((3, crop, crop), dtype=np.float32)
    np.multiply(np.asarray(square).transpose(2, 0, 1), 1 / (255 * std), out=tensor)
    tensor -= mean / std
    return tensor


def seen_part(size: tuple[int, int], preprocessing: Preprocessing) -> tuple[float, float, float, float]:
    """What a network sees of a photo of `size` (width, height): left, top, right and bottom in its pixels."""
    crop, short = preprocessing.crop, min(size)
    box = []
    for side in size:
        resized = preprocessing.resize * side // short
        start = round((resized - crop) / 2)
        box.append((start * side / resized, (start + crop) * side / resized))
    (left, right), (top, bottom) = box
    return left, top, right, bottom


def _read(photo: str | os.PathLike[str] | bytes, limits: Limits) -> bytes:
    if isinstance(photo, bytes):
        _check_bytes(len(photo), limits)
        return photo
    if isinstance(photo, str) and "://" in photo:
        raise PhotoUnsupported("Web addresses are not opened. Please save the photo first and give the file itself.")
    if not isinstance(photo, str | os.PathLike):
        raise PhotoUnsupported(
            "A photo is given as a path, as bytes or as a Pillow image, not as {kind}.", kind=type(photo).__name__
        )
    try:
        path = Path(photo)
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise PhotoUnsupported("This is a folder, not a photo. Please choose a photo inside it.")
        if not stat.S_ISREG(status.st_mode):
            raise PhotoUnsupported("This is not a file. Please choose a photo.")
        _check_bytes(status.st_size, limits)
        with path.open("rb") as file:
            return file.read(status.st_size)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PhotoError("There is no photo of this name. Please check how it is written.") from error
    except (OSError, ValueError) as error:
        raise PhotoError("The photo could not be read. Please check that you may open it, or copy it first.") from error


def _check_bytes(size: int, limits: Limits) -> None:
    if size > limits.max_bytes:
        # Rounded up, so that it never reads as just what is allowed.
        megabytes, most = math.ceil(size / 2**20 * 10) / 10, limits.max_bytes / 2**20
        raise PhotoTooLarge(
            "This photo has {megabytes:,.1f} MB; at most {most:,.3g} MB are accepted. "
            "Please make it smaller or save it as JPEG, and try again.",
            megabytes=megabytes,
            most=most,
        )


def _check_pixels(size: tuple[int, int], limits: Limits) -> None:
    if size[0] * size[1] > limits.max_pixels:
        raise PhotoTooLarge(
            "This photo has {width:,} x {height:,} pixels; at most {most:,} are accepted in all. "
            "Please make it smaller and try again.",
            width=size[0],
            height=size[1],
            most=limits.max_pixels,
        )


def _from_bytes(data: bytes, limits: Limits, min_side: int) -> Image.Image:
    if not data:
        raise PhotoBroken("This file is empty. Please choose the photo again, or save it once more.")
    formats = headers.formats_of(data)
    if not formats:
        raise PhotoUnsupported(
            "This is not a photo of a kind that is read here. Please use JPEG, PNG, WebP, HEIC, AVIF, GIF, TIFF or BMP."
        )
    data, turn = headers.defused(data, formats)
    _hush_pillow()
    try:
        with Image.open(io.BytesIO(data), formats=formats) as image:
            _check_pixels(image.size, limits)
            if image.format == "JPEG":
                image.draft(None, (min_side, min_side))
            image.load()
            if image.format in ("PNG", "WEBP", "AVIF"):
                turn = _orientation_in(image)
            return _finished(image, turn, min_side)
    except HashStagramError:
        raise
    except Exception as error:  # decoders fail in many ways, down to KeyError and AssertionError
        raise _sorry(error, formats[-1], limits) from error


def _from_image(image: Image.Image, limits: Limits, min_side: int) -> Image.Image:
    _check_pixels(image.size, limits)
    _hush_pillow()
    try:
        with _LOADING:
            own = image.copy()  # Pillow keeps transparency inside a palette, so even converting would leave traces
        return _finished(own, _orientation_in(own), min_side)
    except Exception as error:  # a lazily opened image decodes only now
        raise _sorry(error, image.format or image.mode, limits) from error


def _sorry(error: Exception, kind: str, limits: Limits) -> PhotoError:
    if isinstance(error, Image.DecompressionBombError | MemoryError):
        return PhotoTooLarge(
            "This photo is too large to open: at most {most:,} pixels are accepted. "
            "Please make it smaller and try again.",
            most=limits.max_pixels,
        )
    return PhotoBroken(
        "This photo cannot be read: the {kind} file is damaged, cut off, or of an uncommon variant. "
        "Please send it again, or save it as JPEG or PNG and try that.",
        kind=kind,
    )


def _hush_pillow() -> None:
    """Keep Pillow's remarks about odd metadata from the visitor's terminal, and from becoming errors.

    `warnings.catch_warnings` swaps the filters of the whole process and is not safe in threads. A filter for Pillow's
    own modules, put in front once and left there, is. It has to be looked for each time: others may reset the filters.
    """
    if list(warnings.filters[: len(_HUSHED)]) != _HUSHED:
        for _, _, category, module, _ in reversed(_HUSHED):
            warnings.filterwarnings("ignore", category=category, module=module.pattern)


_HUSHED = [("ignore", None, kind, re.compile(r"PIL\."), 0) for kind in (UserWarning, Image.DecompressionBombWarning)]


def _orientation_in(image: Image.Image) -> int:
    exif = image.info.get("exif")
    return headers.orientation(exif) if isinstance(exif, bytes) else 1


def _finished(image: Image.Image, turn: int, min_side: int) -> Image.Image:
    profile = image.info.get("icc_profile")
    rgb = _on_white(image)
    factor = min(rgb.size) // min_side
    if factor > 1:
        rgb = rgb.reduce(factor)
    if isinstance(profile, bytes):
        rgb = _to_srgb(rgb, profile)
    if turn in _TURNS:
        rgb = rgb.transpose(_TURNS[turn])
    if type(rgb) is not Image.Image:  # still the file's own object, which holds on to the file
        rgb = rgb.copy()
    rgb.info = {}  # where and when a photo was taken goes no further than this
    return rgb


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bits(image).convert("RGB")
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    if image.mode == "La":
        image = image.convert("LA")
    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(rgba, mask=rgba.getchannel("A"))
    return white


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits, whole or floating, scaled to 0..255.

    16 bits use their whole range by definition. Wider modes do not say what white is: it is taken to be the first of
    1 (floating only), 255 and 65,535 that no pixel exceeds, and otherwise the brightest pixel, with the darkest black.
    """
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    low, high = 0.0, 0.0
    for _, values in _strips(image):
        finite = np.isfinite(values)
        low = min(low, float(values.min(where=finite, initial=0)))
        high = max(high, float(values.max(where=finite, initial=0)))
    for white in (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0):
        if low >= 0 and high <= white:
            low, high = 0.0, white
            break
    whole = Image.new("L", image.size)
    for top, values in _strips(image):
        # In double precision: the span of two floats may exceed a float, or be too small to divide by.
        grey = (np.where(np.isfinite(values), values, 0).astype(np.float64) - low) / (high - low)
        whole.paste(Image.fromarray((grey * 255).round().astype(np.uint8)), (0, top))
    return whole


def _strips(image: Image.Image) -> Iterator[tuple[int, NDArray[Any]]]:
    """The image from top to bottom, with the row at which each strip begins: as numbers it would take ten times the
    memory at once.
    """
    height = max(1, 2**20 // image.width)
    for top in range(0, image.height, height):
        yield top, np.asarray(image.crop((0, top, image.width, min(top + height, image.height))))


def _to_srgb(rgb: Image.Image, profile: bytes) -> Image.Image:
    """The same colours in sRGB (phones photograph in Display P3), or `rgb` itself when the profile cannot be used.

    Only plain matrix profiles, which is what cameras, phones and screens have: tables can be made slow on purpose.
    """
    if len(profile) > _LONGEST_PROFILE:
        return rgb
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        facts = source.profile
        if facts.xcolor_space.strip() != "RGB" or not facts.is_matrix_shaper:
            return rgb
        if "sRGB" in (facts.profile_description or ""):  # most photos: nothing to do
            return rgb
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "RGB", "RGB")
        return transform.apply(rgb)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return rgb  # a damaged profile costs a shade of colour; refusing the photo would cost all of it
