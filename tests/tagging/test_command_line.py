"""`python -m hashstagram`: what people and programs read from it, and how it fails."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from hashstagram import Choice, Hashtag, load_model
from hashstagram.engines import cores
from hashstagram.tagging.command_line import main
from hashstagram.tagging.output import Text, harmless

ROOT = Path(__file__).resolve().parents[2]

ALWAYS_FIVE = re.compile(r"  #\w+ #\w+ #\w+ #\w+ #\w+")


class _Terminal:
    """A stream that says it is a terminal, in an encoding of choice."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.encoding = encoding
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text.encode(self.encoding).decode(self.encoding)
        return len(text)

    def flush(self) -> None:
        pass


@pytest.fixture
def photos(tmp_path: Path, drawn_photos: list[Image.Image]) -> list[str]:
    """Three photo files."""
    paths = [tmp_path / name for name in ("one.png", "zwölf.jpg", "three.webp")]
    for path, image in zip(paths, drawn_photos, strict=False):
        image.save(path)
    return [str(path) for path in paths]


@pytest.fixture(autouse=True)
def _weights(small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(small_weights))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "hashstagram", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONUTF8": "1", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def _lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_text_shows_tags_confidences_and_the_line_to_copy(
    photos: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tag", photos[0], photos[1]]) == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    first, second = output.split("\n\n" + photos[1])
    lines = first.splitlines()
    answer = load_model(device="cpu").recommend(photos[0])
    assert lines[0] == f"{photos[0]}  hashnet in fp32 by openvino on cpu"
    for line, hashtag in zip(lines[1:6], answer, strict=True):
        assert line.split()[:3] == [f"#{hashtag.tag}", f"{100 * hashtag.confidence:.0f}", "%"]
        assert ("written with these" in line) == (hashtag.kind == "companion")
    assert lines[6:] == ["", "  " + " ".join(f"#{hashtag.tag}" for hashtag in answer)]
    assert ALWAYS_FIVE.search(second)
    assert "\033" not in output


def test_bars_are_as_long_as_the_confidence(capsys: pytest.CaptureFixture[str]) -> None:
    answer = [Hashtag("sea", 1.0, "visible"), Hashtag("sunset", 0.5, "visible"), Hashtag("sun", 0.0, "visible")]
    answer.append(Hashtag("summer", 0.26, "companion"))
    Text(sys.stdout).photo("a.jpg", "vgg16", "int8 by openvino on cpu", answer)
    assert capsys.readouterr().out.splitlines() == [
        "a.jpg  vgg16 in int8 by openvino on cpu",
        "  #sea     100 %  ████████████████████████",
        "  #sunset   50 %  ████████████",
        "  #sun       0 %",
        "  #summer   26 %  ██████▎                   written with these",
        "",
        "  #sea #sunset #sun #summer",
    ]


