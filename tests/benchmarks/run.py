"""Run the benchmark and print plain tables: ``python -m tests.benchmarks.run`` from the project's folder.

Only ratios within one run mean something: machines are noisy, so all implementations of a table take turns.
"""

import argparse
import itertools
import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

from custaudience.study.cache import cache_folder

from .data import AS_OF, prepare
from .measure import Implementation, Measured, interleave
from .sections import OF_CUSTOMERS, TITLES, notebooks, of_customers, section

MEMORY_GOAL_MB = 1500


def main() -> None:
    args = arguments()
    root = cache_folder() / "bench"
    print(f"custaudience {version('custaudience')} · {machine()}", flush=True)
    medians: dict[str, list[tuple[int, float]]] = {}

    def run(title: str, implementations: list[Implementation], as_of: str) -> Measured:
        done = interleave(implementations, args.repeat, Path(scratch), as_of)
        print(table(title, implementations, done), flush=True)
        return done[0]

    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        for rows in args.rows if set(args.only) & set(TITLES) else []:
            data = prepare(rows, csv="csv" in args.only)
            for name in TITLES:
                if name in args.only:
                    ours = run(f"{TITLES[name]} · {rows:,} lines", section(name, data, root), AS_OF)
                    medians.setdefault(name, []).append((rows, ours.median))
        for name in OF_CUSTOMERS:
            if name in args.only:
                run(OF_CUSTOMERS[name], of_customers(name, max(args.rows), root), "2018-12-31")
        if "notebooks" in args.only:
            run("eight copies of notebook 30, pages included", notebooks(), "2017-12-31")
    for name, sizes in medians.items():
        for (few, quick), (many, slow) in itertools.pairwise(sizes):
            print(f"{TITLES[name]}: {many / few:g} times the lines take ours {slow / quick:.1f} times the time")
    print(f"data: {root}")


def arguments() -> argparse.Namespace:
    names = [*TITLES, *OF_CUSTOMERS, "notebooks"]
    parser = argparse.ArgumentParser(description="Compare custaudience with other ways to do the same.")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000], help="numbers of order lines")
    parser.add_argument("--repeat", type=int, default=5, help="rounds; every implementation runs once in each")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="sections to run")
    return parser.parse_args()


def table(title: str, implementations: list[Implementation], measured: list[Measured]) -> str:
    ours, found = measured[0], {m.implementation.name: m for m in measured}
    lines = [
        "",
        f"{title} · {len(ours.runs)} rounds, outputs equal",
        f"  {'':24}{'median s':>9}{'min - max':>17}{'CPU s':>9}{'peak MB':>9}   ours",
    ]
    for i in implementations:
        if m := found.get(i.name):
            spread = f"{min(m.seconds):.2f} - {max(m.seconds):.2f}"
            figures = f"{m.median:9.2f}{spread:>17}{m.cpu_median:9.2f}{m.peak_mb:9,.0f}"
            lines.append(f"  {i.name:24}{figures}   {verdict(ours, m)}".rstrip())
        else:
            lines.append(f"  {i.name:24}{i.absent:>9}")
    return "\n".join(lines)


def verdict(ours: Measured, other: Measured) -> str:
    """Say how ours compares, with the goal."""
    if other is ours:
        return "" if ours.peak_mb < MEMORY_GOAL_MB else f"(goal: under {MEMORY_GOAL_MB:,} MB for 10 million lines)"
    goal = other.implementation.goal
    if goal and goal[0] == "faster":
        return f"{1 / ours.ratio_to(other):.1f} times faster (goal: {goal[1]:g})"
    aim = f" (goal: {goal[1]:g} at most)" if goal else ""
    return f"{ours.ratio_to(other):.2f} times its time{aim}"


def machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "narwhals", "pandas", "pyarrow"))
    return f"Python {platform.python_version()}, {os.cpu_count()} processors, {packages}"


if __name__ == "__main__":
    main()
