"""Bad inputs: what people and programs send by mistake or on purpose, by each way in, and what may come of it.

`cases()` is the list. `python -m reliability.table` prints what came of each, and tests/reliability asserts it. To add
one, append it to the fitting list below.
"""

import functools
import struct
from collections.abc import Iterable

from reliability.clients import JOIN, ROUTE, UPLOAD
from reliability.ways import (
    ANSWERED,
    API,
    NO_ANSWER,
    PAGE,
    REFUSED,
    Case,
    Way,
    call,
    dropped,
    multipart,
    raw_request,
    sent,
    slowly,
)
from tests.odd_photos import encoded, odd_photos, png, scene

_JSON = "application/json"


@functools.cache
def cases() -> tuple[Case, ...]:
    """All of them."""
    return (*_photos(), *_forms(), *_calls(), *_commands())


def _photos() -> Iterable[Case]:
    """Files, which go all three ways."""
    odd = {each.name: each.data for each in odd_photos()}
    for name in (
        "text.jpg",
        "page.html",
        "drawing.svg",
        "paper.pdf",
        "archive.zip",
        "film.mp4",
        "noise.jpg",
        "film.jp2",
    ):
        yield _photo(f"not a photo: {name}", name, odd[name], "415")
    for name in ("empty.jpg", "signature.jpg", "scan_bomb.jpg", "directory_bomb.tif"):
        yield _photo(f"broken: {name}", name, odd[name], "400")
    whole = encoded(scene(640, 480), "JPEG")
    for tenth in range(1, 10):
        yield _photo(f"JPEG cut off at {10 * tenth} %", f"cut_{tenth}0.jpg", whole[: len(whole) * tenth // 10], "400")
    for name in ("cut.png", "cut.webp", "cut.avif", "cut.heic", "cut.gif", "cut.tif", "cut.bmp"):
        yield _photo(f"cut in half: {name}", name, odd[name], "400")
    for name in ("bomb.png", "bomb.gif", "bomb.tif", "bomb.bmp", "bomb.jpg", "bomb.webp", "warned.png", "heavy.jpg"):
        yield _photo(f"too large: {name}", name, odd[name], "413")
    for kind in ("AVIF", "HEIF"):
        yield _photo(f"too large: {kind} that says 65,500 x 65,500", f"bomb.{kind.lower()}", _sized(kind), "400", "413")
    for name in ("exif_bomb.jpg", "exif_bomb.png", "nonsense_exif.jpg", "orientation_99.jpg", "wrong_ending.gif"):
        yield _photo(f"a photo that lies: {name}", name, odd[name], "200")
    yield _photo("65,500 pixels wide, one bit each", "wide.png", png(65_500, 700, 1, 0, bytes(8189 * 700)), "200")
    yield _photo("65,500 pixels high", "high.jpg", encoded(scene(1, 65_500), "JPEG"), "200")
    yield _photo("polyglot: JPEG and ZIP", "both.jpg", whole + odd["archive.zip"], "200")
    yield _photo("polyglot: GIF and script", "both.gif", b"GIF89a/*\0\0\0\0*/=1;alert(document.domain)//", "400", "413")
    yield _photo(
        "polyglot: JPEG with HTML in its comment", "both.html", encoded(scene(), "JPEG", comment=b"<script>"), "200"
    )


def _sized(kind: str) -> bytes:
    """An AVIF or HEIC whose header says that it has 65,500 x 65,500 pixels."""
    data = bytearray(encoded(scene(), kind))
    place = data.index(b"ispe") + 8
    data[place : place + 8] = struct.pack(">LL", 65_500, 65_500)
    return bytes(data)


def _photo(name: str, file: str, data: bytes, *statuses: str) -> Case:
    good = statuses == ("200",)
    page = {ANSWERED} if good else {REFUSED, "413"} if "413" in statuses else {REFUSED}
    ways = {
        API: Way(sent(multipart(ROUTE, ("photo", file, data))), frozenset({ANSWERED} if good else statuses)),
        PAGE: Way(dropped(file, data), frozenset(page)),
    }
    return Case(name, ways, ("tag", f"@FOLDER@/{file}"), 0 if good else 1, (file, data))


def _forms() -> Iterable[Case]:
    """Requests that hold a good photo or none, and something that is wrong."""
    jpeg = encoded(scene(), "JPEG")
    photo = ("photo", "photo.jpg", jpeg)

    def api(name: str, raw: bytes, *statuses: str, page: bytes | None = None, pages: tuple[str, ...] = ()) -> Case:
        ways = {API: Way(sent(raw), frozenset(statuses))}
        if page is not None:
            ways[PAGE] = Way(sent(page), frozenset(pages))
        return Case(name, ways)

    yield api("a form without a photo", multipart(ROUTE, ("model", None, b"alexnet")), "400")
    yield api("an address instead of a photo", multipart(ROUTE, ("photo", None, b"@ADDRESS@")), "400")
    yield api(
        "a data: URL instead of a photo", multipart(ROUTE, ("photo", None, b"data:image/png;base64,iVBOR=")), "400"
    )
    yield api("a path instead of a photo", multipart(ROUTE, ("photo", None, b"/etc/hostname")), "400")
    yield api("no body", raw_request("POST", ROUTE), "400")
    yield api("JSON instead of a form", raw_request("POST", ROUTE, b'{"photo": "a.jpg"}', Content_Type=_JSON), "400")
    broken = multipart(ROUTE, photo).replace(b"boundary=x", b"boundary=y")
    yield api("a form with the wrong boundary", broken, "400")
    endless = multipart(ROUTE, photo)[:-40].replace(b"Content-Length: ", b"Content-Length: 9")
    yield Case(
        "a body that never ends",
        {way: Way(sent(endless.replace(ROUTE.encode(), path), patience=1.0), frozenset({NO_ANSWER}))
         for way, path in ((API, ROUTE.encode()), (PAGE, UPLOAD.encode()))},
    )  # fmt: skip
    yield Case(
        "a photo that comes slowly",
        {
            API: Way(slowly(multipart(ROUTE, photo)), frozenset({ANSWERED})),
            PAGE: Way(slowly(multipart(UPLOAD, ("files", "photo.jpg", jpeg))), frozenset({"200"})),
        },
    )
    thousand = [("photo", f"{number}.jpg", b"x") for number in range(1000)]
    uploads = [("files", f"{number}.jpg", b"x") for number in range(1001)]
    yield api("1,000 files in a request", multipart(ROUTE, *thousand), "400", "415",
              page=multipart(UPLOAD, *uploads), pages=("400",))  # fmt: skip
    large = bytes(60 * 2**20)
    yield api("a field of 60 MB without a file name", multipart(ROUTE, ("photo", None, large)), "413",
              page=multipart(UPLOAD, ("files", None, large)), pages=("413",))  # fmt: skip
    long = "a" * 5000 + ".jpg"
    for file in ("../../../../tmp/escaped.jpg", "..\\\\escaped.jpg", "a" * 300, long, "\u202egpj.exe", "/etc/passwd"):
        ways = {
            API: Way(sent(multipart(ROUTE, ("photo", file, jpeg))), frozenset({"400" if file == long else ANSWERED})),
            PAGE: Way(dropped(file, jpeg), frozenset({"413" if file == long else ANSWERED})),
        }
        yield Case(f"file name {_short(file)}", ways)
    values = ("-1", "0", "31", "1" + "0" * 30, "nan", "5.5", "five", "", "true", "1e1", "\u0665")
    for value in values:
        status = (ANSWERED, "422") if value in ("", "\u0665", "true") else ("422",)
        yield api(f"top_k is {value!a}", multipart(ROUTE, photo, ("top_k", None, value.encode())), *status)
    yield api("companions is -1", multipart(ROUTE, photo, ("companions", None, b"-1")), "422")
    for model in ("mobilenet", "../../etc/passwd", "x" * 5000, "alexnet\0"):
        yield api(f"model is {_short(model)}", multipart(ROUTE, photo, ("model", None, model.encode())), "422")
    yield api("fields that nobody knows", multipart(ROUTE, photo, ("temperature", None, b"1")), ANSWERED)
    for method in ("GET", "PUT", "DELETE", "PATCH", "TRACE", "BREW"):
        yield api(f"{method} instead of POST", raw_request(method, ROUTE), "404", "405",
                  page=raw_request(method, JOIN), pages=("404", "405"))  # fmt: skip
    forged = dict.fromkeys(
        ("X_Forwarded_For", "X_Forwarded_Host", "X_Forwarded_Proto", "X_Real_IP", "Forwarded", "X_Gradio_Server"),
        "@ADDRESS@",
    )
    yield api("forged forwarding headers", multipart(ROUTE, photo, **forged), ANSWERED,
              page=raw_request("GET", "/config", b"", **forged), pages=("200",))  # fmt: skip
    yield api("an unknown address of the API", raw_request("GET", "/api/v1/../../etc/passwd"), "404",
              page=raw_request("GET", "/gradio_api/file=/etc/passwd"), pages=("404",))  # fmt: skip


def _short(text: str) -> str:
    return f"{text[:3]!a}… of {len(text):,} letters" if len(text) > 50 else ascii(text)


def _calls() -> Iterable[Case]:
    """Calls of the page's API."""

    def page(name: str, data: str, *statuses: str) -> Case:
        return Case(name, {PAGE: Way(call(data), frozenset(statuses))})

    meta = '"meta": {"_type": "gradio.FileData"}'
    yield page("an address as the photo", f'[{{"path": "@ADDRESS@", {meta}}}, null, 5]', "400")
    yield page("an address beside a path", '[{"path": "/a.png", "url": "@ADDRESS@"}, null, 5]', "400")
    yield page("a data: URL as the photo", '[{"path": null, "url": "data:image/png;base64,iVBOR="}, null, 5]', "400")
    yield page("a path of this machine", '[{"path": "@PRIVATE@"}, null, 5]', "404")
    yield page("a path of this machine, with meta", f'[{{"path": "@PRIVATE@", {meta}}}, null, 5]', "404")
    yield page("a path out of the upload folder", f'[{{"path": "@UPLOADS@/../a.png", {meta}}}, null, 5]', "404")
    yield page("a FIFO of this machine", f'[{{"path": "@FOLDER@/fifo.jpg", {meta}}}, null, 5]', "404")
    yield page("the upload folder itself", f'[{{"path": "@UPLOADS@", {meta}}}, null, 5]', "404")
    yield page("a photo that has gone", f'[{{"path": "@UPLOADS@/0123/a.jpg", {meta}}}, null, 5]', "404")
    yield page("a path with a null byte", f'[{{"path": "/a\\u0000.jpg", {meta}}}, null, 5]', "404")
    yield page("no photo", "[null, null, 5]", REFUSED)
    yield page("half a JSON", "[null, ", "400")
    yield page("a list that is too short", "[null]", "400")
    yield page("JSON 60,000 levels deep", "[" * 60_000, "400", "413")
    yield page("100 KB of JSON", f'["{"x" * 100_000}"]', "413")
    uploaded = f'{{"path": "@UPLOADS@/examples/cat.jpg", {meta}}}'
    for value in ("-1", "0", "31", "1e308", "1" + "0" * 30, "NaN", "Infinity", '"five"', "null", "true", "[5]", "{}"):
        yield page(f"top_k is {value} in JSON", f"[{uploaded}, null, {value}]", REFUSED)
    for value in ('"mobilenet"', "7", "[]", '["alexnet"]', "{}", f'"{"x" * 5000}"'):
        shown = value if len(value) < 50 else _short(value[1:-1])
        answered = value in ("[]", "{}")
        yield page(f"model is {shown} in JSON", f"[{uploaded}, {value}, 5]", ANSWERED if answered else REFUSED)


def _commands() -> Iterable[Case]:
    """What only the command line can be told."""
    yield Case("command line: an address", arguments=("tag", "@ADDRESS@"))
    yield Case("command line: a data: URL", arguments=("tag", "data:image/png;base64,iVBOR="))
    yield Case("command line: no such file", arguments=("tag", "@FOLDER@/missing.jpg"))
    yield Case("command line: a folder without photos", arguments=("tag", "@FOLDER@/empty"))
    yield Case("command line: a FIFO", arguments=("tag", "@FOLDER@/fifo.jpg"))
    yield Case("command line: /dev/zero", arguments=("tag", "/dev/zero"))
    yield Case("command line: a name of 5,000 letters", arguments=("tag", "a" * 5000))
    photo = "@FOLDER@/wrong_ending.gif"
    for option, value in (
        ("--top-k", "-1"),
        ("--top-k", "1" + "0" * 30),
        ("--companions", "31"),
        ("--min-confidence", "nan"),
        ("--min-confidence", "-1"),
        ("--model", "mobilenet"),
        ("--exclude", "nosuchtag"),
    ):
        yield Case(f"command line: {option} {value}", arguments=("tag", f"{option}={value}", photo), exit_code=2)
