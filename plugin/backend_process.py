"""The one backend of this QGIS: the dock and the Processing algorithms share it."""

from __future__ import annotations

import threading
from typing import List, Optional

from .client import Client
from .environment import find_python
from .settings import Setting

_lock = threading.Lock()
_shared: List[Client] = []


def shared_client() -> Client:
    """Gives the client of the interpreter that is set now; its worker starts with the first job.

    Raises:
        BackendError: There is no interpreter; the error says what to do.
    """
    python = find_python(Setting.PYTHON.get())
    with _lock:
        current: Optional[Client] = _shared[0] if _shared else None
        if current is not None and current.python == python:
            return current
        _shared[:] = [Client(python)]
    if current is not None and not current.busy:
        current.close()
    return _shared[0]


def close_shared_client() -> None:
    """Ends the worker, if there is one."""
    with _lock:
        clients, _shared[:] = list(_shared), []
    for client in clients:
        client.close()
