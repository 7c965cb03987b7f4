"""Results of recipes, kept in the cache folder as Parquet and JSON: computed once, read by every notebook that asks.

The key holds what a result depends on: the recipe, the study's tables, the parameters, every file of this package,
and the versions of what computes. joblib.Memory cannot hash a connection, serves stale values after a helper
changed, and unpickles. Customer ids stay in the cache, which only the user reads.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import hashlib
import importlib
import inspect
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import pandas as pd

from custaudience.study import Study, cache

P = ParamSpec("P")
R = TypeVar("R")
_COMPUTE = ("duckdb", "narwhals", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "statsmodels")


def cached(
    *tables: str,
) -> Callable[[Callable[Concatenate[Study, dt.date, P], R]], Callable[Concatenate[Study, dt.date, P], R]]:
    """Keep what a recipe returns: a frozen dataclass of frames, numbers, text, tuples and dicts.

    The `tables` it reads, where the study has them, are part of the key. A study of frames in memory is not cached:
    nobody can say what they hold without reading them.
    """

    def wrap(recipe: Callable[Concatenate[Study, dt.date, P], R]) -> Callable[Concatenate[Study, dt.date, P], R]:
        @functools.wraps(recipe)
        def inside(study: Study, as_of: dt.date, *args: P.args, **kwargs: P.kwargs) -> R:
            if study.folder is None:
                return recipe(study, as_of, *args, **kwargs)
            given = inspect.signature(recipe).bind(study, as_of, *args, **kwargs)
            given.apply_defaults()
            read = tuple(name for name in tables if name in study.tables)
            key: dict[str, object] = {
                "recipe": recipe.__name__,
                "tables": study.fingerprint(read),
                "study": study.config.model_dump(mode="json"),
                "parameters": {name: repr(value) for name, value in given.arguments.items() if name != "study"},
                "code": _code(),
                "versions": {name: version(name) for name in _COMPUTE},
            }
            folder = cache.entry(key, lambda beside: store(recipe(study, as_of, *args, **kwargs), beside))
            result: R = load(folder)  # the same object whether it was there or not
            return result

        return inside

    return wrap


@functools.cache
def _code() -> str:
    """Return one hash of every file of this package that can change a number."""
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for path in sorted(p for p in root.rglob("*") if p.suffix in (".py", ".toml") and "locale" not in p.parts):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def store(value: Any, folder: Path) -> None:
    """Write a result into a folder: its frames as Parquet, all else as JSON."""
    (folder / "result.json").write_text(json.dumps(_plain(value, folder), ensure_ascii=False), encoding="utf-8")


def load(folder: Path) -> Any:
    """Read what `store` wrote; only dataclasses of this package are made again."""
    return _made(json.loads((folder / "result.json").read_text(encoding="utf-8")), folder)


def _plain(value: Any, folder: Path) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _plain(getattr(value, f.name), folder) for f in dataclasses.fields(value)}
        return {"is": f"{type(value).__module__}:{type(value).__qualname__}", "fields": fields}
    if isinstance(value, (pd.DataFrame, pd.Series)):
        name = f"{len(list(folder.glob('*.parquet')))}.parquet"
        frame = value if isinstance(value, pd.DataFrame) else value.to_frame("value")
        frame.to_parquet(folder / name)
        return {"frame": name} if frame is value else {"series": name, "name": value.name}
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": value.dtype.str}
    if isinstance(value, (tuple, list)):
        return {type(value).__name__: [_plain(part, folder) for part in value]}
    if isinstance(value, dict):
        return {"dict": [[_plain(k, folder), _plain(v, folder)] for k, v in value.items()]}
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return {"date": value.isoformat()}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(
        f"a recipe returned a {type(value).__name__}, which the cache cannot keep. Return frames or numbers."
    )


def _made(value: Any, folder: Path) -> Any:
    if not isinstance(value, dict):
        return value
    if "is" in value:
        module, name = value["is"].split(":")
        kind = getattr(importlib.import_module(module), name) if module.startswith("custaudience.") else None
        if not dataclasses.is_dataclass(kind):
            raise TypeError(f"{folder}: {value['is']} is no result of this package. Remove that folder.")
        return kind(**{k: _made(v, folder) for k, v in value["fields"].items()})  # type: ignore[operator]
    if "frame" in value:
        return pd.read_parquet(folder / value["frame"])
    if "series" in value:
        return pd.read_parquet(folder / value["series"])["value"].rename(value["name"])
    if "array" in value:
        return np.array(value["array"], dtype=value["dtype"])
    if "dict" in value:
        return {_made(k, folder): _made(v, folder) for k, v in value["dict"]}
    if "date" in value:
        return dt.date.fromisoformat(value["date"])
    kind, parts = next(iter(value.items()))
    return (tuple if kind == "tuple" else list)(_made(part, folder) for part in parts)
