"""Places on disk, written once."""

from pathlib import Path

import pytest

from .studio import write_places


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of SEN12MS-CR with eight places to learn from and four to validate on."""
    return write_places(tmp_path_factory.mktemp("sen12ms-cr"))
