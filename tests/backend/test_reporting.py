"""What a job says arrives as events."""

from __future__ import annotations

import math
from typing import Any

from unclouded.backend import protocol
from unclouded.backend.errors import Cancelled
from unclouded.backend.reporting import Reporter


def test_losses_that_no_line_of_json_can_hold_are_left_out() -> None:
    heard: list[Any] = []
    Reporter("7", heard.append).losses(3, {"loss": 0.5, "broken": math.nan, "endless": math.inf})

    assert heard == [protocol.Losses("7", 3, {"loss": 0.5})]
    assert protocol.decode(protocol.encode(heard[0])) == heard[0]


def test_a_cancelled_job_names_what_it_kept() -> None:
    kept = protocol.failure("7", Cancelled("best.safetensors"))
    nothing = protocol.failure("7", Cancelled())

    assert (kept.code, kept.kept) == ("cancelled", "best.safetensors")
    assert "best.safetensors" in kept.hint
    assert (nothing.kept, nothing.hint) == (None, "Nothing was written.")
