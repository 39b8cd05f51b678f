"""Failures are put into words: what real programs print here, and recorded words of other systems."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from unclouded.backend.errors import BackendError
from unclouded.plugin.installing.failures import CAUSES, TAIL_LINES, explain
from unclouded.plugin.installing.running import Programs

from .index import serving

RECORDED = [
    ("linux", "OSError: [Errno 28] No space left on device", "disk is full"),
    ("win32", "OSError: [WinError 112] There is not enough space on the disk", "disk is full"),
    (
        "win32",
        "ERROR: Could not install packages due to an OSError: [WinError 206] The filename or extension is too long: "
        "'C:\\\\Users\\\\x\\\\AppData\\\\Local\\\\...'",
        "path has become too long",
    ),
    (
        "win32",
        "ERROR: Could not install packages due to an OSError: [Errno 2] No such file or directory: 'C:\\\\...'\n"
        "HINT: This error might have occurred since this system does not have Windows Long Path support enabled. You "
        "can find information on how to enable Windows Long Path support at https://pip.pypa.io/warnings/enable-long-paths",
        "path has become too long",
    ),
    (
        "win32",
        "PermissionError: [WinError 32] The process cannot access the file because it is being used by another process",
        "antivirus",
    ),
    ("win32", "ERROR: Could not install packages due to an OSError: [WinError 5] Access is denied", "antivirus"),
    ("linux", "PermissionError: [Errno 13] Permission denied: '/opt/env'", "cannot be written"),
    (
        "linux",
        "WARNING: Retrying (Retry(total=4)) after connection broken by 'ProxyError('Cannot connect to proxy.', "
        "OSError('Tunnel connection failed: 407 Proxy Authentication Required'))': /simple/torch/\n"
        "ERROR: No matching distribution found for torch==2.13.0",
        "The proxy refused",
    ),
    (
        "darwin",
        "WARNING: Retrying (Retry(total=4)) after connection broken by 'SSLError(SSLCertVerificationError(1, '[SSL: "
        "CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain'))'",
        "certificate is not trusted",
    ),
    (
        "linux",
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated the package",
        "not what was asked for",
    ),
    (
        "linux",
        "NewConnectionError('<pip._vendor.urllib3.connection.HTTPSConnection object>: Failed to establish a new "
        "connection: [Errno -3] Temporary failure in name resolution')': /simple/torch/\n"
        "ERROR: Could not find a version that satisfies the requirement torch==2.13.0 (from versions: none)",
        "index cannot be reached",
    ),
    ("win32", "getaddrinfo failed", "index cannot be reached"),
    (
        "linux",
        "RuntimeError: The NVIDIA driver on your system is too old (found version 11040).",
        "driver is too old",
    ),
    (
        "linux",
        "ImportError: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.28' not found (required by libtorch_cpu.so)",
        "glibc 2.28",
    ),
    (
        "linux",
        "Error: lightgbm cannot be loaded: libgomp.so.1: cannot open shared object file: No such file or directory",
        "libgomp1",
    ),
    (
        "darwin",
        "ImportError: dlopen(...): mach-o file, but is an incompatible architecture (have 'x86_64', need 'arm64e')",
        "Intel processor",
    ),
    (
        "linux",
        "The virtual environment was not created successfully because ensurepip is not\navailable.  On Debian/Ubuntu "
        "systems, you need to install the python3-venv\npackage using the following command.",
        "ensurepip",
    ),
    (
        "linux",
        "ERROR: Ignored the following versions that require a different python version: 2.4.6 Requires-Python >=3.11\n"
        "ERROR: No matching distribution found for numpy==2.4.6",
        "wrong version",
    ),
    ("win32", "error: Microsoft Visual C++ 14.0 or greater is required.", "no ready-made wheel"),
    ("linux", "ERROR: HTTP error 403 while getting https://mirror.example.org/simple/", "refuses access"),
]


@pytest.mark.parametrize(("platform", "output", "words"), RECORDED)
def test_a_recorded_failure_is_named(platform, output, words):
    error = explain(f"Collecting torch\n{output}\n", platform)
    assert words in str(error)
    assert error.hint


def test_every_cause_is_told_by_a_recorded_failure():
    told = {explain(output, platform).message for platform, output, _ in RECORDED}
    for cause in CAUSES:
        assert any(message.startswith(cause.message.partition("{of}")[0]) for message in told), cause.name


def test_an_unknown_failure_gives_its_last_lines_without_passwords():
    lines = [f"line {index}" for index in range(30)] + ["asked https://me:s3cr3t@mirror.example.org/simple"]
    error = explain("\n".join(lines), "linux")
    assert error.message.count("\n") == TAIL_LINES
    assert "line 29" in error.message
    assert "s3cr3t" not in error.message
    assert "mirror.example.org" in error.message
    assert "Repair" in error.hint
    assert "printed nothing" in explain("", "linux").message


def pip(environ: dict[str, str], *arguments: str) -> BackendError:
    """Lets the real pip of this Python fail."""
    environ = {"PIP_RETRIES": "1", "PIP_TIMEOUT": "5", "PIP_CONFIG_FILE": "/dev/null", "PIP_FIND_LINKS": "", **environ}
    with pytest.raises(BackendError) as caught:
        Programs(lambda: False, environ).python(Path(sys.executable), "pip", ["download", "--no-deps", *arguments])
    return caught.value


def test_a_network_that_is_not_there(tmp_path):
    error = pip({"PIP_INDEX_URL": "http://127.0.0.1:9/simple"}, "-d", str(tmp_path), "alpha==1.0")
    assert "index cannot be reached" in error.message


def test_a_proxy_that_is_not_there(tmp_path):
    environ = {"PIP_INDEX_URL": "https://index.example.org/simple", "HTTPS_PROXY": "http://me:s3cr3t@127.0.0.1:9"}
    error = pip(environ, "-d", str(tmp_path), "alpha==1.0")
    assert "proxy" in error.message
    assert "s3cr3t" not in str(error)


def test_a_server_whose_certificate_nobody_knows(tmp_path):
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run([*made, "-keyout", key, "-out", certificate], capture_output=True, check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving(tmp_path) as index:
        index.socket = context.wrap_socket(index.socket, server_side=True, do_handshake_on_connect=False)
        address = index.address.replace("http:", "https:") + "/simple"
        error = pip({"PIP_INDEX_URL": address}, "-d", str(tmp_path), "alpha==1.0")
    assert "certificate" in error.message


def test_a_package_that_nobody_has_built(tmp_path):
    error = pip({"PIP_NO_INDEX": "1"}, "-d", str(tmp_path), "alpha==1.0")
    assert "no ready-made wheel of alpha==1.0" in error.message


def test_a_wheel_that_is_damaged(tmp_path):
    (tmp_path / "alpha-1.0-py3-none-any.whl").write_bytes(b"<html>Please log in</html>")
    error = pip({"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}, "-d", str(tmp_path / "to"), "alpha==1.0")
    assert "damaged" in error.message


def test_a_python_without_ensurepip(tmp_path):
    """As on Debian without python3-venv, with an environment that has no module of its own."""
    script = "import sys; sys.path.clear(); import runpy; runpy.run_module('ensurepip')"
    with pytest.raises(BackendError, match="ensurepip") as caught:
        Programs(lambda: False, {}).run([sys.executable, "-c", f"import runpy; exec({script!r})"])
    assert "python3-venv" in caught.value.hint
