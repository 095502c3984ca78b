"""The command `doctor`: what is installed, where the weights are, what computes each model and why, and if it works.

Each look is taken alone, so that whatever is missing or broken becomes a sentence, and the others are still taken.
"""

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import hashstagram
from hashstagram.choice import DEFAULT
from hashstagram.engines import choose, choose_engine, cores
from hashstagram.errors import HashStagramError
from hashstagram.manifest import Manifest
from hashstagram.photos import Limits
from hashstagram.records import Record
from hashstagram.renames import renamed
from hashstagram.weights import load_vocabulary, resolve, stored_bytes

_PACKAGES = {
    "numpy": "",
    "pillow": "photos",
    "pillow-heif": "photos in HEIC",
    "safetensors": "weights",
    "openvino": "answers on a CPU",
    "torch": "answers on a GPU",
    "google-cloud-storage": "weights from gs://",
    "gradio": "the page",
    "prometheus-client": "/metrics",
    "tqdm": "progress bars",
}
_INSTRUCTIONS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "asimddp")
_CPUINFO = Path("/proc/cpuinfo")


@dataclass
class Report:
    """What was found, by subject, in plain values that JSON can hold; `problems` are what would stop HashStagram."""

    found: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def look(self, subject: str, at: Callable[[], Any]) -> None:
        """Note what `at` gives; where it fails, that is a problem."""
        try:
            self.found[subject] = at()
        except HashStagramError as error:
            self.problems.append(str(error))
        except ImportError as error:
            self.problems.append(f"{error.name or error} is not installed. Run make setup.")
        except Exception as error:  # a doctor who falls ill tells nothing
            self.problems.append(f"{subject} cannot be looked at: {type(error).__name__}: {error}")

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {**self.found, "problems": self.problems}


def examine() -> Report:
    """Look at this installation, as the commands and the server would find it."""
    report = Report()
    report.look("version", lambda: hashstagram.__version__)
    report.look("python", platform.python_version)
    report.look("system", platform.platform)
    report.look("packages", _packages)
    report.look("processor", _processor)
    report.look("photos", _photos)
    report.look("settings", _settings)
    report.look("server", _server)
    report.look("cache", _cache)
    report.look("weights", _weights)
    if "weights" in report.found:
        report.look("models", _models)
        report.look("answer", _answer)
    for model in report.found.get("models", []):
        if "problem" in model:
            report.problems.append(f"{model['id']}: {model['problem']}")
    report.problems = list(dict.fromkeys(report.problems))
    return report


def text(report: Report) -> str:
    """The report for people."""
    found = report.found
    lines = [f"HashStagram {found['version']} with Python {found['python']} on {found['system']}", ""]
    if processor := found.get("processor"):
        flags = f" ({' '.join(processor['instructions'])})" if processor["instructions"] else ""
        used = "" if processor["used"] == processor["cores"] else f", of which {processor['used']} are used"
        lines.append(_line("processor", f"{processor['name']}, {processor['cores']} cores{used}{flags}"))
    for name, version in found.get("packages", {}).items():
        uses = f"  ({_PACKAGES[name]})" if _PACKAGES[name] else ""
        lines.append(_line("package", f"{name} {version or 'is not installed'}{uses}"))
    if photos := found.get("photos"):
        megabytes, megapixels = photos["max_bytes"] / 2**20, photos["max_pixels"] / 1e6
        lines.append(
            _line("photos", f"{', '.join(photos['formats'])}; {megabytes:,.4g} MB, {megapixels:,.4g} megapixels")
        )
    if weights := found.get("weights"):
        lines.append(
            _line("weights", f"{weights['folder']} ({weights['from']}): {weights['tags']} tags, all files right")
        )
    for model in found.get("models", []):
        computed = model.get("problem") or (
            f"{model['precision']} by {model['library']} on {model['device']}, because {model['reason']}"
        )
        lines.append(_line("model", f"{model['name']}: {computed}"))
    if answer := found.get("answer"):
        lines.append(
            _line("answer", f"{answer['model']} said #{answer['tag']} of a drawn picture in {answer['ms']:.0f} ms")
        )
    if cache := found.get("cache"):
        lines.append(_line("cache", f"{cache['folder']}, {'there' if cache['exists'] else 'not made yet'}"))
    for name, value in found.get("settings", {}).items():
        lines.append(_line("setting", f"{name}={value}"))
    lines += ["", *(report.problems or ["All is well."])]
    return "\n".join(lines)


