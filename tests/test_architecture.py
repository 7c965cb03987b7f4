"""The arrows of the design: data flow one way through the rooms."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "custaudience"
ANALYSIS = {"market", "customers", "audience", "monitoring"}
MAY_IMPORT = {
    "errors": set(),
    "evidence": {"errors"},
    "study": {"errors", "evidence"},
    "market": {"study", "errors", "evidence"},
    "customers": {"study", "errors", "evidence"},
    "audience": {"study", "market", "customers", "errors", "evidence"},
    "monitoring": {"study", "market", "customers", "audience", "errors", "evidence"},
    "recipe_cache": {"study"},
    "recipes": {"recipe_cache", "study", *ANALYSIS, "errors", "evidence"},
    "present": {"errors", "evidence"},
}
READS_THE_CLOCK = {"now", "today", "utcnow"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imported(tree: ast.AST) -> set[str]:
    """Names imported, leaving out what stands under TYPE_CHECKING."""
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    names = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_arrows_point_one_way(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    names = imported(ast.parse(path.read_text(encoding="utf-8")))
    ours = {name.split(".")[1] for name in names if name.startswith("custaudience.")}
    if room in MAY_IMPORT:
        assert ours - {room} <= MAY_IMPORT[room]


@pytest.mark.parametrize(
    "path", [p for p in modules() if p.relative_to(PACKAGE).parts[0] in ANALYSIS], ids=lambda p: p.stem
)
def test_analysis_does_not_draw_print_open_or_read_the_clock(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not {name.split(".")[0] for name in imported(tree)} & {"matplotlib", "seaborn", "time", "papermill"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called not in {"print", "open", *READS_THE_CLOCK}, f"{path.name}:{node.lineno} calls {called}"


def test_no_module_is_a_room_without_a_topic() -> None:
    assert not [p for p in modules() if p.stem in {"utils", "helpers", "common", "misc"}]
    long = {p.name: n for p in modules() if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400}
    assert not long
