"""The measures of the house: how large it is, how its parts hang together, and what may not creep back.

python -m tests.house            # prints the measures of this tree
python -m tests.house FOLDER     # of another tree, to compare
"""

import ast
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
MANY = 6  # arguments from which a type is missing
SMALLEST = ("least", "min_group_size")


def modules(root: Path) -> dict[Path, ast.Module]:
    """Parse every module of the package."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((root / "custaudience").rglob("*.py"))}


def lines_of(folder: Path) -> int:
    """Count the lines of all Python below a folder."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in folder.rglob("*.py"))


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Name the arguments of a function, self and cls left out."""
    given = function.args
    names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    names += [a.arg for a in (given.vararg, given.kwarg) if a]
    return [name for name in names if name not in ("self", "cls")]


def tells(tree: ast.AST) -> int:
    """Count the places that build a claim: calls of a Teller's `say`, or of `Claim` itself."""
    tellers = any(
        isinstance(node, ast.ImportFrom) and any(alias.name.endswith("Teller") for alias in node.names)
        for node in ast.walk(tree)
    )
    return sum(
        isinstance(node, ast.Call)
        and ((tellers and getattr(node.func, "attr", "") == "say") or getattr(node.func, "id", "") == "Claim")
        and any(keyword.arg for keyword in node.keywords) | bool(node.args)  # Claim(**row) reads one back
        for node in ast.walk(tree)
    )


def wording(path: Path, tree: ast.Module) -> bool:
    """Say whether a module puts findings into words."""
    return path.name not in ("evidence.py", "telling.py", "ledger.py") and bool(tells(tree))


def small_tests(tree: ast.AST) -> list[int]:
    """Return the lines that compare something with the smallest group."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(
            (isinstance(n, ast.Name) and n.id in SMALLEST) or (isinstance(n, ast.Attribute) and n.attr in SMALLEST)
            for n in ast.walk(node)
        )
    ]


def circles(root: Path) -> list[str]:
    """Return the modules that need each other, imports for types included."""
    known = {}
    for path in (root / "custaudience").rglob("*.py"):
        parts = path.relative_to(root).with_suffix("").parts
        known[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    arrows: dict[str, set[str]] = {}
    for name, path in known.items():
        needs = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                needs |= {a if (a := f"{node.module}.{n.name}") in known else node.module for n in node.names}
            elif isinstance(node, ast.Import):
                needs |= {alias.name for alias in node.names}
        arrows[name] = (needs & set(known)) - {name}
    while leaves := [name for name, needs in arrows.items() if not needs]:
        arrows = {name: needs - set(leaves) for name, needs in arrows.items() if name not in leaves}
    while ends := [name for name in arrows if not any(name in needs for needs in arrows.values())]:
        arrows = {name: needs for name, needs in arrows.items() if name not in ends}
    return sorted(arrows)


def import_seconds(root: Path) -> float:
    """Return the median of five imports of all that custaudience.customers exports, each in a process of its own."""
    code = "import time; t = time.perf_counter(); from custaudience.customers import *; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", code]
    found = [
        float(subprocess.run(command, cwd=root, env={"PYTHONPATH": str(root), "PATH": ""}, capture_output=True,
                             text=True, check=True).stdout)
        for _ in range(5)
    ]  # fmt: skip
    return sorted(found)[2]


def measures(root: Path = ROOT) -> dict[str, float]:
    """Return every measure that is a number of lines, files or places."""
    trees = modules(root)
    words = {path: tree for path, tree in trees.items() if wording(path, tree)}
    places = sum(map(tells, words.values()))
    return {
        "lines of the package": lines_of(root / "custaudience"),
        "files of the package": len(trees),
        "lines per claim": sum(len(path.read_text("utf-8").splitlines()) for path in words) / max(1, places),
        "places that build a claim": places,
        "modules in a circle": len(circles(root)),
        "functions that thread common": sum("common" in arguments(f) for t in trees.values() for f in functions(t)),
        "tests of fewer than least in wording": sum(len(small_tests(tree)) for tree in words.values()),
        "functions with six arguments or more": sum(
            len(arguments(f)) >= MANY for tree in trees.values() for f in functions(tree)
        ),
        "lines of tests": lines_of(root / "tests"),
        "lines of sheets": sum(
            len(p.read_text("utf-8").splitlines()) for p in root.rglob("custaudience/**/sheet.toml")
        ),
    }


def main() -> None:
    """Print the measures, and which functions have many arguments."""
    root = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    for name, value in measures(root).items():
        print(f"{name:40} {value:10,.1f}" if value % 1 else f"{name:40} {value:10,.0f}")
    started = time.perf_counter()
    print(f"{'seconds to import all of customers':40} {import_seconds(root):10.2f}")
    print(f"(measured in {time.perf_counter() - started:.0f} s)")
    for path, tree in modules(root).items():
        for function in functions(tree):
            if (n := len(arguments(function))) >= MANY:
                print(f"  {n:2} arguments: {path.relative_to(root)}:{function.lineno} {function.name}")


if __name__ == "__main__":
    main()
