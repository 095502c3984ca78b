"""What becomes of the settings of a machine, and of those that cannot be right."""

from pathlib import Path

import pytest
from proxying import render


def rendered(tmp_path: Path, text: str) -> str:
    settings = tmp_path / "settings.env"
    settings.write_text(text)
    return render.render(render.TEMPLATE.read_text(encoding="utf-8"), render.read_settings(settings))


def test_every_name_in_the_template_is_replaced(tmp_path: Path) -> None:
    assert "@" not in "".join(line for line in rendered(tmp_path, "").splitlines() if " @" not in line)


def test_the_last_file_wins_and_the_rest_stays(tmp_path: Path) -> None:
    first, last = tmp_path / "first.env", tmp_path / "last.env"
    first.write_text("# of this machine\n\nPROCESSES=3\nAPI_BURST=7\n")
    last.write_text("PROCESSES=4\nHASHSTAGRAM_MODELS=alexnet\n")
    settings = render.read_settings(first, last)

    assert render.ports(settings) == [7860, 7861, 7862, 7863]
    assert settings["API_BURST"] == "7"
    assert settings["CALL_BURST"] == render.read_settings()["CALL_BURST"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("PROCESES=2", "sets PROCESES, which is no setting. Did you mean PROCESSES?"),
        ("processes: 2", "Line 1 of .* is 'processes: 2'. Write NAME=value."),
        ("PROCESSES=two", "PROCESSES is 'two'. Give a whole number from 1 to 64."),
        ("PROCESSES=0", "PROCESSES is '0'. Give a whole number from 1 to 64."),
        ("HASHSTAGRAM_MAX_BYTES=10MB", "HASHSTAGRAM_MAX_BYTES is '10MB'. Give a whole number"),
        ("BALANCER_ADDRESSES=10.0.0.0/8 all", "BALANCER_ADDRESSES has 'all'. Give addresses or networks"),
        ("UNLIMITED_ADDRESSES=10.0.0.1/8", "UNLIMITED_ADDRESSES has '10.0.0.1/8'."),
        ("CERTIFICATE=/etc/letsencrypt/live/a", "CERTIFICATE is set and SERVER_NAME is not."),
        ("SERVER_NAME=a; return 200", "SERVER_NAME is 'a; return 200'. Quotes and the characters"),
    ],
)
def test_what_cannot_be_right_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(render.SettingsError, match=sentence):
        rendered(tmp_path, text)


def test_it_says_so_instead_of_printing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "settings.env").write_text("CERTIFICATE=/a")
    with pytest.raises(SystemExit, match="CERTIFICATE is set"):
        render.main([str(tmp_path / "settings.env")])
    assert capsys.readouterr().out == ""

    render.main([str(tmp_path / "missing.env")])
    assert "server 127.0.0.1:7860 max_fails=0;" in capsys.readouterr().out
