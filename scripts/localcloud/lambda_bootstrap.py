"""What Lambda does before the runtime client: mount the function's layers, then run it.

A local package's `bootstrap` runs this file. The layers come from the emulated Lambda service,
exactly as published there, and AWS's own runtime client (awslambdaric) runs the handler.
"""

import io
import os
import sys
import tempfile
import urllib.request
import zipfile
from pathlib import Path

import boto3
from awslambdaric.__main__ import main as run_runtime_client


def mount_layers(function_name: str, layer_dir: Path) -> list[Path]:
    """Unpack the function's layers once for each version; return their `python/` folders."""
    client = boto3.client("lambda")
    layers = client.get_function_configuration(FunctionName=function_name).get("Layers", [])
    folders = []
    for layer in layers:
        folder = layer_dir / layer["Arn"].replace(":", "_")
        if not folder.exists():
            content = client.get_layer_version_by_arn(Arn=layer["Arn"])["Content"]
            with urllib.request.urlopen(content["Location"]) as answer:  # noqa: S310 - loopback
                archive = zipfile.ZipFile(io.BytesIO(answer.read()))
            unpacked = Path(tempfile.mkdtemp(dir=layer_dir))
            archive.extractall(unpacked)
            try:
                unpacked.rename(folder)
            except OSError:
                if not folder.exists():  # else another process was first
                    raise
        folders.append(folder / "python")
    return folders


def main() -> None:
    task_root = os.environ["LAMBDA_TASK_ROOT"]
    layer_dir = Path(os.environ["LOCAL_LAMBDA_LAYERS"])
    layer_dir.mkdir(parents=True, exist_ok=True)
    layers = mount_layers(os.environ["AWS_LAMBDA_FUNCTION_NAME"], layer_dir)
    # As on AWS: the function's own code first, then the layers, then what the runtime brings.
    sys.path[0:1] = [task_root, *map(str, layers)]
    run_runtime_client(["awslambdaric", os.environ["_HANDLER"]])


if __name__ == "__main__":
    main()
