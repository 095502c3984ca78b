"""Every bad input, by every way in, ends in the status that fits and one sentence, and reaches nothing."""

from collections.abc import Iterator

import pytest
from _pytest.mark import ParameterSet
from serving import Server

from hashstagram.tagging import command_line
from reliability.bad_inputs import cases
from reliability.ways import Case, Outcome, Ran, Site, Way, command_outcome, faults, run_command

# What does not hold yet. A line goes when its fault has gone, and the test says so.
_LOGS = "a stranger makes Gradio write a traceback with paths into the log, and gets no sentence"
_LONG = "the sentence repeats all that was sent"
_FRAMEWORK = "the framework's own words are no sentence"
KNOWN = {
    "a path of this machine, with meta, page API": _LOGS,
    "a path out of the upload folder, page API": _LOGS,
    "a FIFO of this machine, page API": _LOGS,
    "a path with a null byte, page API": _LOGS,
    "a form with the wrong boundary, stateless route": "a stranger makes python-multipart write into the log",
    "model is 'xxx'… of 5,000 letters, stateless route": _LONG,
    "model is 'xxx'… of 5,000 letters in JSON, page API": _LONG,
    "top_k is 1e308 in JSON, page API": _LONG,
    "GET instead of POST, page API": _FRAMEWORK,
    "TRACE instead of POST, stateless route": _FRAMEWORK,
    "BREW instead of POST, stateless route": _FRAMEWORK,
}


def ways() -> Iterator[ParameterSet]:
    for case in cases():
        for way, ask in case.ways.items():
            name = f"{case.name}, {way}"
            marks = [pytest.mark.xfail(strict=True, reason=KNOWN[name])] if name in KNOWN else []
            yield pytest.param(ask, id=name, marks=marks)


@pytest.mark.parametrize("way", list(ways()))
def test_ends_in_a_sentence_and_reaches_nothing(way: Way, site: Site, server: Server) -> None:
    before = len(server.said())
    outcome = way.run(site)

    assert faults(outcome, way.expected, site) == []
    assert server.said()[before:] == ""


def test_the_server_is_well_afterwards(server: Server) -> None:
    assert server.get("/readyz").status_code == 200


def test_the_command_line_says_the_same_of_each_photo(site: Site, small_weights: object) -> None:
    photos = [case for case in cases() if case.file is not None]
    ran = run_command(
        ["tag", *(site.filled(case.arguments[-1]) for case in photos)], HASHSTAGRAM_WEIGHTS=str(small_weights)
    )

    assert ran.code == 1
    lines = {}
    for line in ran.said.splitlines():
        path, _, sentence = line.removeprefix("hashstagram: ").partition(": ")
        lines[path] = sentence
    for case in photos:
        sentence = lines.pop(site.filled(case.arguments[-1]), "")
        assert bool(sentence) == bool(case.exit_code), case.name
        assert faults(Outcome(f"exit {case.exit_code}", sentence), frozenset({f"exit {case.exit_code}"}), site) == []
    assert lines == {}


@pytest.mark.parametrize("case", [case for case in cases() if not case.ways], ids=lambda case: case.name)
def test_the_command_line_names_what_cannot_be(
    case: Case, site: Site, small_weights: object, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(small_weights))
    try:
        code = command_line.main([site.filled(argument) for argument in case.arguments])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    outcome = command_outcome(Ran(code, capfd.readouterr().err.strip(), 0, 0), site, case.arguments)

    assert faults(outcome, frozenset({f"exit {case.exit_code}"}), site) == []


def test_there_are_many() -> None:
    assert len(cases()) >= 50
    names = [case.name for case in cases()]
    assert len(set(names)) == len(names)


def test_what_is_known_is_tried() -> None:
    assert KNOWN.keys() <= {f"{case.name}, {way}" for case in cases() for way in case.ways}
