"""The bundled generator beats what needs no training, on places it never saw."""

import dataclasses
import os

import pytest

from unclouded.backend.datasets.collection import VARIABLE, data_root, load
from unclouded.backend.inference import Generator
from unclouded.backend.training.cases import SETTINGS, draw_cases
from unclouded.backend.training.score import check_unseen, measure

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(VARIABLE not in os.environ, reason=f"{VARIABLE} does not name the folder of training data"),
]


def test_it_beats_identity_constant_and_inpainting() -> None:
    generator = Generator("default", "cpu")
    cases = draw_cases(dataclasses.replace(load(data_root(), "validation"), prior=generator.card.prior), each=2)
    check_unseen(generator, cases)
    errors = measure(cases, SETTINGS[0], generator)["error"]

    assert errors["generator"] < min(errors["identity"], errors["constant"], errors["inpaint"])
