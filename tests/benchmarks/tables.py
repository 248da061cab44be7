"""The figures as tables: one for each part, under a line that says when it was measured."""

from collections.abc import Callable
from typing import Any

import drift_tables
import functions
import growth
import loads

from scripts.console import Screen

# The columns' names and the rows.
Table = tuple[tuple[str, ...], list[tuple[str, ...]]]


def show(screen: Screen, name: str, part: dict[str, Any]) -> None:
    """Print one part of build/bench.json."""
    measured, figures = part["measured"], part["figures"]
    when = f"{measured['date']}, {measured['machine']}, load {measured['load']:.1f}"
    screen.print(f"{name}  {when}")
    for columns, rows in _TABLES[name](figures):
        screen.table(*columns, rows=rows)
    screen.print()


def _times(figures: dict[str, Any]) -> list[Table]:
    rows: list[tuple[str, ...]] = [
        (name, *(f"{item[key]:.3f}" for key in ("median_s", "min_s", "max_s")))
        for name, item in figures.items()
        if "median_s" in item
    ]
    return [(("What", "Median s", "Least s", "Most s"), rows)]


def _packages(figures: dict[str, Any]) -> list[Table]:
    sizes: list[tuple[str, ...]] = [
        (name, f"{size / 1e3:,.1f}") for name, size in figures["bytes"].items()
    ]
    return [(("Package", "KB"), sizes), *_times(figures)]


def _decoding(figures: dict[str, Any]) -> list[Table]:
    rows: list[tuple[str, ...]] = [
        (
            name,
            f"{item['bytes'] / 1e6:.1f}",
            f"{item['pixels'] / 1e6:.1f}",
            *(f"{item[key]:.2f}" for key in ("median_s", "min_s", "max_s")),
            f"{item['memory_bytes'] / 2**20:.0f}",
        )
        for name, item in figures.items()
    ]
    columns = ("Upload", "MB", "Megapixels", "Median s", "Least s", "Most s", "Memory MiB")
    return [(columns, rows)]


def _monitoring(figures: dict[str, Any]) -> list[Table]:
    records = figures["records"]
    rows: list[tuple[str, ...]] = [
        (
            name,
            *(f"{records / item[key]:,.0f}" for key in ("median_s", "max_s", "min_s")),
            f"{item['memory_bytes'] / 2**20:.0f}",
        )
        for name, item in figures["readers"].items()
    ]
    window = figures["window"]
    whole: list[tuple[str, ...]] = [
        (
            f"{window['records']:,}",
            f"{window['pictures']:,}",
            *(f"{window[key]:.2f}" for key in ("median_s", "min_s", "max_s")),
            f"{window['memory_bytes'] / 2**20:.0f}",
        )
    ]
    columns = ("Reader", "Records/s, median", "Least", "Most", "MiB beyond the interpreter")
    of_window = ("Records", "Pictures", "Median s", "Least s", "Most s", "Memory MiB, all of it")
    return [(columns, rows), (of_window, whole)]


def _demo(figures: dict[str, Any]) -> list[Table]:
    steps: list[tuple[str, ...]] = [
        (name, f"{seconds:.1f}") for name, seconds in figures["steps_s"].items()
    ]
    return [(("Step", "Seconds"), [*steps, ("with make", f"{figures['total_s']:.1f}")])]


def _serving(figures: dict[str, Any]) -> list[Table]:
    rows: list[tuple[str, ...]] = []
    for name, server in figures["servers"].items():
        alone, together = server["alone"], server["together"]
        times = (f"{alone[key]:.1f}" for key in ("p50_ms", "p95_ms", "p99_ms"))
        rows.append((name, *times, f"{together['pictures_per_s']:.0f}"))
    differences: list[tuple[str, ...]] = [
        (
            name,
            f"{item['median_score_difference']:.6f}",
            f"{item['largest_score_difference']:.6f}",
            str(item["other_decisions"]),
        )
        for name, item in (
            *figures["beside_onnx_runtime"].items(),
            *figures["beside_the_original_encoding"].items(),
        )
    ]
    columns = ("Scores beside ONNX Runtime's", "Median apart", "Furthest", "Other decisions")
    return [
        (("Server", "p50 ms", "p95 ms", "p99 ms", "Pictures/s, 8 clients"), rows),
        (columns, differences),
    ]


def _model(figures: dict[str, Any]) -> list[Table]:
    validated, tested = figures["cross_validation"], figures["test"]
    rows: list[tuple[str, ...]] = [
        ("5 folds", f"{validated['accuracy']:.4f}", _interval(validated), "", "")
    ]
    rows += [(f"fold {i + 1}", f"{a:.4f}", "", "", "") for i, a in enumerate(validated["folds"])]
    mean_error = f"{tested['calibration_error']:.4f}"
    rows.append(("test, mean", f"{tested['accuracy']:.4f}", _interval(tested), mean_error, ""))
    for one in tested["seeds"]:
        low, high = one["calibration_error_interval"]
        rows.append(
            (
                f"test, seed {one['seed']}",
                f"{one['accuracy']:.4f}",
                _interval(one),
                f"{one['calibration_error']:.4f} ({low:.4f} to {high:.4f})",
                f"{one['training_s']:.0f}",
            )
        )
    columns = ("What", "Accuracy", "95 % interval", "Calibration error", "Training s")
    same = "yes" if figures["repeat"]["identical"] else "no"
    return [(columns, rows), (("The same seed gives the same bytes",), [(same,)])]


def _interval(figures: dict[str, Any]) -> str:
    low, high = figures["accuracy_interval"]
    return f"{low:.4f} to {high:.4f}"


_TABLES: dict[str, Callable[[dict[str, Any]], list[Table]]] = {
    "imports": _times,
    "packages": _packages,
    "decoding": _decoding,
    "monitoring": _monitoring,
    "local_cloud": _times,
    "drift_false_alarms": drift_tables.false_alarms,
    "drift_detection": drift_tables.detection,
    "serving": _serving,
    "functions": functions.table,
    "plan": _times,
    "loads": loads.table,
    "growth": growth.table,
    "model": _model,
    "warm_demo": _demo,
    "cold_demo": _demo,
}
