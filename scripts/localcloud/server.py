"""One loopback port for SageMaker, its runtime and Application Auto Scaling."""

import re
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from scripts.localcloud.endpoints import Invocation
from scripts.localcloud.protocol import ServiceError, encode, parse_request
from scripts.localcloud.sagemaker import SageMaker

MAX_BODY_BYTES = 6_291_456  # InvokeEndpoint's limit, also ample for every control request
_INVOCATION = re.compile(r"/endpoints/([^/]+)/invocations$")
_AUTO_SCALING = "AnyScaleFrontendService"


class Server(ThreadingHTTPServer):
    """Listens on a free loopback port; `server_port` tells which."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, sagemaker: SageMaker) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self.sagemaker = sagemaker
        self.moto = DomainDispatcherApplication(create_backend_app)
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            error = ServiceError("ValidationError", "The request body is too large.", 413)
            self._fail(error)
            return
        body = self.rfile.read(length)
        try:
            if match := _INVOCATION.match(urlsplit(self.path).path):
                self._invoke(unquote(match.group(1)), body)
            else:
                self._control(body)
        except ServiceError as error:
            self._fail(error)
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            self._fail(ServiceError("InternalFailure", str(error), 500))

    def _invoke(self, endpoint: str, body: bytes) -> None:
        header = "X-Amzn-SageMaker-"
        answer, content_type, variant = self.server.sagemaker.endpoints.invoke(
            endpoint,
            Invocation(
                body=body,
                content_type=self.headers.get("Content-Type", "application/octet-stream"),
                accept=self.headers.get("Accept", "application/json"),
                inference_id=self.headers.get(f"{header}Inference-Id"),
                custom_attributes=self.headers.get(f"{header}Custom-Attributes"),
                target_variant=self.headers.get(f"{header}Target-Variant"),
            ),
        )
        self._send(200, answer, content_type, {"x-Amzn-Invoked-Production-Variant": variant})

    def _control(self, body: bytes) -> None:
        service, _, operation = self.headers.get("X-Amz-Target", "").rpartition(".")
        if service == _AUTO_SCALING:
            self._auto_scaling(operation, body)
            return
        request = parse_request("sagemaker", operation, body)
        ours = self.server.sagemaker.operations.get(operation)
        if ours:
            self._send(200, encode(ours(request)))
        elif operation in ("ListTags", "AddTags") and self._tags(operation, request):
            return
        else:
            self._moto(body)

    def _tags(self, operation: str, request: dict[str, Any]) -> bool:
        tags = self.server.sagemaker.tags_of(request["ResourceArn"])
        if tags is None:
            return False
        if operation == "AddTags":
            new = {tag["Key"]: tag for tag in [*tags, *request["Tags"]]}
            tags[:] = new.values()
        self._send(200, encode({"Tags": tags}))
        return True

    def _auto_scaling(self, operation: str, body: bytes) -> None:
        parse_request("application-autoscaling", operation, body)
        if operation == "ListTagsForResource":  # moto lacks it; Terraform's provider calls it
            self._send(200, encode({"Tags": {}}))
        else:
            self._moto(body)

    def _moto(self, body: bytes) -> None:
        from werkzeug.test import EnvironBuilder, run_wsgi_app

        environ = EnvironBuilder(
            path=self.path, method="POST", headers=list(self.headers.items()), data=body
        ).get_environ()
        chunks, status, headers = run_wsgi_app(self.server.moto, environ)
        content_type = headers.get("Content-Type", "application/x-amz-json-1.1")
        self._send(int(status.split()[0]), b"".join(chunks), content_type)

    def _fail(self, error: ServiceError) -> None:
        self._send(
            error.status, error.body(), "application/json", {"x-amzn-errortype": error.code}
        )

    def _send(
        self,
        status: int,
        body: bytes,
        content_type: str = "application/x-amz-json-1.1",
        headers: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing for each request; errors are printed where they happen."""
