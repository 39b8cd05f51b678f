"""The backend's interpreter is found in the documented order, and the worker's environment is clean."""

from __future__ import annotations

from pathlib import Path

import pytest

from unclouded.backend.errors import BackendError
from unclouded.plugin.environment import NotInstalled, find_python, interpreter_of, user_environment
from unclouded.plugin.installing.stamp import Stamp, write_stamp
from unclouded.plugin.worker import backend_command, clean_environment


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.fixture
def home(tmp_path):
    return {"HOME": str(tmp_path / "home"), "LOCALAPPDATA": str(tmp_path / "home")}


def test_the_order_is_setting_variable_users_environment_checkout(tmp_path, home):
    root = tmp_path / "checkout"
    checkout = touch(interpreter_of(root / ".venv"))
    assert find_python("", home, root) == checkout
    users = touch(interpreter_of(user_environment(home)))
    assert find_python("", home, root) == users
    named = touch(tmp_path / "variable" / "python")
    environ = {**home, "UNCLOUDED_PYTHON": str(named)}
    assert find_python("", environ, root) == named
    setting = touch(tmp_path / "setting" / "python")
    assert find_python(str(setting), environ, root) == setting


def test_a_folder_stands_for_its_interpreter(tmp_path, home):
    python = touch(interpreter_of(tmp_path / "environment"))
    assert find_python(str(tmp_path / "environment"), home, tmp_path) == python


def test_a_link_to_an_interpreter_is_not_resolved(tmp_path, home):
    """A virtual environment's python is a link to the system's; resolving it would lose the environment."""
    system = touch(tmp_path / "usr" / "python3")
    link = interpreter_of(tmp_path / "checkout" / ".venv")
    link.parent.mkdir(parents=True)
    link.symlink_to(system)
    assert find_python("", home, tmp_path / "checkout") == link


def test_an_environment_whose_installation_was_cut_off_does_not_count(tmp_path, home):
    users = touch(interpreter_of(user_environment(home)))
    write_stamp(user_environment(home), Stamp("cpu", "", "", "0.1.0", complete=False))
    with pytest.raises(NotInstalled):
        find_python("", home, tmp_path)
    write_stamp(user_environment(home), Stamp("cpu", "", "", "0.1.0", complete=True))
    assert find_python("", home, tmp_path) == users


@pytest.mark.parametrize(
    ("setting", "variable", "origin"), [("/no/python", "", "settings"), ("", "/no/python", "UNCLOUDED_PYTHON")]
)
def test_a_named_python_that_is_missing_is_not_passed_over(tmp_path, home, setting, variable, origin):
    touch(interpreter_of(tmp_path / ".venv"))
    with pytest.raises(BackendError, match=f"/no/python that is set .*{origin}"):
        find_python(setting, {**home, "UNCLOUDED_PYTHON": variable}, tmp_path)


def test_if_nothing_is_there_the_error_says_what_to_do(tmp_path, home):
    with pytest.raises(BackendError) as caught:
        find_python("", home, tmp_path / "plugin")
    assert str(tmp_path / "plugin" / ".venv") in caught.value.message
    assert "press Install" in caught.value.hint
    assert "settings" in caught.value.hint
    touch(tmp_path / "plugin" / "Makefile")
    with pytest.raises(BackendError) as caught:
        find_python("", home, tmp_path / "plugin")
    assert "`make install-plugin`" in caught.value.hint


@pytest.mark.parametrize(
    ("platform", "end"),
    [
        ("linux", "share/unclouded/environment"),
        ("darwin", "Library/Application Support/Unclouded/environment"),
        ("win32", "Unclouded/environment"),
    ],
)
def test_the_users_environment_lies_in_the_data_folder(home, platform, end):
    assert user_environment(home, platform).as_posix().endswith(end)


def test_qgis_variables_do_not_reach_the_worker():
    inherited = {
        "PYTHONHOME": "x",
        "PYTHONPATH": "x",
        "PYTHONEXECUTABLE": "x",
        "PROJ_LIB": "x",
        "PROJ_DATA": "x",
        "GDAL_DATA": "x",
        "GDAL_DRIVER_PATH": "x",
        "LD_LIBRARY_PATH": "x",
        "SSL_CERT_FILE": "/Applications/QGIS.app/Contents/Resources/cacert.pem",
        "REQUESTS_CA_BUNDLE": "/etc/company.pem",
        "HOME": "/home/me",
        "CUDA_VISIBLE_DEVICES": "1",
    }
    assert clean_environment(inherited) == {
        "REQUESTS_CA_BUNDLE": "/etc/company.pem",
        "HOME": "/home/me",
        "CUDA_VISIBLE_DEVICES": "1",
    }


def test_libraries_of_osgeo4w_do_not_reach_the_worker(monkeypatch):
    monkeypatch.setattr("os.pathsep", ";")
    inherited = {"OSGEO4W_ROOT": "C:/QGIS", "PATH": "C:/QGIS/bin;C:/Windows", "SSL_CERT_FILE": "C:/QGIS/bin/ca.crt"}
    assert clean_environment(inherited) == {"OSGEO4W_ROOT": "C:/QGIS", "PATH": "C:/Windows"}


def test_the_plugins_folder_is_appended_to_the_workers_path(tmp_path):
    command = backend_command(Path("/env/bin/python"), tmp_path / "plugins" / "unclouded")
    assert command[:3] == ["/env/bin/python", "-I", "-c"]
    assert f"sys.path.append({str(tmp_path / 'plugins')!r})" in command[3]
    assert command[4:] == ["worker"]
