"""Every bad input, by every way in, ends in the status that fits and one sentence, and reaches nothing."""

from collections.abc import Iterator

import pytest
from _pytest.mark import ParameterSet
from serving import Server

from hashstagram.tagging import command_line
from reliability.bad_inputs import cases
from reliability.ways import Case, Outcome, Ran, Site, Way, command_outcome, faults, run_command


def ways() -> Iterator[ParameterSet]:
    for case in cases():
        for way, ask in case.ways.items():
            yield pytest.param(ask, id=f"{case.name}, {way}")


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
