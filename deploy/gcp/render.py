"""Make nginx's configuration from its template and the settings: `python3 render.py SETTINGS… > nginx.conf`.

The file `settings.env` beside this one holds every setting with its default; the files that are named come on top, the
last one wins. Nothing but Python itself is needed. Anything that cannot be right is named, and nothing is printed.
"""

import difflib
import ipaddress
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE / "nginx" / "nginx.conf.in"
DEFAULTS = HERE / "settings.env"
# What nginx says itself, in the languages of the page; English first.
SENTENCES = HERE / "nginx" / "sentences.json"

# Settings of the app itself, which the processes check when they start.
_OF_THE_APP = re.compile(r"(HASHSTAGRAM|GRADIO)_[A-Z_]+")
# What could end a directive of nginx, or a string in it.
_NOT_IN_A_VALUE = re.compile(r"[;{}'\"$\\#]")
# What a form, or what an assistant sends, may hold beside the photo.
_FORM_BYTES = 64 * 1024
# Google's balancer keeps connections for 600 seconds, and fails where the other side closes one first.
_KEEPALIVE, _KEEPALIVE_OF_A_BALANCER = "30s", "620s"


class SettingsError(Exception):
    """The settings cannot be used; says which one, and what to do."""


def read_settings(*paths: Path) -> dict[str, str]:
    """The defaults with what the files say on top. Raises SettingsError for a line or a name that is none."""
    settings: dict[str, str] = {}
    for path in (DEFAULTS, *paths):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not (content := line.strip()) or content.startswith("#"):
                continue
            name, equals, value = content.partition("=")
            if not equals:
                raise SettingsError(f"Line {number} of {path} is {content!r}. Write NAME=value.")
            if path != DEFAULTS and name not in settings and not _OF_THE_APP.fullmatch(name):
                close = difflib.get_close_matches(name, settings, n=1)
                hint = f"Did you mean {close[0]}?" if close else f"{DEFAULTS} lists those that there are."
                raise SettingsError(f"Line {number} of {path} sets {name}, which is no setting. {hint}")
            settings[name] = value
    return settings


def ports(settings: dict[str, str]) -> list[int]:
    """The port of each process. Raises SettingsError for numbers that are none."""
    first = _whole_number(settings, "FIRST_PORT", 1, 65000)
    return list(range(first, first + _whole_number(settings, "PROCESSES", 1, 64)))


def render(template: str, settings: dict[str, str]) -> str:
    """nginx's configuration. Raises SettingsError for values that cannot be right."""
    for name, value in settings.items():
        if _NOT_IN_A_VALUE.search(value) and not _OF_THE_APP.fullmatch(name):
            raise SettingsError(f"{name} is {value!r}. Quotes and the characters ; {{ }} $ \\ # cannot stand in it.")
    photo_bytes = _whole_number(settings, "HASHSTAGRAM_MAX_BYTES", 1, 10**9)
    balancer = _networks(settings, "BALANCER_ADDRESSES")
    real_addresses = [f"  set_real_ip_from {network};" for network in balancer]
    if balancer:
        real_addresses += ["  real_ip_header X-Forwarded-For;", "  real_ip_recursive on;"]
    values = settings | {
        "PROCESSES": "\n".join(f"    server 127.0.0.1:{port} max_fails=0;" for port in ports(settings)),
        "BALANCER": "\n".join(real_addresses),
        "BALANCER_NETWORKS": "\n".join(f"    {network} 1;" for network in balancer),
        "UNLIMITED": "\n".join(f"    {network} 0;" for network in _networks(settings, "UNLIMITED_ADDRESSES")),
        "KEEPALIVE": _KEEPALIVE_OF_A_BALANCER if balancer else _KEEPALIVE,
        "LISTEN": "\n".join(f"    {line}" for line in _listen(settings)),
        "HOST": settings["SERVER_NAME"] or "$http_host",
        "BODY_BYTES": str(photo_bytes + _FORM_BYTES),
        "WRITTEN_BYTES": str(-(-photo_bytes // 3) * 4 + _FORM_BYTES),
        "MCP_CLOSED": "" if _whole_number(settings, "HASHSTAGRAM_MCP", 0, 1) else "return 404;",
        "SENTENCES": "\n".join(f"  {line}" for line in _sentences(f"{photo_bytes / 2**20:.3g}")),
    }
    configuration = re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], template)
    return re.sub(r"\n(?:[ ]*\n)+", "\n\n", configuration)


def _sentences(megabytes: str) -> list[str]:
    """nginx's variables `$language`, and for each sentence one that holds it in this language."""
    sentences: dict[str, dict[str, str]] = json.loads(SENTENCES.read_text(encoding="utf-8"))
    ours = "|".join(sentences)
    lines = ["map $http_accept_language $language {", "  default en;"]
    lines += [rf'  "~*^(?:(?!\s*(?:{ours})\b)[^,]*,)*\s*{language}\b" {language};' for language in sentences]
    lines.append("}")
    for name, english in sentences["en"].items():
        lines += [f"map $language ${name} {{", f"  default '{english.format(megabytes=megabytes)}';"]
        lines += [
            f"  {language} '{said[name].format(megabytes=megabytes)}';"
            for language, said in sentences.items()
            if language != "en"
        ]
        lines.append("}")
    return lines


def _listen(settings: dict[str, str]) -> list[str]:
    """Where nginx listens: without encryption, or with it, and then whoever comes without is sent there."""
    certificate, name = settings["CERTIFICATE"], settings["SERVER_NAME"]
    lines = [f"listen {settings['HTTP_LISTEN']} default_server;"]
    if not certificate:
        return lines
    if not name:
        raise SettingsError("CERTIFICATE is set and SERVER_NAME is not. Set it to the name in the certificate.")
    return [
        *lines,
        f"listen {settings['HTTPS_LISTEN']} ssl default_server;",
        f"ssl_certificate {certificate}/fullchain.pem;",
        f"ssl_certificate_key {certificate}/privkey.pem;",
        "ssl_protocols TLSv1.2 TLSv1.3;",
        "ssl_session_cache shared:tls:5m;",
        "ssl_session_tickets off;",
        f"if ($visitor_scheme = http) {{ return 301 https://{name}$request_uri; }}",
    ]


def _networks(settings: dict[str, str], name: str) -> list[str]:
    for word in settings[name].split():
        try:
            ipaddress.ip_network(word)
        except ValueError as error:
            raise SettingsError(f"{name} has {word!r}. Give addresses or networks such as 10.0.0.0/8.") from error
    return settings[name].split()


def _whole_number(settings: dict[str, str], name: str, least: int, most: int) -> int:
    text = settings[name]
    if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
        raise SettingsError(f"{name} is {text!r}. Give a whole number from {least} to {most}.")
    return int(text)


def main(arguments: list[str]) -> None:
    """Print the configuration for the settings in these files; of those, the ones that exist."""
    try:
        settings = read_settings(*(path for path in map(Path, arguments) if path.exists()))
        print(render(TEMPLATE.read_text(encoding="utf-8"), settings), end="")
    except SettingsError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
