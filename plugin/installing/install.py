"""Installs, repairs, updates and removes the backend's environment."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterator, List

from ...backend.version import VERSION
from ..environment import interpreter_of
from .base_python import BasePython
from .failures import explain
from .lock import lock_file, locked
from .managed_python import install_managed
from .pins import INDEXED, System, hash_of, pins_for
from .places import check_ours, clear, downloads, pythons, remove_tree, site_packages
from .plan import Plan, check_space
from .progress import INSTALLED, PipProgress, Step, installed
from .proof import Proof, prove
from .running import Programs
from .stamp import Stamp, read_stamp, write_stamp
from .state import has_python

__all__ = ["Network", "Step", "install", "remove", "repair", "update"]

Say = Callable[[Step], None]
Cancelled = Callable[[], bool]

PIP_INSTALL = ["install", "--no-deps", "--only-binary=:all:", "--no-input", "--no-color", "--progress-bar=off"]


@dataclass(frozen=True)
class Network:
    """How the network is reached; goes into the environment of pip's process, never onto a command line."""

    proxy: str = ""
    """http://user:password@host:port; empty for what the system says."""
    certificates: str = ""
    """File of certificates to trust; empty for the usual ones."""

    def variables(self) -> Dict[str, str]:
        """Gives the environment variables that pip, uv and Python understand."""
        proxies = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy") if self.proxy else ()
        certificates = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE") if self.certificates else ()
        return {**dict.fromkeys(proxies, self.proxy), **dict.fromkeys(certificates, self.certificates)}


DEFAULT_NETWORK = Network()


def install(plan: Plan, say: Say, cancelled: Cancelled, network: Network = DEFAULT_NETWORK) -> Proof:
    """Makes the environment and lets the backend prove itself; goes on where an earlier attempt ended.

    Blocks for minutes: call it in a thread. `say` is called in that thread.

    Raises:
        BackendError: It failed; the words say why and what to do.
        Cancelled: `cancelled` was true. What was downloaded stays for the next attempt; nothing looks installed.
    """
    with locked(plan.target), _worded():
        return _Installation(plan, say, cancelled, network).run()


def update(plan: Plan, say: Say, cancelled: Cancelled, network: Network = DEFAULT_NETWORK) -> Proof:
    """Brings an outdated environment to the requirements of this version; only what changed is downloaded.

    Raises:
        BackendError: As for install.
        Cancelled: As for install.
    """
    return install(plan, say, cancelled, network)


def repair(plan: Plan, say: Say, cancelled: Cancelled, network: Network = DEFAULT_NETWORK) -> Proof:
    """Makes the environment anew, whatever is there, and downloads all of it again.

    Raises:
        BackendError: As for install, or a file is in use.
        Cancelled: As for install.
    """
    with locked(plan.target), _worded():
        clear(plan.target)
        remove_tree(downloads(plan.target))
        return _Installation(plan, say, cancelled, network).run()


def remove(target: Path) -> None:
    """Removes the environment, what was downloaded for it, and its lock.

    Raises:
        BackendError: The folder is not ours, is being installed into, or a file in it is in use.
    """
    check_ours(target)
    with locked(target):
        clear(target)
        remove_tree(downloads(target))
        remove_tree(pythons(target))
    remove_tree(lock_file(target))


@contextlib.contextmanager
def _worded() -> Iterator[None]:
    """Puts what the system refuses (a full disk, a folder that cannot be written) into words."""
    try:
        yield
    except OSError as error:
        raise explain(f"{error}") from error


class _Installation:
    """One run of an installation; its methods are its steps."""

    def __init__(self, plan: Plan, say: Say, cancelled: Cancelled, network: Network) -> None:
        self._plan, self._say = plan, say
        self._target, self._python = plan.target, interpreter_of(plan.target)
        self._scratch = downloads(plan.target) / "tmp"
        variables = network.variables()
        variables.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self._scratch)))
        variables.update(PIP_CACHE_DIR=str(downloads(plan.target) / "pip"), PIP_USER="0")
        variables.update(PIP_DISABLE_PIP_VERSION_CHECK="1")
        self._programs = Programs(cancelled, variables)

    def run(self) -> Proof:
        self._say(Step(0.0, "Preparing"))
        self._programs.check()
        check_ours(self._target)
        check_space(self._plan)
        remove_tree(self._scratch)
        self._scratch.mkdir(parents=True)
        base = self._base()
        self._make(base)
        self._install_packages(base)
        self._say(Step(INSTALLED, "Trying the generator"))
        proof = prove(self._python, programs=self._programs)
        self._write_stamp(base, complete=True)
        remove_tree(downloads(self._target))
        self._say(Step(1.0, "Installed"))
        return proof

    def _base(self) -> BasePython:
        if not self._plan.needs_uv:
            return self._plan.base
        return install_managed(self._target, self._programs, lambda text: self._say(Step(0.01, text)))

    def _make(self, base: BasePython) -> None:
        """Makes the virtual environment, or keeps one that an earlier attempt has made in the same way."""
        stamp = read_stamp(self._target)
        same = stamp is not None and (stamp.base, stamp.variant) == (str(base.path), self._plan.variant.name)
        if same and self._has_pip():
            self._write_stamp(base, complete=False)
            return
        clear(self._target)
        self._target.mkdir(parents=True)
        self._write_stamp(base, complete=False)
        self._say(Step(0.02, "Making the environment"))
        self._programs.python(base.path, "venv", ["--without-pip", str(self._target)])
        self._programs.python(self._python, "ensurepip", ["--default-pip"])  # by itself, for venv hides its words

    def _has_pip(self) -> bool:
        """Tells whether an environment of an earlier attempt can be gone on with; forgets what it has by halves."""
        if not has_python(self._target):
            return False
        libraries = site_packages(self._target)
        for folder in libraries.glob("*.dist-info"):
            if not (folder / "INSTALLER").is_file():  # pip writes it after all files of the package
                remove_tree(folder)
        return "pip" in installed(libraries)

    def _install_packages(self, base: BasePython) -> None:
        """Lets pip install the pins; torch first and from its own index where the usual one has another build."""
        variant, wheels = self._plan.variant, self._plan.wheels
        pins = pins_for(variant.requirements, System(base.version[:2], sys.platform, base.machine))
        progress = PipProgress(self._say, variant.download_bytes, len(pins), self._scratch, site_packages(self._target))
        if wheels is not None:
            offline = ["--no-index", "--no-cache-dir", "--find-links", str(wheels)]
            self._pip([*offline, "-r", str(variant.requirements)], progress)
            return
        if variant.index:
            self._pip([str(pin) for pin in pins if pin.name == INDEXED], progress, variant.index)
        self._pip(["-r", str(variant.requirements)], progress)

    def _pip(self, arguments: List[str], progress: PipProgress, index: str = "") -> None:
        """Runs pip.

        Args:
            arguments: What comes after `install` and its usual options.
            progress: Follows what it prints.
            index: Package index, if not the usual one; in the environment, since an address can hold a password.
        """
        progress.begin()
        self._programs.python(
            self._python,
            "pip",
            [*PIP_INSTALL, *arguments],
            on_line=progress.line,
            on_pause=progress.look,
            extra={"PIP_INDEX_URL": index} if index else {},
        )

    def _write_stamp(self, base: BasePython, complete: bool) -> None:
        variant = self._plan.variant
        write_stamp(
            self._target,
            Stamp(variant.name, hash_of(variant.requirements), str(base.path), VERSION, complete),
        )
