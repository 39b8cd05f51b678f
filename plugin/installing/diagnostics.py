"""What a user pastes into a report of a fault."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping, Optional, Sequence


def diagnostics(python: Optional[Path], log_lines: Sequence[str], qgis: Mapping[str, str]) -> str:
    """Gives Markdown: versions, device, driver, environment, check, last log lines; no user names, no passwords.

    Takes some seconds: it runs the backend's check.

    Args:
        python: The backend's interpreter; None if there is none.
        log_lines: The last lines of the log.
        qgis: Versions and settings that QGIS knows, by their names.
    """
    raise NotImplementedError
