"""What drivers send: real photographs, drifted ones, and files that are none."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lambdas.common.errors import Rejected
from lambdas.common.picture import normalise
from scripts.traffic import pictures
from tests.bad_inputs import stripes
from tests.fuzz.seeds import encoded

LABELLED = {
    "bicycle": [encoded(stripes(), "PNG")],
    "motorcycle": [encoded(Image.new("RGB", (32, 32), (120, 90, 60)), "PNG")],
}


def made(folder: Path, kind: str, count: int = 10, seed: int = 0):
    return pictures.make(folder, kind, LABELLED, count, seed)


def brightness(path: Path) -> float:
    with Image.open(path) as opened:
        return float(np.asarray(opened.convert("L")).mean())


def roughness(path: Path) -> float:
    with Image.open(path) as opened:
        grey = np.asarray(opened.convert("L").resize((160, 160)), dtype=float)
    return float(np.abs(np.diff(grey)).mean())


def test_a_class_is_shown_by_photographs_of_it_alone(tmp_path):
    found = made(tmp_path, "bicycle")
    assert len(found) == 10
    assert {one.truth for one in found} == {"bicycle"}
    assert len({one.path.read_bytes() for one in found}) == 10


@pytest.mark.parametrize("kind", sorted(pictures.DRIFTED))
def test_drifted_pictures_are_of_every_class_and_accepted_as_pictures(tmp_path, kind):
    found = made(tmp_path, kind)
    assert {one.truth for one in found} == {"bicycle", "motorcycle"}
    for one in found:
        assert normalise(one.path.read_bytes(), 128, 50_000_000)


def test_dark_pictures_have_a_fifth_of_the_light(tmp_path):
    ordinary = np.mean([brightness(one.path) for one in made(tmp_path, "bicycle")])
    dark = [brightness(one.path) for one in made(tmp_path, "dark") if one.truth == "bicycle"]
    assert 0.1 * ordinary < np.mean(dark) < 0.3 * ordinary


def test_blurred_pictures_are_smoother_and_grainy_ones_rougher(tmp_path):
    mean = {
        kind: np.mean(
            [roughness(one.path) for one in made(tmp_path, kind, 20) if one.truth == "motorcycle"]
        )
        for kind in ("motorcycle", "grainy")
    }
    assert mean["grainy"] > mean["motorcycle"] + 5
    striped = {
        kind: np.mean(
            [roughness(one.path) for one in made(tmp_path, kind, 20) if one.truth == "bicycle"]
        )
        for kind in ("bicycle", "blurred")
    }
    assert striped["blurred"] < striped["bicycle"]


def test_every_hostile_file_is_refused_by_the_workflow(tmp_path):
    found = made(tmp_path, "hostile", len(pictures.HOSTILE))
    assert {one.truth for one in found} == {None}
    for one in found:
        with pytest.raises(Rejected):
            normalise(one.path.read_bytes(), 128, 50_000_000)


def test_a_large_load_sends_its_files_again(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "VARIATIONS", 10)
    assert len(made(tmp_path, "bicycle", 9)) == 9
    assert len(made(tmp_path, "bicycle", 10_000)) == 10


def test_another_seed_makes_other_photographs(tmp_path):
    one, other = tmp_path / "1", tmp_path / "2"
    one.mkdir()
    other.mkdir()
    first, second = made(one, "bicycle", 1, seed=1), made(other, "bicycle", 1, seed=2)
    assert first[0].path.read_bytes() != second[0].path.read_bytes()


def test_a_gif_is_a_gif():
    with Image.open(io.BytesIO(pictures.HOSTILE[-1](LABELLED["bicycle"][0]))) as opened:
        assert opened.format == "GIF"
