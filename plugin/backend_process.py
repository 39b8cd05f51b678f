"""The backend of this QGIS, which the dock and the Processing algorithms share, and those of trainings."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import Iterator, List, Optional

from .client import Client
from .environment import find_python
from .settings import Setting

_lock = threading.Lock()
_shared: List[Client] = []
_own: List[Client] = []


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


@contextmanager
def own_client() -> Iterator[Client]:
    """Gives a client for a job so long that others should not wait for it.

    Raises:
        BackendError: As shared_client.
    """
    client = Client(find_python(Setting.PYTHON.get()))
    _own.append(client)
    try:
        yield client
    finally:
        _own.remove(client)
        client.close()


def is_busy() -> bool:
    """Whether a job runs or waits, of the dock or of the toolbox."""
    with _lock:
        return any(client.busy for client in (*_shared, *_own))


def close_clients() -> None:
    """Ends all workers."""
    with _lock:
        clients, _shared[:] = [*_shared, *_own], []
    for client in clients:
        client.close()