def _line(subject: str, what: str) -> str:
    return f"{subject:<10} {what}"


def _packages() -> dict[str, str | None]:
    return {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> dict[str, Any]:
    cores.limit_from_environment()
    lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines() if _CPUINFO.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    flags = {flag for line in lines if line.startswith(("flags", "Features")) for flag in line.split()}
    return {
        "name": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
        "used": cores.count(),
        "instructions": [flag for flag in _INSTRUCTIONS if flag in flags],
        "int8": choose.byte_dot_product(),
    }


def _photos() -> dict[str, Any]:
    from PIL import features

    limits = Limits.from_environment()
    formats = ["JPEG", "PNG", "GIF", "TIFF", "BMP", "HEIC"]
    formats += [name for name in ("WebP", "AVIF") if features.check(name.lower())]
    return {"formats": formats, "max_bytes": limits.max_bytes, "max_pixels": limits.max_pixels}


def _settings() -> dict[str, str]:
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith("HASHSTAGRAM_")}


def _server() -> dict[str, Any] | None:
    """What the page and the routes would be told; None where what they need is not installed."""
    if _version("gradio") is None:
        return None
    from hashstagram.web.environment import Settings

    settings = Settings.from_environment()
    return {"host": settings.host, "port": settings.port}


def _cache() -> dict[str, Any] | None:
    """Where weights from Cloud Storage are kept; None where what fetches them is not installed."""
    if _version("google-cloud-storage") is None:
        return None
    from hashstagram.storage.cache import cache_folder

    folder = cache_folder()
    return {"folder": str(folder), "exists": folder.is_dir()}


def _weights() -> dict[str, Any]:
    folder = resolve()
    manifest = Manifest.load(folder)
    vocabulary = renamed(load_vocabulary(folder, manifest))
    if manifest.companions is not None:
        stored_bytes(folder, manifest.companions)
    set_by = os.environ.get("HASHSTAGRAM_WEIGHTS")
    return {
        "folder": str(folder),
        "from": f"HASHSTAGRAM_WEIGHTS={set_by}" if set_by else "the repository's own",
        "tags": len(vocabulary),
    }


def _models() -> list[dict[str, Any]]:
    folder = resolve()
    manifest = Manifest.load(folder)
    return [_model(folder, manifest, record) for record in manifest.models]


def _model(folder: Path, manifest: Manifest, record: Record) -> dict[str, Any]:
    said: dict[str, Any] = {"name": record.name, "id": record.id}
    try:
        stored_bytes(folder, record)
        if record.int8 is not None:
            for file in (record.int8.graph, record.int8.numbers):
                if file is not None:
                    stored_bytes(folder, file)
        selected = choose_engine(manifest, record, engine=choose.engine_from_environment())
    except HashStagramError as error:
        return {**said, "problem": str(error)}
    return {**said, **vars(selected)}


def _answer() -> dict[str, Any]:
    """Have the default model look at a picture: whatever is wrong with what computes, it shows here."""
    from PIL import Image

    recommender = hashstagram.load_model(engine=choose.engine_from_environment())
    picture = Image.linear_gradient("L").convert("RGB")
    recommender.recommend(picture)
    started = time.perf_counter()
    tag = recommender.recommend(picture, DEFAULT)[0].tag
    return {"model": recommender.name, "tag": tag, "ms": round(1000 * (time.perf_counter() - started), 1)}
