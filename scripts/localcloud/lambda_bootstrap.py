"""What Lambda does before the runtime client: mount the function's layers, then run it.

A local package's `bootstrap` runs this file. The layers come from the emulated Lambda service,
exactly as published there, and AWS's own runtime client (awslambdaric) runs the handler.
"""

import compileall
import io
import json
import os
import shutil
import sys
import tempfile
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awslambdaric.bootstrap
from awslambdaric.__main__ import main as run_runtime_client


def mount_layers(function_name: str, layer_dir: Path) -> list[Path]:
    """Unpack the function's layers once for each version; return their `python/` folders."""
    name = urllib.parse.quote(function_name)
    function = _lambda_api(f"/2015-03-31/functions/{name}/configuration")
    folders = []
    for layer in function.get("Layers", []):
        folder = layer_dir / layer["Arn"].replace(":", "_")
        if not folder.exists():
            _unpack_layer(layer["Arn"], folder)
        folders.append(folder / "python")
    return folders


def _unpack_layer(arn: str, folder: Path) -> None:
    query = urllib.parse.urlencode({"find": "LayerVersion", "Arn": arn})
    location = _lambda_api(f"/2018-10-31/layers?{query}")["Content"]["Location"]
    unpacked = Path(tempfile.mkdtemp(dir=folder.parent))
    zipfile.ZipFile(io.BytesIO(_get(location))).extractall(unpacked)
    # Every cold start would compile it again where byte code is not written on import.
    compileall.compile_dir(unpacked, quiet=2)
    try:
        unpacked.rename(folder)
    except OSError:
        shutil.rmtree(unpacked)
        if not folder.exists():  # else another process was first
            raise


def _lambda_api(path: str) -> dict[str, Any]:
    """A GET of Lambda's API. boto3 would take longer to start than most functions run."""
    answer: dict[str, Any] = json.loads(_get(os.environ["AWS_ENDPOINT_URL"] + path))
    return answer


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - loopback
        content: bytes = answer.read()
        return content


def end_each_log_with_an_empty_line() -> None:
    """ministack waits 50 ms for the first line of a call that has nothing to say. It shows no empty
    line in the log, but stops waiting for one."""
    find = awslambdaric.bootstrap._get_handler

    def found(name: str) -> Callable[..., Any]:
        handler = find(name)

        def handle(event: Any, context: Any) -> Any:
            try:
                return handler(event, context)
            finally:
                print(file=sys.stderr, flush=True)

        return handle

    awslambdaric.bootstrap._get_handler = found


def main() -> None:
    task_root = os.environ["LAMBDA_TASK_ROOT"]
    layer_dir = Path(os.environ["LOCAL_LAMBDA_LAYERS"])
    layer_dir.mkdir(parents=True, exist_ok=True)
    layers = mount_layers(os.environ["AWS_LAMBDA_FUNCTION_NAME"], layer_dir)
    # As on AWS: the function's own code first, then the layers, then what the runtime brings.
    sys.path[0:1] = [task_root, *map(str, layers)]
    end_each_log_with_an_empty_line()
    run_runtime_client(["awslambdaric", os.environ["_HANDLER"]])


if __name__ == "__main__":
    main()
