"""How the servers are asked, and what their figures mean."""

import io
import threading
from types import SimpleNamespace

import measuring
import numpy as np
import pytest
import serving
from PIL import Image

from scripts.localcloud.serving import ModelServer


@pytest.fixture
def server():
    """A model server that counts what it is sent; refuses b"bad"."""
    bodies = []

    def predict(body, model):
        bodies.append(body)
        if body == b"bad":
            raise ValueError("no picture")
        return "[0.5, 0.5]"

    code = SimpleNamespace(
        input_fn=lambda body, content_type: body,
        predict_fn=predict,
        output_fn=lambda text, accept: (text, accept),
    )
    running = ModelServer(code, None)
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    yield SimpleNamespace(port=running.server_port, bodies=bodies)
    running.shutdown()
    running.server_close()


def test_every_answer_that_eight_clients_count_was_given(server, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(name.encode())
    round_ = serving.together(server.port, tmp_path, seconds=0.2)
    # Each client asks once before the clock starts.
    assert len(round_["answers_s"]) == len(server.bodies) - serving.CLIENTS
    assert round_["pictures_per_s"] == pytest.approx(len(round_["answers_s"]) / 0.2)
    assert {b"a", b"b"} == set(server.bodies)
    assert round_["client_processor_s"] > 0


def test_an_answer_that_is_an_error_ends_the_measurement(server, tmp_path, capfd):
    (tmp_path / "a").write_bytes(b"bad")
    with pytest.raises(RuntimeError, match="was not answered"):
        serving.together(server.port, tmp_path, seconds=0.2)
    assert "answered 500" in capfd.readouterr().err


def test_a_percentile_is_a_value_that_occurred():
    seconds = [i / 1000 for i in range(101)]
    assert measuring.quantiles_ms(seconds[::-1]) == {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99}
    assert measuring.quantiles_ms([0.004]) == {"p50_ms": 4, "p95_ms": 4, "p99_ms": 4}


def test_scores_are_compared_picture_by_picture():
    ours = [[0.9, 0.1], [0.55, 0.45], [0.2, 0.8]]
    theirs = [[0.9, 0.1], [0.45, 0.55], [0.22, 0.78]]
    assert serving.compare(ours, theirs) == {
        "median_score_difference": pytest.approx(0.02),
        "largest_score_difference": pytest.approx(0.1),
        "other_decisions": 1,
    }


@pytest.mark.parametrize("name", [name for name in serving.ENCODINGS if "JPEG" not in name])
def test_the_lossless_encodings_hold_the_same_pixels(name):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    with Image.open(
        io.BytesIO(serving.encode(buffer.getvalue(), serving.ENCODINGS[name]))
    ) as found:
        np.testing.assert_array_equal(np.asarray(found.convert("RGB")), pixels)
        assert found.format == serving.ENCODINGS[name]["format"]
