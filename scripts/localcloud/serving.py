"""The model server of a local container: GET /ping and POST /invocations, as SageMaker asks.

    python serving.py MODEL_DIR PORT_FILE

Loads `MODEL_DIR/code/inference.py` and calls its model_fn, input_fn, predict_fn and output_fn, as
AWS's containers do. It listens on a free loopback port and writes the number to PORT_FILE once
the model is loaded. Only the standard library is used here: what is measured is the model.
"""

import importlib.util
import os
import sys
import traceback
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

MAX_BODY_BYTES = 6_553_500  # TorchServe's limit, unless TS_MAX_REQUEST_SIZE is another


def load_code(model_dir: Path) -> ModuleType:
    """Import the model's own `code/` as a container does: from that folder, modules flat."""
    code = model_dir / "code"
    program = code / os.environ.get("SAGEMAKER_PROGRAM", "inference.py")
    sys.path.insert(0, str(code))
    spec = importlib.util.spec_from_file_location("inference", program)
    if spec is None or spec.loader is None or not program.is_file():
        raise SystemExit(f"The model has no {program.relative_to(model_dir)}.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class ModelServer(ThreadingHTTPServer):
    """Serves one loaded model."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, code: ModuleType, model: Any) -> None:
        self.code, self.model = code, model
        self.max_body_bytes = int(os.environ.get("TS_MAX_REQUEST_SIZE", MAX_BODY_BYTES))
        super().__init__(("127.0.0.1", 0), _Handler)

    def answer(self, body: bytes, content_type: str, accept: str) -> tuple[int, bytes, str]:
        """Status, body and content type for one request. Never raises."""
        try:
            data = self.code.input_fn(body, content_type)
            scores = self.code.predict_fn(data, self.model)
            answer = self.code.output_fn(scores, accept)
            text, answered_type = answer if isinstance(answer, tuple) else (answer, accept)
            return HTTPStatus.OK, text if isinstance(text, bytes) else text.encode(), answered_type
        except Exception as error:
            # AWS's toolkit answers with an exception's own status_code, else with 500.
            status = getattr(error, "status_code", None)
            if not isinstance(status, int) or not 400 <= status < 600:
                status = HTTPStatus.INTERNAL_SERVER_ERROR
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                traceback.print_exc()
            return status, str(error).encode(), "text/plain"


class _Handler(BaseHTTPRequestHandler):
    server: ModelServer
    protocol_version = "HTTP/1.1"
    # Head and body leave in one packet: two would wait for each other's acknowledgement.
    wbufsize = -1

    def do_GET(self) -> None:
        self._send(HTTPStatus.OK if self.path == "/ping" else HTTPStatus.NOT_FOUND, b"")

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        if length > self.server.max_body_bytes:
            # A client that is still sending would not see the answer.
            while length and (chunk := self.rfile.read(min(length, 65_536))):
                length -= len(chunk)
            self._send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"The request is too large.")
            return
        body = self.rfile.read(length)
        if self.path != "/invocations":
            self._send(HTTPStatus.NOT_FOUND, b"")
            return
        content_type = self.headers.get("Content-Type", "application/octet-stream")
        self._send(*self.server.answer(body, content_type, self.headers.get("Accept", "")))

    def _send(self, status: int, body: bytes, content_type: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing for each request; errors are printed where they happen."""


def main(model_dir: Path, port_file: Path) -> None:
    code = load_code(model_dir)
    server = ModelServer(code, code.model_fn(str(model_dir)))
    ready = port_file.with_suffix(".tmp")
    ready.write_text(str(server.server_port))
    ready.rename(port_file)
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
