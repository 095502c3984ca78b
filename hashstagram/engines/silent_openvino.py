"""OpenVINO without its telemetry: the only place from which it may be imported.

Its wheel brings `openvino-telemetry`, which reports every import to Google Analytics unless the user has said no in a
file of their home. Where that package cannot be imported, OpenVINO and NNCF do without, and that is what they find.
"""

import sys

# None makes an import fail at once, and Python keeps it for whoever imports later.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino  # noqa: E402

__all__ = ["openvino"]
