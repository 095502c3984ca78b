"""Which engine runs, and the reason that is given for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from hashstagram import SettingError
from hashstagram.engines import choose, torch_engine
from hashstagram.engines.choose import Selected, select

VNNI = "flags\t\t: fpu sse avx2 avx512f avx512_vnni\n"
NO_VNNI = "flags\t\t: fpu sse avx2 avx512f\n"


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What the system says of the CPU, in a file to be rewritten. There is no GPU."""
    path = tmp_path / "cpuinfo"
    path.write_text(VNNI, encoding="utf-8")
    monkeypatch.setattr(choose, "_CPUINFO", path)
    monkeypatch.setattr(choose, "_has_nvidia_driver", lambda: False)
    return path


@pytest.fixture
def gpu(cpu: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "_has_nvidia_driver", lambda: True)
    monkeypatch.setattr(torch_engine, "choose_device", lambda device: "cpu" if device == "cpu" else "cuda:0")


def _auto(*, has_int8: bool = True, int8_is_default: bool = True, device: str = "auto") -> Selected:
    return select("auto", device, has_int8=has_int8, int8_is_default=int8_is_default)


@pytest.mark.usefixtures("cpu")
def test_auto_takes_int8_on_a_cpu_that_is_made_for_it_and_says_so() -> None:
    assert _auto() == Selected("openvino", "int8", "cpu", "this CPU has avx512_vnni")


def test_auto_is_exact_on_other_cpus_and_says_what_they_lack(cpu: Path) -> None:
    for content in (NO_VNNI, "processor : 0\nhart : 0\n"):
        cpu.write_text(content, encoding="utf-8")
        selected = _auto()
        assert (selected.library, selected.precision, selected.device) == ("openvino", "fp32", "cpu")
        assert "not known to have VNNI" in selected.reason
    cpu.unlink()
    assert _auto().precision == "fp32"


@pytest.mark.parametrize("flag", ["avx512_vnni", "avx_vnni", "asimddp"])
def test_every_kind_of_byte_dot_product_is_known(cpu: Path, flag: str) -> None:
    cpu.write_text(f"processor: 0\nFeatures : fp {flag}\n", encoding="utf-8")
    assert _auto().reason == f"this CPU has {flag}"


@pytest.mark.usefixtures("cpu")
def test_auto_is_exact_where_int8_is_missing_or_too_far_off() -> None:
    assert _auto(has_int8=False, int8_is_default=False).reason == "the model has no int8 form"
    selected = _auto(int8_is_default=False)
    assert (selected.precision, selected.reason) == ("fp32", "the model's int8 form is too far from the exact one")


@pytest.mark.usefixtures("gpu")
def test_auto_and_exact_are_torch_where_there_is_cuda() -> None:
    assert _auto() == Selected("torch", "fp32", "cuda:0", "PyTorch finds a CUDA device (cuda:0)")
    assert select("exact", "cuda", has_int8=True, int8_is_default=True).library == "torch"
    assert _auto(device="cpu").precision == "int8"
    assert select("int8", "auto", has_int8=True, int8_is_default=True).device == "cpu"
    with pytest.raises(SettingError, match=r"int8 is computed on the CPU, not on 'cuda'\. Choose the device cpu"):
        select("int8", "cuda", has_int8=True, int8_is_default=True)


def test_what_is_asked_for_is_what_runs(cpu: Path) -> None:
    cpu.write_text(NO_VNNI, encoding="utf-8")
    assert select("int8", "auto", has_int8=True, int8_is_default=False).precision == "int8"
    exact = select("exact", "cpu", has_int8=True, int8_is_default=True)
    assert (exact.library, exact.precision) == ("openvino", "fp32")
    assert select("torch", "cpu", has_int8=True, int8_is_default=True).library == "torch"


@pytest.mark.usefixtures("cpu")
def test_engines_and_forms_that_there_are_not_are_refused() -> None:
    with pytest.raises(SettingError, match=r"'fast' is not an engine\. Choose one of: auto, int8, exact, torch\."):
        select("fast", "auto", has_int8=True, int8_is_default=True)
    with pytest.raises(SettingError, match=r"has no int8 form\. Choose auto or exact"):
        select("int8", "auto", has_int8=False, int8_is_default=False)
    with pytest.raises(SettingError, match="'gpu' is not a device"):
        select("exact", "gpu", has_int8=True, int8_is_default=True)


_TORCH_FREE = """
import sys
from hashstagram import load_model
engine = load_model("hashnet").engine
print(engine.name, [name for name in ("torch", "torchvision", "nncf") if name in sys.modules])
"""


@pytest.mark.skipif(choose._has_nvidia_driver(), reason="PyTorch is asked for the GPU of this machine")
def test_torch_is_not_imported_to_answer_on_a_cpu(small_weights: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", _TORCH_FREE],
        cwd=Path(__file__).resolve().parents[2],
        env={"HASHSTAGRAM_WEIGHTS": str(small_weights)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split(maxsplit=1) == ["openvino", "[]\n"]
