"""What the scripts that run inside the real QGIS share: steps that wait for each other, and notes of what was seen.

A script ends QGIS when its last step is over, or one fails; `seen.json` holds its notes, `last.png` the last picture.
"""

import json
import os
import sys
import time
import traceback
from pathlib import Path

from qgis.PyQt.QtCore import QTimer
from qgis.utils import iface

FOLDER = Path(os.environ["UNCLOUDED_TEST_FOLDER"])
STEP_TIMEOUT_S = 250.0
POLL_MS = 100
seen = {"errors": []}


class Walk:
    """Takes one step after the other; each gives a function that tells when it is over."""

    def __init__(self, steps):
        self.steps = list(steps)
        self.over = lambda: True
        self.deadline = time.monotonic() + STEP_TIMEOUT_S

    def go(self):
        try:
            if self.over():
                if not self.steps:
                    leave()
                seen["step"] = self.steps[0].__name__
                self.over = self.steps.pop(0)()
                self.deadline = time.monotonic() + STEP_TIMEOUT_S
            assert time.monotonic() < self.deadline, f"step {seen['step']} took too long"
        except Exception:  # noqa: BLE001 - whatever goes wrong must end QGIS, or the test would wait for ever
            seen["errors"].append(traceback.format_exc())
            leave()
        QTimer.singleShot(POLL_MS, self.go)


def leave():
    try:
        iface.mainWindow().grab().save(str(FOLDER / "last.png"))
        (FOLDER / "seen.json").write_text(json.dumps(seen, indent=1))
    finally:
        os._exit(0)


def note_error(kind, value, trace):
    seen["errors"].append("".join(traceback.format_exception(kind, value, trace)))


sys.excepthook = note_error
