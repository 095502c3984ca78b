"""The three ways in, as whoever sends something bad goes them: what comes back, and what must not be in it."""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.driving import ROOT, environment
from benchmarks.wire import get, post_form, post_json
from reliability.clients import UPLOAD
from reliability.wire import Answer, NoAnswer, answer, ask, closing, connected

CALL = "/gradio_api/call/recommend"
API, PAGE, COMMAND = "stateless route", "page API", "command line"
ANSWERED, REFUSED, NO_ANSWER = "200, hashtags", "200, error", "no answer"
# Longer sentences are not read.
_LONGEST = 300
_INSIDE = re.compile(r"Traceback|File \"|[A-Z]\w*(Error|Exception)\b|\b0x[0-9a-f]{4}|site-packages|<_io|object at ")


@dataclass(frozen=True)
class Outcome:
    """What came back: a status as the table shows it, and what was said."""

    status: str
    sentence: str


@dataclass(frozen=True)
class Site:
    """Where bad inputs go: a server on `port` with its folder of `uploads`; files lie in `folder`.

    `address` leads to something that listens and must never be asked, and `private` is a photo that nobody uploaded.
    """

    port: int
    uploads: Path
    folder: Path
    address: str
    private: Path

    def filled(self, text: str) -> str:
        """A text with the names between @ signs replaced by what they stand for here."""
        values = {"@FOLDER@": str(self.folder), "@UPLOADS@": str(self.uploads), "@PRIVATE@": str(self.private)}
        for name, value in {**values, "@ADDRESS@": self.address}.items():
            text = text.replace(name, value)
        return text


@dataclass(frozen=True)
class Way:
    """One way in for a bad input: what to do, and which statuses may come of it."""

    run: Callable[[Site], Outcome]
    expected: frozenset[str]


@dataclass(frozen=True)
class Case:
    """A bad input: what it is, the ways that it can go, and the arguments of the command line with its exit code."""

    name: str
    ways: dict[str, Way] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    exit_code: int = 1
    file: tuple[str, bytes] | None = None


def faults(outcome: Outcome, expected: frozenset[str], site: Site) -> list[str]:
    """What is wrong with an outcome: another status, no sentence for people, or something of the inside in it."""
    found = [] if outcome.status in expected else [f"status {outcome.status}, not {' or '.join(sorted(expected))}"]
    said = outcome.sentence
    if _INSIDE.search(said) or any(str(path) in said for path in (ROOT, site.uploads, site.folder, site.private)):
        found.append(f"something of the inside in {said!r}")
    if site.address in said:
        found.append(f"the address is believed in {said!r}")
    if outcome.status in ("200", ANSWERED, NO_ANSWER, "exit 0"):
        return found
    if not re.match(r"[A-Z0-9'\"\[{-]|top_k|companions|min_confidence", said) or not said.endswith("."):
        found.append(f"no sentence: {said!r}")
    if len(said) > _LONGEST or "\n" in said:
        found.append(f"a sentence of {len(said)} letters")
    return found


def sent(raw: bytes, *, patience: float = 60.0) -> Callable[[Site], Outcome]:
    """Send a request as it is, and wait so many seconds for its answer."""

    def run(site: Site) -> Outcome:
        return _told(_asked(site, raw.replace(b"@ADDRESS@", site.address.encode()), patience))

    return run


def slowly(raw: bytes) -> Callable[[Site], Outcome]:
    """Send a request in twenty parts within a second."""

    async def ask_slowly(port: int) -> Answer:
        reader, writer = await connected(port)
        whole = closing(raw)
        size = len(whole) // 20 + 1
        for start in range(0, len(whole), size):
            writer.write(whole[start : start + size])
            await asyncio.sleep(0.05)
        try:
            return await answer(reader)
        finally:
            writer.close()

    return lambda site: _told(asyncio.run(ask_slowly(site.port)))


