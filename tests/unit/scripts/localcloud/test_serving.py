"""The model server of a local container."""

import http.client
import sys
import threading
from types import SimpleNamespace

import pytest

from scripts.localcloud import serving
from scripts.localcloud.serving import ModelServer, load_code


class Refused(ValueError):
    status_code = 422


def code(**functions):
    """Inference code: it answers with the body in capitals, unless `functions` say otherwise."""
    defaults = {
        "input_fn": lambda body, content_type: body.decode(),
        "predict_fn": lambda text, model: text.upper(),
        "output_fn": lambda text, accept: (text, accept),
    }
    return SimpleNamespace(**defaults | functions)


@pytest.fixture
def serve():
    """serve(code): a running server; a function that asks it, and gives status, type and body.

    Its attribute `port` is where the server listens.
    """
    servers = []

    def start(module):
        server = ModelServer(module, "model")
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

        def ask(method, path, body=b"", **headers):
            connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                return answer.status, answer.headers["Content-Type"], answer.read()
            finally:
                connection.close()

        ask.port = server.server_port
        return ask

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def raising(error):
    def function(*_):
        raise error

    return function


def test_a_ping_is_answered_and_other_paths_are_not_found(serve):
    ask = serve(code())
    assert ask("GET", "/ping")[0] == 200
    assert ask("GET", "/other")[0] == 404
    assert ask("POST", "/other")[0] == 404


def test_an_invocation_goes_through_the_codes_functions(serve):
    ask = serve(code())
    answer = ask("POST", "/invocations", b"hello", Accept="text/loud")
    assert answer == (200, "text/loud", b"HELLO")


def test_one_connection_serves_many_requests(serve):
    ask = serve(code())
    connection = http.client.HTTPConnection("127.0.0.1", ask.port, timeout=5)
    connection.connect()
    first = connection.sock
    for body in (b"one", b"two"):
        connection.request("POST", "/invocations", body)
        assert connection.getresponse().read() == body.upper()
        assert connection.sock is first
    connection.close()


def test_input_and_output_functions_are_given_the_types(serve):
    seen = []
    module = code(
        input_fn=lambda body, content_type: seen.append(content_type) or "",
        output_fn=lambda text, accept: seen.append(accept) or text,
    )
    serve(module)("POST", "/invocations", **{"Content-Type": "image/png", "Accept": "a/json"})
    assert seen == ["image/png", "a/json"]


def test_an_answer_without_a_type_has_the_one_that_was_asked_for():
    server = ModelServer(code(output_fn=lambda text, accept: b"bytes"), "model")
    assert server.answer(b"", "text/plain", "text/loud") == (200, b"bytes", "text/loud")
    server.server_close()


@pytest.mark.parametrize("function", ["input_fn", "predict_fn", "output_fn"])
def test_an_exceptions_own_status_is_the_answers(serve, function, capfd):
    ask = serve(code(**{function: raising(Refused("not this one"))}))
    assert ask("POST", "/invocations") == (422, "text/plain", b"not this one")
    assert capfd.readouterr().err == ""


def test_an_exception_without_a_status_is_a_500_and_is_logged(serve, capfd):
    ask = serve(code(predict_fn=raising(RuntimeError("it went wrong"))))
    assert ask("POST", "/invocations") == (500, "text/plain", b"it went wrong")
    assert "RuntimeError: it went wrong" in capfd.readouterr().err


@pytest.mark.parametrize("status", [200, 302, 600, "422", None])
def test_a_status_that_is_none_of_an_error_is_a_500(serve, status):
    error = RuntimeError("odd")
    error.status_code = status
    assert serve(code(predict_fn=raising(error)))("POST", "/invocations")[0] == 500


def test_an_answer_that_is_neither_text_nor_bytes_is_a_500(serve):
    assert serve(code(output_fn=lambda *_: None))("POST", "/invocations")[0] == 500


def test_a_body_over_torchserves_limit_is_refused_and_its_client_sees_the_answer(serve):
    ask = serve(code())
    assert ask("POST", "/invocations", b"x" * 6_553_500)[0] == 200
    assert ask("POST", "/invocations", b"x" * 6_553_501)[0] == 413
    assert ask("POST", "/invocations", b"x" * 20_000_000)[0] == 413


def test_the_limit_is_what_torchserve_would_be_told(serve, monkeypatch):
    monkeypatch.setenv("TS_MAX_REQUEST_SIZE", "26214400")
    ask = serve(code())
    assert ask("POST", "/invocations", b"x" * 26_214_400)[0] == 200
    assert ask("POST", "/invocations", b"x" * 26_214_401)[0] == 413


def test_the_code_is_imported_with_its_own_modules(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "beside_it.py").write_text("ANSWER = 42")
    (tmp_path / "code" / "inference.py").write_text("from beside_it import ANSWER")
    assert load_code(tmp_path).ANSWER == 42


def test_the_program_can_be_named_otherwise(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("SAGEMAKER_PROGRAM", "serve_me.py")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "serve_me.py").write_text("ANSWER = 7")
    assert load_code(tmp_path).ANSWER == 7


def test_a_model_without_code_ends_with_a_word(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(SystemExit, match=r"The model has no code/inference\.py"):
        load_code(tmp_path)


def test_the_port_is_told_only_when_the_model_is_loaded(tmp_path, monkeypatch):
    port_file = tmp_path / "port"
    seen = []
    module = code(model_fn=lambda folder: seen.append((folder, port_file.exists())))
    monkeypatch.setattr(serving, "load_code", lambda _: module)
    monkeypatch.setattr(ModelServer, "serve_forever", lambda self: seen.append(self.server_port))
    serving.main(tmp_path, port_file)
    assert seen == [(str(tmp_path), False), int(port_file.read_text())]
