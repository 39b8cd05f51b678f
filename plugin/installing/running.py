"""Runs the programs of an installation: their lines as they come, cancelled at once, gone when QGIS is gone."""

from __future__ import annotations

import os
import signal
import subprocess  # nosec B404 - pip, venv and uv; what they get from outside is in their environment
import sys
import threading
from collections import deque
from pathlib import Path
from queue import Empty, Queue
from types import MappingProxyType
from typing import Any, Callable, Deque, Dict, List, Mapping, Optional

from ...backend.errors import BackendError, Cancelled
from ..worker import clean_environment
from .failures import explain, without_secrets

POLL_S = 0.1
KEPT_LINES = 400
QUIET = getattr(subprocess, "CREATE_NO_WINDOW", 0)

WATCHED = (
    "import os, runpy, sys, threading\n"
    "given = os.dup(0)\n"
    "os.dup2(os.open(os.devnull, os.O_RDONLY), 0)\n"
    "def watch():\n"
    "    while os.read(given, 1):\n"
    "        pass\n"
    "    os._exit(130)\n"
    "threading.Thread(target=watch, daemon=True).start()\n"
    "sys.argv[0] = sys.argv.pop(1)\n"
    "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
)
"""Runs a module, and ends when its standard input does: when QGIS dies, nobody goes on writing into the environment.

What the module starts gets an empty input: on Windows it would wait for the thread that reads this one.
"""


class Programs:
    """Runs programs for one installation.

    Args:
        cancelled: Tells whether the user wants no more.
        environ: Environment variables on top of the cleaned ones of QGIS.
    """

    def __init__(self, cancelled: Callable[[], bool], environ: Mapping[str, str]) -> None:
        self._cancelled = cancelled
        self.environ: Dict[str, str] = {**clean_environment(os.environ), **environ}

    def python(self, python: Path, module: str, arguments: List[str], **options: Any) -> str:
        """Runs a module of an interpreter, as with `python -I -m`; the options are those of run."""
        return self.run([str(python), "-I", "-X", "utf8", "-c", WATCHED, module, *arguments], **options)

    def run(
        self,
        command: List[str],
        on_line: Optional[Callable[[str], None]] = None,
        on_pause: Optional[Callable[[], None]] = None,
        extra: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """Runs a program to its end.

        Args:
            command: The program and its arguments.
            on_line: Gets each line that it prints.
            on_pause: Called several times a second while it prints nothing.
            extra: More environment variables.

        Returns:
            The last lines that it printed.

        Raises:
            BackendError: It cannot be started, or failed; the words say why.
            Cancelled: The user wants no more; the program and its children are gone.
        """
        self.check()
        process = _start(command, {**self.environ, **extra})
        lines: Queue[Optional[str]] = Queue()
        threading.Thread(target=_read, args=(process, lines), daemon=True).start()
        kept: Deque[str] = deque(maxlen=KEPT_LINES)
        try:
            self._follow(lines, kept, on_line, on_pause)
        except BaseException:
            kill_tree(process)
            raise
        output = "\n".join(kept)
        if process.wait() != 0:
            raise explain(output or f"{Path(command[0]).name} ended with exit code {process.returncode}.")
        return output

    def check(self) -> None:
        """Ends here if the user wants no more.

        Raises:
            Cancelled: It is so.
        """
        if self._cancelled():
            raise Cancelled

    def _follow(
        self,
        lines: Queue[Optional[str]],
        kept: Deque[str],
        on_line: Optional[Callable[[str], None]],
        on_pause: Optional[Callable[[], None]],
    ) -> None:
        while True:
            self.check()
            try:
                line = lines.get(timeout=POLL_S)
            except Empty:
                if on_pause is not None:
                    on_pause()
                continue
            if line is None:
                return
            kept.append(without_secrets(line))
            if on_line is not None:
                on_line(line)


def kill_tree(process: subprocess.Popen[str]) -> None:
    """Kills a process that was started here, with its children, and waits for its end."""
    if sys.platform == "win32":
        subprocess.run(  # nosec B603, B607 - a constant and a number; it is the system's own program
            ["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False, creationflags=QUIET
        )
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.poll()
    process.wait()


def _read(process: subprocess.Popen[str], lines: Queue[Optional[str]]) -> None:
    with process:
        for line in process.stdout or ():
            lines.put(line.rstrip())
    lines.put(None)


def _start(command: List[str], environ: Mapping[str, str]) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(  # nosec B603 - a list, no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environ,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            creationflags=QUIET,
        )
    except OSError as error:
        raise BackendError(
            f"{command[0]} cannot be started: {error.strerror or error}.", "Choose another Python."
        ) from error
