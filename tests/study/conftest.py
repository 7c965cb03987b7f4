"""Small studies written to disk, each with one thing wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

CSV = """customer_id,order_id,ordered_at,revenue
007,a,2025-01-01 10:00:00,12.05
007,b,2025-01-15 11:00:00,12.07
0042,c,2025-01-20 12:00:00,100.09
0042,c,2025-01-22 12:00:00,-10.05
9,d,2025-01-31 23:59:59,0
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTAUDIENCE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., Path]:
    """Return a function writing a study with one transactions file."""

    def make(
        content: str | bytes | None = None,
        *,
        table: str = "",
        study: str = "",
        control: str = "",
        name: str = "orders.csv",
        folder: str = "shop",
    ) -> Path:
        content = CSV if content is None else content
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        (place / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        (place / "study.toml").write_text(
            f'[study]\nname = "Shop"\ncurrency = "EUR"\ntimezone = "Europe/Kyiv"\n{study}\n'
            f'[tables.transactions]\npath = "{name}"\n{table}\n[control]\n{control}\n',
            encoding="utf-8",
        )
        return place

    return make
