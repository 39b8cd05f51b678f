"""One life of the backend's process: start it, send it lines, hand its events to the jobs they belong to.

Standard library only. Its two threads read the process's standard output (events) and standard error (diagnostics).
"""

from __future__ import annotations

import os
import subprocess  # nosec B404 - the backend is a process of its own; its command holds nothing that came from outside
import threading
import uuid
from collections import deque
from concurrent.futures import Future, InvalidStateError
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Deque, Dict, List, Mapping, Optional, Union

from ..backend.errors import BackendError
from ..backend.protocol import PROTOCOL, Cancel, Failed, Hello, Message, Ping, Ready, decode, encode
from .environment import ROOT, what_to_do

START = "import sys; sys.path.append({plugins!r}); from unclouded.backend.__main__ import main; main()"
TAIL_LINES = 60
CLOSE_TIMEOUT_S = 0.7
KILLED = (-9, 137)
FOREIGN_PREFIXES = ("PYTHON", "PROJ_", "GDAL_", "LD_LIBRARY_PATH", "DYLD_")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")

Inbox = Queue[Any]  # of Message, or of the BackendError that ended the worker


class WorkerEnded(BackendError):
    """The process ended while it was needed.

    Args:
        python: The interpreter.
        exit_code: As the system gave it.
        details: The last lines of its standard error.
        had_begun: Whether it had said hello.
    """

    def __init__(self, python: Path, exit_code: int, details: List[str], had_begun: bool) -> None:
        last = next((line.strip() for line in reversed(details) if line.strip()), "")
        what = "ended unexpectedly" if had_begun else f"could not start with {python}"
        if not had_begun:
            hint = what_to_do()
        elif exit_code in KILLED:
            hint = "It was killed, mostly because memory ran out: choose a smaller area, or close other programs."
        else:
            hint = "Try again; if it happens again, the log says more."
        super().__init__(f"The backend {what} (exit code {exit_code}){': ' + last if last else '.'}", hint)
        self.exit_code = exit_code
        self.details = details


