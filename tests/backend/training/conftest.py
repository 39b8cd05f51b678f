"""Places on disk, written once, and one thread: networks this small only wait for more."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from .studio import write_places


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of SEN12MS-CR with eight places to learn from and four to validate on."""
    return write_places(tmp_path_factory.mktemp("sen12ms-cr"))


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