def test_colours_come_in_a_terminal_unless_they_are_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    def written() -> str:
        terminal = _Terminal()
        Text(terminal).photo("a.jpg", "vgg16", "int8", [Hashtag("sea", 0.9, "visible")])  # type: ignore[arg-type]
        return terminal.text

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\033[36m#sea\033[0m" in written()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033" not in written()
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert "\033" not in written()


def test_names_with_control_characters_do_not_steer_the_terminal(
    tmp_path: Path, photos: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    evil = tmp_path / "a\033[2Jb\n.png"
    evil.write_bytes(Path(photos[0]).read_bytes())
    assert main(["tag", str(evil), str(evil) + "\r"]) == 1
    output, errors = capsys.readouterr()
    assert r"a\x1b[2Jb\n.png" in output
    assert r"a\x1b[2Jb\n.png\r" in errors
    assert "\033" not in output + errors
    assert harmless("zwölf.jpg") == "zwölf.jpg"


def test_a_terminal_that_is_not_utf8_gets_escapes() -> None:
    terminal = _Terminal("ascii")
    Text(terminal).photo("zwölf.jpg", "vgg16", "cpu", [Hashtag("sea", 0.9, "visible")])  # type: ignore[arg-type]
    assert r"zw\xf6lf.jpg" in terminal.text


def test_jsonl_is_exactly_what_is_documented(photos: list[str]) -> None:
    run = _run("tag", "--format", "jsonl", *photos)
    assert (run.returncode, run.stderr) == (0, "")
    rows = _lines(run.stdout)
    assert [row["photo"] for row in rows] == photos
    recommender = load_model(device="cpu")
    for row, photo in zip(rows, photos, strict=True):
        assert list(row) == ["photo", "model", "hashtags"]
        assert row["model"] == "hashnet"
        assert row["hashtags"] == [
            {"tag": hashtag.tag, "confidence": pytest.approx(hashtag.confidence, abs=2e-6), "kind": hashtag.kind}
            for hashtag in recommender.recommend(photo)
        ]


def test_settings_reach_the_recommender(photos: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--model", "alexnet", "--top-k", "9", "--companions", "3", "--min-confidence", "0.2"]
    arguments += [
        "--exclude",
        "love,#Beach",
        "--exclude",
        "sea",
        "--always",
        "daytime guitar",
        "--platform-tags",
        "--no-variety",
    ]
    assert main(["tag", "--format", "jsonl", *arguments, photos[0]]) == 0
    (row,) = _lines(capsys.readouterr().out)
    choice = Choice(
        top_k=9,
        companions=3,
        min_confidence=0.2,
        exclude=["love", "beach", "sea"],
        always=["daytime", "guitar"],
        platform_tags=True,
        variety=False,
    )
    expected = load_model("alexnet", device="cpu").recommend(photos[0], choice)
    assert row["model"] == "alexnet"
    assert row["hashtags"] == [
        {"tag": hashtag.tag, "confidence": pytest.approx(hashtag.confidence, abs=2e-6), "kind": hashtag.kind}
        for hashtag in expected
    ]


def test_no_tag_that_is_sure_enough_is_said(photos: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tag", "--min-confidence", "1", photos[0]]) == 0
    assert "No tag is that sure. Lower --min-confidence" in capsys.readouterr().out


def test_a_bad_photo_is_named_and_the_others_go_on(tmp_path: Path, photos: list[str]) -> None:
    text, empty = tmp_path / "text.jpg", tmp_path / "empty.jpg"
    text.write_text("no photo at all")
    empty.write_bytes(b"")
    missing = str(tmp_path / "missing.jpg")
    bad = [str(text), str(empty), missing, str(text / "x.jpg")]
    run = _run("tag", "--format", "jsonl", bad[0], photos[0], *bad[1:], photos[1])
    assert run.returncode == 1
    assert [row["photo"] for row in _lines(run.stdout)] == photos[:2]
    complaints = run.stderr.splitlines()
    assert len(complaints) == 4
    for complaint, path in zip(complaints, bad, strict=True):
        assert complaint.startswith(f"hashstagram: {path}: ")
        assert complaint.endswith(".")
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--model", "vgg61"], {}, "hashstagram: 'vgg61' is not a model. Did you mean vgg16"),
        (["--top-k", "0"], {}, "hashstagram: top_k is 0. Give a whole number from 1 to 30.\n"),
        (["--top-k", "31"], {}, "hashstagram: top_k is 31."),
        (["--companions", "-1"], {}, "hashstagram: companions is -1."),
        (["--min-confidence", "1.1"], {}, "hashstagram: min_confidence is 1.1. Give a number from 0 to 1.\n"),
        (["--min-confidence", "nan"], {}, "hashstagram: min_confidence is nan."),
        (["--exclude", "sunste"], {}, "hashstagram: 'sunste' is not one of the 997 tags. Did you mean sunset"),
        (["--always", "sea", "--exclude", "#sea"], {}, "hashstagram: sea is in always and in exclude."),
        ([], {"HASHSTAGRAM_WEIGHTS": "/nowhere"}, "hashstagram: The weight folder /nowhere does not exist."),
        ([], {"HASHSTAGRAM_WEIGHTS": "gs://"}, "hashstagram: 'gs://' is not an address in Cloud Storage."),
        ([], {"HASHSTAGRAM_THREADS": "many"}, "hashstagram: HASHSTAGRAM_THREADS is 'many'."),
        ([], {"HASHSTAGRAM_MAX_BYTES": "many"}, "hashstagram: HASHSTAGRAM_MAX_BYTES"),
    ],
)
def test_settings_that_cannot_be_used_are_a_sentence_and_code_2(
    photos: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environment: dict[str, str],
    message: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["tag", *arguments, photos[0]]) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith(message)
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "COMMAND"),
        (["tag"], "PHOTO_OR_FOLDER"),
        (["tag", "--top-k", "many", "a.jpg"], "--top-k: invalid int value: 'many'"),
        (["tag", "--format", "xml", "a.jpg"], "choose from"),
        (["colour"], "colour"),
    ],
)
def test_arguments_that_cannot_be_understood_are_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_damaged_weight_is_a_sentence_and_code_2(
    weights_copy: Path, rewrite: Callable[[Path, bytes], None], photos: list[str]
) -> None:
    path = weights_copy / "vgg16.small_v1.safetensors"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    rewrite(path, bytes(content))
    run = _run("tag", photos[0], HASHSTAGRAM_WEIGHTS=str(weights_copy))
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("hashstagram: vgg16.small_v1.safetensors is damaged or changed")
    assert run.stderr.count("\n") == 1


