import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from scripts.dataset import layout
from scripts.dataset.model import Splits

CLASSES = ("bicycle", "motorcycle")
URI = "s3://bucket/datasets/abc/"


@pytest.fixture
def splits(samples: Any) -> Splits:
    def part(count: int, start: int) -> tuple[Any, ...]:
        return (*samples(count, start=start), *samples(count, label=1, start=start))

    return Splits(part(10, 0), part(2, 20), part(3, 30), ("bicycle/leak.png",), 7, "here")


@pytest.fixture
def objects(splits: Splits) -> dict[str, layout.StagedObject]:
    return {item.key: item for item in layout.objects(splits, CLASSES, URI)}


def lines(item: layout.StagedObject) -> list[list[str]]:
    return [line.split("\t") for line in item.data.decode().splitlines()]


def test_every_picture_lies_under_its_part_and_class(objects: Any, splits: Splits) -> None:
    for part, samples in splits.parts().items():
        for sample in samples:
            item = objects[f"{part}/{CLASSES[sample.label]}/{sample.name}"]
            assert (item.data, item.media_type) == (sample.data, "image/png")


def test_there_are_lists_and_manifests_and_nothing_else(objects: Any) -> None:
    others = {key for key in objects if not key.endswith(".png")}
    assert others == {
        "train/train.lst", "validation/validation.lst", "test/test.lst",
        "train_lst/train.lst", "validation_lst/validation.lst",
        "manifests/train.json", "manifests/validation.json", "manifests/test.json",
    }  # fmt: skip


def test_a_list_has_index_label_and_path_of_every_picture(objects: Any, splits: Splits) -> None:
    rows = lines(objects["train/train.lst"])
    assert [row[0] for row in rows] == [str(index) for index in range(20)]
    expected = {(str(s.label), f"{CLASSES[s.label]}/{s.name}") for s in splits.train}
    assert {(label, path) for _, label, path in rows} == expected


def test_the_built_in_algorithm_gets_the_same_lists(objects: Any) -> None:
    assert objects["train_lst/train.lst"].data == objects["train/train.lst"].data
    assert (
        objects["validation_lst/validation.lst"].data == objects["validation/validation.lst"].data
    )


def test_a_list_mixes_the_classes(objects: Any) -> None:
    labels = [row[1] for row in lines(objects["train/train.lst"])]
    assert labels not in (sorted(labels), sorted(labels, reverse=True))
    assert len({*labels[:10]}) == len({*labels[10:]}) == 2


def test_a_manifest_lists_the_pictures_of_its_part_alone(objects: Any, splits: Splits) -> None:
    prefix, *names = json.loads(objects["manifests/test.json"].data)
    assert prefix == {"prefix": f"{URI}test/"}
    assert set(names) == {f"{CLASSES[s.label]}/{s.name}" for s in splits.test}


def test_the_digest_is_the_same_for_the_same_data_in_another_order(splits: Splits) -> None:
    reordered = replace(splits, train=splits.train[::-1])
    assert layout.splits_digest(reordered, CLASSES) == layout.splits_digest(splits, CLASSES)


def test_seed_and_source_are_no_part_of_the_digest(splits: Splits) -> None:
    other = replace(splits, seed=8, source="elsewhere")
    assert layout.splits_digest(other, CLASSES) == layout.splits_digest(splits, CLASSES)


@pytest.mark.parametrize("change", ["classes", "label", "name", "data", "part"])
def test_any_change_of_the_data_changes_the_digest(splits: Splits, change: str) -> None:
    first, *rest = splits.train
    classes = ("motorcycle", "bicycle") if change == "classes" else CLASSES
    changed = {
        "label": replace(splits, train=(replace(first, label=1), *rest)),
        "name": replace(splits, train=(replace(first, name="x.png"), *rest)),
        "data": replace(splits, train=(replace(first, data=first.data + b"x"), *rest)),
        "part": replace(splits, train=tuple(rest), validation=(*splits.validation, first)),
    }.get(change, splits)
    assert layout.splits_digest(changed, classes) != layout.splits_digest(splits, CLASSES)


