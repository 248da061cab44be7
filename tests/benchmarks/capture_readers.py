"""From capture files to score metrics, one way of several, in a fresh process.

    python capture_readers.py READER FOLDER

Prints as JSON the processor seconds, the most memory in bytes that the whole process has had, and
what it found, which must be the same whoever reads. Polars and DuckDB are not the project's
dependencies: monitoring.py runs those readers in an environment of their own.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from memory import most_memory_bytes

THRESHOLD = 0.8
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

Found = dict[str, Any]


def read_bytes(paths: Sequence[Path]) -> Found:
    """The limit: the files' bytes, and nothing of them."""
    return {"bytes": sum(len(path.read_bytes()) for path in paths)}


def read_as_the_monitor(paths: Sequence[Path]) -> Found:
    """What the monitor does, but for the pictures."""
    from datetime import UTC, datetime

    from lambdas.monitor.records import gather
    from lambdas.monitor.window import describe_scores

    files = ((path.name, path.read_bytes()) for path in paths)
    records = gather(files, 2, datetime(2000, 1, 1, tzinfo=UTC), 0)
    described = describe_scores(records.scores, ("bicycle", "motorcycle"), THRESHOLD)
    confidence = described["confidence"]
    return {
        "records": confidence["n"],
        "low": described["low_confidence"]["count"],
        "first_class": described["classes"]["bicycle"],
        "quantiles": [confidence[name] for name in ("p05", "p25", "p50", "p75", "p95")],
    }


def read_with_json(paths: Sequence[Path]) -> Found:
    """The standard library's parser, line by line."""
    import numpy as np

    scores = []
    for path in paths:
        for line in path.read_bytes().splitlines():
            scores.append(json.loads(json.loads(line)["captureData"]["endpointOutput"]["data"]))
    return _found(np.array(scores))


def read_with_pandas(paths: Sequence[Path]) -> Found:
    """The standard library's parser, and the records as a table."""
    import numpy as np
    import pandas as pd

    records = [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]
    table = pd.json_normalize(records)
    answers = table["captureData.endpointOutput.data"].map(json.loads)
    return _found(np.array(answers.tolist()))


def read_with_polars(paths: Sequence[Path]) -> Found:
    """Polars' reader for JSON lines, told what to expect."""
    import polars as pl

    side = pl.Struct({"data": pl.String})
    schema = {"captureData": pl.Struct({"endpointOutput": side})}
    answer = pl.col("captureData").struct.field("endpointOutput").struct.field("data")
    scores = (
        pl.scan_ndjson(list(paths), schema=schema)
        .select(answer.str.json_decode(pl.List(pl.Float64)).list.to_array(2))
        .collect()
        .to_series()
        .to_numpy()
    )
    return _found(scores)


def read_with_duckdb(paths: Sequence[Path]) -> Found:
    """DuckDB's reader for JSON lines, told what to expect."""
    import duckdb

    duckdb.sql("SET threads = 1")
    answer = "json_extract_string(json, '$.captureData.endpointOutput.data')::JSON"
    found = duckdb.sql(
        f"SELECT ({answer}->>'$[0]')::DOUBLE, ({answer}->>'$[1]')::DOUBLE "
        f"FROM read_ndjson_objects({[str(path) for path in paths]})"
    ).fetchnumpy()
    import numpy as np

    return _found(np.column_stack(list(found.values())))


def _found(scores: Any) -> Found:
    import numpy as np

    confidence = scores.max(axis=1)
    return {
        "records": len(scores),
        "low": int((confidence < THRESHOLD).sum()),
        "first_class": int((scores.argmax(axis=1) == 0).sum()),
        "quantiles": [round(float(q), 6) for q in np.quantile(confidence, QUANTILES)],
    }


# What each needs imported, which is not counted.
READERS: dict[str, tuple[str, Callable[[Sequence[Path]], Found]]] = {
    "nothing": ("json", lambda _: {}),
    "bytes": ("json", read_bytes),
    "monitor": ("lambdas.monitor.window", read_as_the_monitor),
    "json": ("numpy", read_with_json),
    "pandas": ("pandas", read_with_pandas),
    "polars": ("polars", read_with_polars),
    "duckdb": ("duckdb", read_with_duckdb),
}


def main(reader: str, folder: Path) -> None:
    paths = sorted(folder.glob("*.jsonl"))
    module, read = READERS[reader]
    importlib.import_module("numpy" if module in ("polars", "duckdb") else module)
    importlib.import_module(module)
    started = time.process_time()
    found = read(paths)
    seconds = time.process_time() - started
    print(json.dumps({"processor_s": seconds, "memory_bytes": most_memory_bytes(), **found}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