def test_models_are_listed_without_torch(small_weights: Path) -> None:
    code = (
        "import sys; from hashstagram.tagging.command_line import main; code = main(['models']); "
        "sys.exit(99 if 'torch' in sys.modules else code)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert lines[0].split() == ["hashnet", "untrained", "hashnet,", "for", "tests", "(default)"]
    size = (small_weights / "hashnet.small_v1.safetensors").stat().st_size / 1e6
    shared = "and what it shares with vgg16.small_v1 and alexnet.small_v1"
    assert lines[1].strip() == f"hashnet.small_v1: 34 tags, {size:.1f} MB {shared}"
    assert [line.split()[0] for line in lines[2::2]] == ["vgg16", "alexnet"]
    assert "(default)" not in "".join(lines[2:])


def test_models_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    models = json.loads(capsys.readouterr().out)
    assert [(model["name"], model["default"]) for model in models] == [
        ("hashnet", True),
        ("vgg16", False),
        ("alexnet", False),
    ]
    assert models[0]["id"] == "hashnet.small_v1"
    assert models[0]["tags"] == 34
    assert models[0]["parts"] == ["vgg16.small_v1", "alexnet.small_v1"]
    assert models[0]["metrics"] == {"precision_at_1": {"value": 0.5, "n": 2}}


def test_models_without_weights_is_a_sentence_and_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(tmp_path))
    assert main(["models"]) == 2
    assert capsys.readouterr().err.startswith(f"hashstagram: There are no weights in {tmp_path}: manifest.json")


def test_a_reader_that_has_enough_is_no_error(photos: list[str]) -> None:
    command = [sys.executable, "-m", "hashstagram", "tag", "--format", "jsonl", *photos * 5]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(process.stdout.readline())["photo"] == photos[0]
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 141


def test_each_answer_is_written_at_once(photos: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream, os.fdopen(read) as reader:
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(["tag", "--format", "jsonl", "--model", "alexnet", photos[0]]) == 0
        assert json.loads(reader.readline())["photo"] == photos[0]


def test_ctrl_c_ends_quietly(
    photos: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(name: str | None, engine: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hashstagram.tagging.tag.load_model", interrupt)
    assert main(["tag", photos[0]]) == 130
    assert capsys.readouterr() == ("", "")


def test_engine_and_threads_come_from_the_environment(
    photos: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cores, "_limit", None)
    before = torch.get_num_threads()
    try:
        monkeypatch.setenv("HASHSTAGRAM_ENGINE", "torch")
        monkeypatch.setenv("HASHSTAGRAM_THREADS", "1")
        assert main(["tag", "--model", "alexnet", photos[0]]) == 0
        assert torch.get_num_threads() == 1
        assert main(["tag", "--model", "alexnet", "--engine", "exact", photos[0]]) == 0
    finally:
        torch.set_num_threads(before)
    lines = capsys.readouterr().out.splitlines()
    said = [line.partition("alexnet in ")[2] for line in lines if "alexnet in" in line]
    assert said == ["fp32 by torch on cpu", "fp32 by openvino on cpu"]


@pytest.mark.parametrize("engine", ["fast", "int8"])
def test_an_engine_that_cannot_be_had_is_named(
    photos: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], engine: str
) -> None:
    monkeypatch.setenv("HASHSTAGRAM_ENGINE", engine)
    assert main(["tag", photos[0]]) == 2
    said = {"fast": "'fast' is not an engine", "int8": "This model has no int8 form"}
    assert said[engine] in capsys.readouterr().err


def test_help_tells_how(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["tag", "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    options = ["--model", "--format", "--top-k", "--companions", "--min-confidence", "--exclude", "--always"]
    options += ["--platform-tags", "--no-variety", "--recursive", "--out", "--again"]
    for word in [*options, "--engine", "examples:", "exit codes:", "HASHSTAGRAM_WEIGHTS"]:
        assert word in text
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == "HashStagram 0.1.0\n"


def test_bundled_weights_tag_a_photo(photos: list[str], bundled_weights: Path) -> None:
    run = _run("tag", photos[0], HASHSTAGRAM_WEIGHTS="")
    assert (run.returncode, run.stderr) == (0, "")
    assert ALWAYS_FIVE.search(run.stdout)
