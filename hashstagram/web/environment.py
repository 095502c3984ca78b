"""What the environment may say about the server, and what it may not.

Of Gradio's own variables only the server's name, port, root path and upload folder count. Those that would open a hole
are refused, and telemetry is off whatever they say.
"""

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from hashstagram import SettingError
from hashstagram.web.draining import MOST_SECONDS

_REFUSED = {
    "GRADIO_SHARE": "it would open a tunnel through a foreign server",
    "GRADIO_MCP_SERVER": "it would open an unguarded way in. HASHSTAGRAM_MCP=1 opens one for assistants",
    "GRADIO_SSR_MODE": "it would start a second server",
    "GRADIO_DEBUG": "it would keep Gradio's own server in charge",
    "GRADIO_VIBE_MODE": "it lets visitors rewrite the program",
    "GRADIO_HOT_RELOAD": "it runs changed files at once",
    "GRADIO_WATCH_DIRS": "it runs changed files at once",
    "GRADIO_WATCH_DEMO_NAME": "it runs changed files at once",
    "GRADIO_WATCH_DEMO_PATH": "it runs changed files at once",
    "GRADIO_WATCH_MODULE_NAME": "it runs changed files at once",
    "GRADIO_PROFILING": "it publishes what visitors did",
    "GRADIO_LOCAL_DEV_MODE": "it loads the page's scripts from elsewhere",
    "GRADIO_RUN_HISTORY": "it keeps visitors' photos in their browsers",
    "GRADIO_ALLOWED_PATHS": "it publishes files of this machine",
}
_OFF = ("", "0", "false", "no", "none")
_SETTLED = {
    # Gradio takes anything but True for off; the others keep it from summing up past events after each new one,
    # which halves what the queue can do.
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
_LONGEST_STAY = 900
_PORT = 7860


@dataclass(frozen=True)
class Settings:
    """How the server runs. `models` are the names to serve, in the manifest's order when it is empty.

    `engine` computes them; `workers` photos are looked at at once (None: as many as there are cores) and `queue` more
    may wait; uploads are deleted after `upload_seconds`. `metrics` opens /metrics and `access_log` writes a line for
    each request. `mcp` opens the way in for assistants. A server that is told to end stays until nothing has happened
    for `drain_seconds`.
    """

    host: str = "127.0.0.1"
    port: int = _PORT
    root_path: str = ""
    uploads: Path = Path(tempfile.gettempdir()) / f"hashstagram-{_PORT}"
    upload_seconds: int = _LONGEST_STAY
    models: tuple[str, ...] = ()
    engine: str = "auto"
    workers: int | None = None
    queue: int = 16
    metrics: bool = False
    access_log: bool = False
    mcp: bool = False
    drain_seconds: int = 1
    space: bool = False
    space_host: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """The settings that the environment makes. Raises SettingError for a value that cannot be used."""
        space = bool(environment.get("SPACE_ID"))
        for variable, reason in _REFUSED.items():
            # A Space may set this one for every Gradio app; the server's own settings win over it.
            if space and variable == "GRADIO_SSR_MODE":
                continue
            if environment.get(variable, "").strip().lower() not in _OFF:
                raise SettingError(f"{variable} is {environment[variable]!r}, and {reason}. Unset it.")
        root_path = environment.get("GRADIO_ROOT_PATH", "").rstrip("/")
        if root_path and not root_path.startswith(("/", "http://", "https://")):
            raise SettingError(f"GRADIO_ROOT_PATH is {root_path!r}. Give a path such as /tags, or a whole address.")
        return cls(
            host=environment.get("GRADIO_SERVER_NAME") or cls.host,
            port=_port(environment),
            root_path=root_path,
            uploads=_uploads(environment).absolute(),
            upload_seconds=_whole_number(environment, "HASHSTAGRAM_UPLOAD_SECONDS", _LONGEST_STAY, 1, _LONGEST_STAY),
            models=tuple(
                name for part in environment.get("HASHSTAGRAM_MODELS", "").split(",") if (name := part.strip())
            ),
            engine=environment.get("HASHSTAGRAM_ENGINE") or cls.engine,
            workers=_whole_number(environment, "HASHSTAGRAM_WORKERS", 0, 1, 64) or None,
            queue=_whole_number(environment, "HASHSTAGRAM_QUEUE", cls.queue, 0, 1000),
            metrics=_switch(environment, "HASHSTAGRAM_METRICS"),
            access_log=_switch(environment, "HASHSTAGRAM_ACCESS_LOG"),
            mcp=_mcp(environment),
            drain_seconds=_whole_number(environment, "HASHSTAGRAM_DRAIN_SECONDS", cls.drain_seconds, 0, MOST_SECONDS),
            space=space,
            space_host=environment.get("SPACE_HOST", ""),
        )


def settle() -> None:
    """Turn off Gradio's telemetry and name the upload folder. Counts only before Gradio is imported.

    Raises SettingError for a port that cannot be one: Gradio reads it while it is imported, and would fail with a
    traceback.
    """
    _port(os.environ)
    os.environ.update(_SETTLED)
    os.environ["GRADIO_TEMP_DIR"] = str(_uploads(os.environ).absolute())


def _port(environment: Mapping[str, str]) -> int:
    return _whole_number(environment, "GRADIO_SERVER_PORT", _PORT, 1, 65535)


def _uploads(environment: Mapping[str, str]) -> Path:
    # Visitors see this folder's name in the address of their photo: ours says nothing about the machine. Each port has
    # its own, because a server empties its folder when it starts.
    named = environment.get("GRADIO_TEMP_DIR")
    return Path(named or Path(tempfile.gettempdir()) / f"hashstagram-{_port(environment)}")


def _switch(environment: Mapping[str, str], variable: str) -> bool:
    return bool(_whole_number(environment, variable, 0, 0, 1))


def _mcp(environment: Mapping[str, str]) -> bool:
    """Whether assistants may ask. Raises SettingError where what they need is not installed."""
    if not _switch(environment, "HASHSTAGRAM_MCP"):
        return False
    try:
        version = metadata.version("mcp")
    except metadata.PackageNotFoundError:
        version = ""
    # Gradio's part of it is made for the first version.
    if version.startswith("1."):
        return True
    found = f"mcp {version} is installed, and mcp 1 is needed" if version else "the package mcp is not installed"
    install = f"{sys.executable} -m pip install -r requirements-mcp.txt"
    raise SettingError(f"HASHSTAGRAM_MCP is 1, and {found}. Install it: {install}")


def _whole_number(environment: Mapping[str, str], variable: str, default: int, least: int, most: int) -> int:
    text = environment.get(variable, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
        raise SettingError(f"{variable} is {text!r}. Give a whole number from {least} to {most}.")
    return int(text)
