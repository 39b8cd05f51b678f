"""Tiny wheels: packages that hold nothing, and one that stands for the backend."""

from __future__ import annotations

import zipfile
from pathlib import Path

BACKEND = """
import json, os, sys
def main():
    sys.stderr.write("loading\\n")
    if {failure!r}:
        sys.exit({failure!r})
    proof = {{"device": "cpu", "label": "a stub", "milliseconds": 1.5, "warning": ""}}
    print(json.dumps({{"versions": {{"torch": "0"}}, "devices": [], "models": [], "proof": proof}}))
"""


def make_wheel(folder: Path, name: str, version: str = "1.0", files: dict[str, str] | None = None) -> Path:
    """Writes a wheel; a package that is not given files holds its version and a few more bytes."""
    contents = dict(files or {f"{name}.py": f"VERSION = {version!r}\n" + "# padding\n" * 500})
    info = f"{name}-{version}.dist-info"
    contents[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    contents[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    contents[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*contents, f"{info}/RECORD"])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        for name_inside, text in contents.items():
            file.writestr(name_inside, text)
    return path


def make_backend(folder: Path, version: str = "1.0", failure: str = "") -> Path:
    """Writes a wheel that is imported instead of the backend, which the plugin's folder holds."""
    files = {"unclouded/__init__.py": "", "unclouded/backend/__init__.py": ""}
    files["unclouded/backend/__main__.py"] = BACKEND.format(failure=failure)
    return make_wheel(folder, "stub_backend", version, files)
