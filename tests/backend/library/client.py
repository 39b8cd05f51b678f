"""Downloads as tests make them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from unclouded.backend import protocol
from unclouded.backend.errors import UncloudedError
from unclouded.backend.library.download import LOCK, download
from unclouded.backend.library.entry import Entry
from unclouded.backend.library.transport import Network, Patience
from unclouded.backend.reporting import Reporter

FAST = Patience(connect_s=5, silence_s=0.3, waits_s=(0.01, 0.01, 0.01))
PATH = "/alder.safetensors"
HALF = 200_000


@dataclass
class Client:
    """Downloads into a folder and hears what is said."""

    folder: Path
    events: list[Any] = field(default_factory=list)
    patience: Patience = FAST

    def get(self, entry: Entry, *addresses: str, cancelled: Callable[[], bool] = lambda: False, **ways: str) -> bytes:
        report = Reporter("1", self.events.append, cancelled)
        return download(
            entry, list(addresses), self.folder, Network(**ways, patience=self.patience), report
        ).read_bytes()

    def refused(self, entry: Entry, *addresses: str, **ways: str) -> str:
        """The words of a download that fails; nothing may lie under the final name then."""
        with pytest.raises(UncloudedError) as error:
            self.get(entry, *addresses, **ways)
        assert error.value.hint
        assert "alder.safetensors" not in self.files
        return str(error.value)

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.name != LOCK)

    def said(self, level: str) -> str:
        return "\n".join(one.text for one in self.events if isinstance(one, protocol.Log) and one.level == level)
