"""The arrows of the design: data flow one way through the rooms."""

from __future__ import annotations

import ast
import importlib
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "custaudience"
GROUND = {"errors", "evidence", "stats"}
ANALYSIS = {"market", "customers", "audience", "monitoring"}
MAY_IMPORT = {
    "errors": set(), "evidence": {"errors"}, "telling": {"errors", "evidence"}, "stats": {"errors", "evidence"},
    "study": {*GROUND, "telling"}, "market": {*GROUND, "telling", "study"}, "customers": {*GROUND, "telling", "study"},
    "audience": {*GROUND, "telling", "study", "market", "customers"},
    "monitoring": {*GROUND, "telling", "study", "market", "customers", "audience"},
    "recipe_cache": {"study"},
    "recipes": {*GROUND, "telling", "recipe_cache", "study", *ANALYSIS},
    "present": {"errors", "evidence", "telling"},
}  # fmt: skip
READS_THE_CLOCK = {"now", "today", "utcnow"}


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imported(tree: ast.AST) -> set[str]:
    """Names imported, leaving out what stands under TYPE_CHECKING."""
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    names, known = set(), modules()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {inner if (inner := f"{node.module}.{a.name}") in known else node.module for a in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def room(module: str) -> str:
    return [*module.split("."), ""][1]


def test_arrows_point_one_way() -> None:
    for name, tree in modules().items():
        ours = {room(other) for other in imported(tree) if other.startswith("custaudience.")}
        if room(name) in MAY_IMPORT:
            assert ours - {room(name)} <= MAY_IMPORT[room(name)], name


def test_no_circle_of_imports() -> None:
    arrows = {name: imported(tree) & set(modules()) - {name} for name, tree in modules().items()}
    while leaves := [name for name, needs in arrows.items() if not needs]:
        arrows = {name: needs - set(leaves) for name, needs in arrows.items() if name not in leaves}
    assert not arrows, f"modules that need each other: {sorted(arrows)}"


def test_analysis_does_not_draw_print_open_or_read_the_clock() -> None:
    for name, tree in modules().items():
        if room(name) not in ANALYSIS:
            continue
        assert not {other.split(".")[0] for other in imported(tree)} & {"matplotlib", "seaborn", "time", "papermill"}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                assert called not in {"print", "open", *READS_THE_CLOCK}, f"{name}:{node.lineno} calls {called}"


def test_no_module_is_a_room_without_a_topic() -> None:
    assert not {name.rsplit(".", 1)[-1] for name in modules()} & {"utils", "helpers", "common", "misc"}
    lines = {p.name: n for p in PACKAGE.rglob("*.py") if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400}
    assert not lines


@pytest.mark.parametrize("name", ["customers", "audience"])
def test_what_is_exported_is_there(name: str) -> None:
    package = importlib.import_module(f"custaudience.{name}")
    assert len(package.__all__) > 20
    for exported in package.__all__:
        assert getattr(package, exported) is not None
