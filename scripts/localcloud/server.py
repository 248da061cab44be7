"""One loopback port for SageMaker, its runtime and Application Auto Scaling."""

import json
import re
import sys
import traceback
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from scripts.localcloud import endpoint_faults, faults
from scripts.localcloud.fleet import Invocation
from scripts.localcloud.moto_backend import AutoScaling, Moto
from scripts.localcloud.protocol import (
    ServiceError,
    check_request,
    encode,
    parse_request,
    service_model,
)
from scripts.localcloud.sagemaker import SageMaker
from scripts.localcloud.scaling import Scaler

MAX_BODY_BYTES = 6_291_456  # InvokeEndpoint's limit, also ample for every control request
_INVOCATION = re.compile(r"/endpoints/([^/]+)/invocations")
_AUTO_SCALING = "AnyScaleFrontendService"
_JSON = "application/x-amz-json-1.1"
# What InvokeEndpoint is understood to ask for here, beside its body.
_INVOCATION_MEMBERS = {
    "EndpointName",
    "ContentType",
    "Accept",
    "CustomAttributes",
    "TargetVariant",
    "InferenceId",
}


class Server(ThreadingHTTPServer):
    """Listens on a free loopback port; `server_port` tells which.

    `faults_file` is where faults are switched on: see faults.py.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, sagemaker: SageMaker, faults_file: Path) -> None:
        self.sagemaker = sagemaker
        self.faults_file = faults_file
        self.moto = Moto()
        endpoints = sagemaker.endpoints
        self.auto_scaling = AutoScaling(self.moto, lambda: self.scaler.activities)
        endpoints.is_scaled = lambda name: any(
            target.endpoint == name for target in self.auto_scaling.targets()
        )
        self.scaler = Scaler(
            sagemaker.aws,
            self.auto_scaling.targets,
            self.auto_scaling.limit,
            endpoints.instances,
            endpoints.resize,
        )
        self.scaler.start()
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is no news."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet

    def do_POST(self) -> None:
        try:
            body = self._read_body()
            if match := _INVOCATION.fullmatch(urlsplit(self.path).path):
                self._invoke(unquote(match.group(1)), body)
            else:
                self._control(body)
        except ServiceError as error:
            self._fail(error)
        except ConnectionError:
            raise
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            self._fail(ServiceError("InternalFailure", str(error), 500))

    def _read_body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise ServiceError("ValidationError", "A request must have a Content-Length.", 411)
        if int(length) <= MAX_BODY_BYTES:
            body = self.rfile.read(int(length))
            if len(body) < int(length):
                raise ConnectionError("The client went away before it had sent its request.")
            return body
        # A client that is still sending would not see the answer.
        left = int(length)
        while left and (chunk := self.rfile.read(min(left, 65_536))):
            left -= len(chunk)
        raise ServiceError(
            "ValidationError", f"HTTP content length exceeded {MAX_BODY_BYTES} bytes.", 413
        )

    def _invoke(self, endpoint: str, body: bytes) -> None:
        shape = service_model("sagemaker-runtime").operation_model("InvokeEndpoint").input_shape
        request = {
            name: value
            for name, member in shape.members.items()
            if (value := self.headers.get(member.serialization.get("name", ""))) is not None
        } | {"EndpointName": endpoint}
        check_request(
            "sagemaker-runtime", "InvokeEndpoint", request | {"Body": body}, "ValidationError"
        )
        if unknown := request.keys() - _INVOCATION_MEMBERS:
            raise ServiceError(
                "ValidationError", f"The local cloud does not have {', '.join(sorted(unknown))}."
            )
        fault = faults.strike(self.server.faults_file, "InvokeEndpoint", json.dumps(request))
        if fault and (refusal := endpoint_faults.refusal(fault)):
            raise refusal
        answer, variant = self.server.sagemaker.endpoints.invoke(
            endpoint,
            Invocation(
                body=body,
                content_type=request.get("ContentType", "application/octet-stream"),
                accept=request.get("Accept", "application/json"),
                inference_id=request.get("InferenceId"),
                custom_attributes=request.get("CustomAttributes"),
                target_variant=request.get("TargetVariant"),
                fault=fault,
            ),
        )
        headers = {"x-Amzn-Invoked-Production-Variant": variant}
        self._send(200, answer.body, answer.content_type, headers)

    def _control(self, body: bytes) -> None:
        service, _, operation = self.headers.get("X-Amz-Target", "").rpartition(".")
        asked = (self.path, list(self.headers.items()), body)
        if service == _AUTO_SCALING:
            request = parse_request("application-autoscaling", operation, body)
            self._send(*self.server.auto_scaling.answer(operation, request, *asked))
            return
        request = parse_request("sagemaker", operation, body)
        sagemaker = self.server.sagemaker
        if sagemaker.handles(operation, request):
            self._send(200, encode(sagemaker.operations[operation](request)))
        else:
            self._send(*self.server.moto.answer(*asked))

    def _fail(self, error: ServiceError) -> None:
        self._send(error.status, error.body(), _JSON, {"x-amzn-errortype": error.code})

    def _send(
        self,
        status: int,
        body: bytes,
        content_type: str = _JSON,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing for each request; errors are printed where they happen."""
