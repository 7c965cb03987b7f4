"""Makes the helpers of this folder importable, here and in tests/reports; an axes to draw on."""

import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def ax():
    return Figure(figsize=(7.4, 4), layout="constrained").subplots()