def multipart(path: str, *parts: tuple[str, str | None, bytes], **headers: str) -> bytes:
    """A POST request with a form of (field, file name or None, content)."""
    body = b""
    for name, file, content in parts:
        filename = "" if file is None else f'; filename="{file}"'
        body += f'--x\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'.encode() + content + b"\r\n"
    kind = "multipart/form-data; boundary=x"
    return raw_request("POST", path, body + b"--x--\r\n", **{"Content-Type": kind, **headers})


def raw_request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """A request with this body and these headers, `_` in their names for `-`."""
    named = {"Host": "localhost", "Content-Length": str(len(body))}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def call(data: str) -> Callable[[Site], Outcome]:
    """Call the public event with these arguments, JSON in which names stand between @ signs, and hear what it says."""

    def run(site: Site) -> Outcome:
        content = site.filled(f'{{"data": {data}}}').encode()
        return _called(site, raw_request("POST", CALL, content, Content_Type="application/json"))

    return run


def dropped(name: str, content: bytes) -> Callable[[Site], Outcome]:
    """Upload a photo as the page does, and ask for its hashtags."""

    def run(site: Site) -> Outcome:
        told = _asked(site, post_form(UPLOAD, ("files", name, content)))
        if told is None or told.status != 200:
            return _told(told)
        file = {"path": told.json()[0], "meta": {"_type": "gradio.FileData"}}
        return _called(site, post_json(CALL, {"data": [file, None, 5]}))

    return run


def _called(site: Site, raw: bytes) -> Outcome:
    told = _asked(site, raw)
    if told is None or told.status != 200:
        return _told(told)
    events = _asked(site, get(f"{CALL}/{told.json()['event_id']}"))
    if events is None or events.status != 200:
        return _told(events)
    event, data = events.body.decode().strip().splitlines()[-2:]
    content = json.loads(data.removeprefix("data: "))
    if event == "event: complete":
        return Outcome(ANSWERED, f"{len(content[0]['confidences'])} hashtags")
    return Outcome(REFUSED, str(content["error"]))


def _asked(site: Site, raw: bytes, patience: float = 60.0) -> Answer | None:
    try:
        return asyncio.run(ask(site.port, raw, patience=patience))
    except NoAnswer:
        return None


def _told(told: Answer | None) -> Outcome:
    if told is None:
        return Outcome(NO_ANSWER, "")
    if told.headers.get("content-type", "").startswith("application/json"):
        content = told.json()
        if isinstance(content, dict) and "hashtags" in content:
            return Outcome(ANSWERED, f"{len(content['hashtags'])} hashtags")
        if isinstance(content, dict) and (said := content.get("message", content.get("detail"))) is not None:
            return Outcome(str(told.status), str(said))
        if isinstance(content, list):
            return Outcome(str(told.status), f"{len(content)} uploaded")
        if isinstance(content, dict) and "root" in content:
            return Outcome(str(told.status), f"the page is at {content['root']}")
    return Outcome(str(told.status), told.body.decode(errors="replace").strip())


@dataclass(frozen=True)
class Ran:
    """A command that ran: its exit code, what it said on standard error, its seconds and most memory in MB."""

    code: int
    said: str
    seconds: float
    peak_mb: float


def run_command(arguments: Sequence[str], **variables: str) -> Ran:
    """`python -m hashstagram` with these arguments, in a process of its own."""
    with tempfile.TemporaryFile() as errors:
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "hashstagram", *arguments],
            cwd=ROOT,
            env=environment() | {"NO_COLOR": "1"} | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip()
    return Ran(process.returncode, said, time.monotonic() - began, usage.ru_maxrss / 1024)


def command_outcome(ran: Ran, site: Site, arguments: Sequence[str]) -> Outcome:
    """What a command said, without its own name and that of the photo, which whoever asked wrote himself."""
    lines = [line for line in ran.said.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    for prefix in ("hashstagram: ", f"{site.filled(arguments[-1])}: " if arguments else ""):
        last = last.removeprefix(prefix)
    return Outcome(f"exit {ran.code}", last)