class Worker:
    """A running backend.

    Args:
        python: The backend's interpreter.
        command: What to start instead of the backend; for tests.

    Raises:
        BackendError: The interpreter cannot be started.
    """

    def __init__(self, python: Path, command: Optional[List[str]] = None) -> None:
        self._python = python
        self.hello: Future[Hello] = Future()
        self.ready: Future[Ready] = Future()
        self.ended = threading.Event()
        self.killed_for: Optional[str] = None
        """Id of the job for which the process was killed."""
        self._inboxes: Dict[str, Inbox] = {}
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._error: Optional[BackendError] = None
        self._tail: Deque[str] = deque(maxlen=TAIL_LINES)
        self._process = _start(command or backend_command(python))
        self._stderr = threading.Thread(target=self._read_stderr, daemon=True)
        self._stderr.start()
        threading.Thread(target=self._read_stdout, daemon=True).start()

    def open(self, job_id: str) -> Inbox:
        """Gives the queue into which the events of a job will come; the end of the worker comes as a BackendError."""
        inbox: Inbox = Queue()
        with self._lock:
            if self._error is None:
                self._inboxes[job_id] = inbox
            else:
                inbox.put(self._error)
        return inbox

    def shut(self, job_id: str) -> None:
        """Forgets a job; what still comes for it is dropped."""
        with self._lock:
            self._inboxes.pop(job_id, None)

    def queue(self) -> List[str]:
        """Gives the ids of the open jobs, the running one first."""
        with self._lock:
            return list(self._inboxes)

    def deliver(self, job_id: str, item: Union[Message, BackendError]) -> None:
        """Puts a message into the queue of a job, if it is open."""
        with self._lock:
            inbox = self._inboxes.get(job_id)
        if inbox is not None:
            inbox.put(item)

    def send(self, message: Message) -> None:
        """Writes a message to the process; if that is gone, the reader of its output says so to every job."""
        stdin = self._process.stdin
        try:
            if stdin is not None:
                with self._sending:
                    stdin.write(encode(message) + "\n")
                    stdin.flush()
        except (OSError, ValueError):
            self._process.poll()

    def cancel(self, job_id: str) -> None:
        self.send(Cancel(job_id))

    def answers(self, timeout_s: float) -> bool:
        """Tells whether the process answers a ping in time."""
        ping_id = uuid.uuid4().hex
        inbox = self.open(ping_id)
        self.send(Ping(ping_id))
        try:
            return not isinstance(inbox.get(timeout=timeout_s), BackendError)
        except Empty:
            return False
        finally:
            self.shut(ping_id)

    def close(self) -> None:
        """Ends the process by closing its input, and kills it if that does not help."""
        try:
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process.wait(CLOSE_TIMEOUT_S)
        except (OSError, subprocess.TimeoutExpired):
            self.kill()

    def kill(self, job_id: Optional[str] = None) -> None:
        """Kills the process and waits for its end.

        Args:
            job_id: The job for which it has to go.
        """
        self.killed_for = job_id
        self._process.kill()
        self._process.wait()

    @property
    def was_ready(self) -> bool:
        """Whether the worker had loaded its libraries."""
        return self.ready.done() and self.ready.exception() is None

    @property
    def details(self) -> List[str]:
        """The last lines that the process wrote to its standard error."""
        return list(self._tail)

    def _read_stdout(self) -> None:
        error: Optional[BackendError] = None
        try:
            for line in self._process.stdout or ():
                self._receive(decode(line))
        except BackendError as unreadable:
            error = unreadable
            self._process.kill()
        exit_code = self._process.wait()
        self._stderr.join(CLOSE_TIMEOUT_S)
        self._close_streams()
        self._end(error or WorkerEnded(self._python, exit_code, self.details, self.hello.done()))

    def _close_streams(self) -> None:
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            try:
                if stream is not None:
                    stream.close()
            except OSError:  # what was written last to a dead process cannot be flushed
                continue

    def _receive(self, message: Message) -> None:
        if isinstance(message, Hello):
            if message.protocol != PROTOCOL:
                raise BackendError(
                    f"Expected a backend that speaks protocol {PROTOCOL}, "
                    f"version {message.version} speaks {message.protocol}.",
                    "The plugin and its backend are of different versions: restart QGIS, or install the backend again.",
                )
            _settle(self.hello, message)
        elif isinstance(message, Ready):
            _settle(self.ready, message)
        elif isinstance(message, Failed) and not message.id:
            raise BackendError(message.message, message.hint)
        else:
            self.deliver(message.id, message)

    def _read_stderr(self) -> None:
        for line in self._process.stderr or ():
            self._tail.append(line.rstrip())

    def _end(self, error: BackendError) -> None:
        with self._lock:
            self._error = error
            inboxes = list(self._inboxes.values())
            self._inboxes.clear()
        self.ended.set()
        for future in (self.hello, self.ready):
            _settle(future, error)
        for inbox in inboxes:
            inbox.put(error)


def backend_command(python: Path, root: Path = ROOT) -> List[str]:
    """Gives the command that starts the worker; the plugin's parent folder goes last into its path."""
    return [str(python), "-I", "-c", START.format(plugins=str(root.parent)), "worker"]


def clean_environment(environ: Mapping[str, str]) -> Dict[str, str]:
    """Gives the environment variables without those of QGIS that would mislead another interpreter."""
    home = environ.get("OSGEO4W_ROOT", "")
    kept = {name: value for name, value in environ.items() if not name.startswith(FOREIGN_PREFIXES)}
    for name in CERTIFICATES:
        if name in kept and _belongs_to_qgis(kept[name], home):
            del kept[name]
    if "PATH" in kept and home:
        folders = kept["PATH"].split(os.pathsep)
        kept["PATH"] = os.pathsep.join(folder for folder in folders if not _belongs_to_qgis(folder, home))
    return kept


def _belongs_to_qgis(path: str, home: str) -> bool:
    return bool(home and os.path.normcase(path).startswith(os.path.normcase(home))) or ".app/Contents/" in path


def _start(command: List[str]) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(  # nosec B603 - a list, no shell; the interpreter is the user's own choice
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(os.environ),
            encoding="utf-8",
            errors="replace",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise BackendError(
            f"The backend's Python {command[0]} cannot be started: {error.strerror or error}.",
            "Choose another one in the settings of Unclouded, or install the backend again.",
        ) from error


def _settle(future: Future[Any], outcome: object) -> None:
    """Settles a future once; what comes later is dropped."""
    try:
        if isinstance(outcome, BackendError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
    except InvalidStateError:
        return