def test_an_object_is_listed_with_its_size_and_md5() -> None:
    item = layout.StagedObject("a", b"data", "text/plain")
    assert item.listed_as == (4, hashlib.md5(b"data").hexdigest())


def test_the_marker_tells_what_is_there(splits: Splits) -> None:
    marker = layout.marker(splits, CLASSES, {"a": (1, "x")})
    content = json.loads(marker.data)
    digest = layout.splits_digest(splits, CLASSES)
    assert marker.key == "dataset.json"
    assert content["digest"] == digest
    assert content["dataset_id"] == digest[:12]
    assert content["classes"] == ["bicycle", "motorcycle"]
    assert content["counts"]["validation"] == {"bicycle": 2, "motorcycle": 2}
    assert (content["seed"], content["source"]) == (7, "here")
    assert content["dropped"] == ["bicycle/leak.png"]


def test_a_data_set_is_complete_until_something_is_written_after_the_marker(
    splits: Splits,
) -> None:
    digest = layout.splits_digest(splits, CLASSES)
    listing = {"b": (2, "y"), "a": (1, "x")}
    marker = layout.marker(splits, CLASSES, listing).data
    assert layout.is_complete(
        marker, digest, {"a": (1, "x"), "b": (2, "y"), "dataset.json": (9, "z")}
    )
    assert not layout.is_complete(marker, digest, listing | {"a": (1, "changed")})
    assert not layout.is_complete(marker, digest, {"a": (1, "x")})
    assert not layout.is_complete(marker, "another digest", listing)


@pytest.mark.parametrize("marker", [b"", b"{", b"[]", b"\xff", b"{}"])
def test_a_damaged_marker_marks_nothing(marker: bytes) -> None:
    assert not layout.is_complete(marker, "digest", {})


def test_a_marker_is_read_as_it_was_written(splits: Splits) -> None:
    marker = layout.read_marker(layout.marker(splits, CLASSES, {}).data)
    assert marker == layout.Marker(
        layout.splits_digest(splits, CLASSES), CLASSES, ("bicycle/leak.png",), 7, "here"
    )


def test_a_marker_that_only_counts_what_was_dropped_is_read_without_names(splits: Splits) -> None:
    content = json.loads(layout.marker(splits, CLASSES, {}).data)
    older = json.dumps(content | {"dropped": 3}).encode()
    assert layout.read_marker(older).dropped == ()


@pytest.mark.parametrize("change", [{"layout": "another"}, {"classes": None}, {"seed": None}])
def test_a_marker_of_another_kind_is_refused(splits: Splits, change: dict[str, Any]) -> None:
    content = json.loads(layout.marker(splits, CLASSES, {}).data)
    with pytest.raises(ValueError, match=r"layout|missing or wrong"):
        layout.read_marker(json.dumps(content | change).encode())


@pytest.mark.parametrize("marker", [b"", b"{", b"[]", b"\xff", b"{}"])
def test_a_damaged_marker_cannot_be_read(marker: bytes) -> None:
    with pytest.raises(ValueError, match=r"Expecting|codec|missing or wrong"):
        layout.read_marker(marker)


def test_a_manifest_is_read_as_it_was_written(objects: Any, splits: Splits) -> None:
    rows = layout.read_manifest(objects["manifests/train.json"].data, CLASSES, f"{URI}train/")
    assert rows == [(sample.label, sample.name) for sample in splits.train]


@pytest.mark.parametrize(
    "rows",
    [
        {},
        [],
        ["bicycle/a.png"],
        [{"prefix": "s3://elsewhere/train/"}, "bicycle/a.png"],
        [{"prefix": f"{URI}train/"}, "tricycle/a.png"],
        [{"prefix": f"{URI}train/"}, "bicycle"],
        [{"prefix": f"{URI}train/"}, 7],
    ],
)
def test_a_manifest_of_anything_else_is_refused(rows: Any) -> None:
    with pytest.raises(ValueError, match=r"it (does not list|lists)"):
        layout.read_manifest(json.dumps(rows).encode(), CLASSES, f"{URI}train/")
