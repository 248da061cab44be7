"""The .lst file is the truth about a channel, and a hostile one does no harm."""

import numpy as np
import pytest
from PIL import Image

from samples import ChannelError, load_channel


@pytest.fixture
def folder(tmp_path):
    """A channel folder with one red and one blue picture, and a third outside it."""
    channel = tmp_path / "train"
    channel.mkdir()
    Image.new("RGB", (32, 32), "red").save(channel / "a.png")
    Image.new("RGB", (32, 32), "blue").save(channel / "b.png")
    Image.new("RGB", (32, 32), "green").save(tmp_path / "outside.png")
    return channel


def load(folder, *lines):
    (folder / "train.lst").write_text("".join(f"{line}\n" for line in lines))
    return load_channel(folder, "train", classes=2, image_size=32)


def test_labels_and_order_come_from_the_list(folder):
    channel = load(folder, "7\t1\tb.png", "3\t0\ta.png")
    assert channel.labels.tolist() == [1, 0]
    assert channel.pictures[:, 0, 0].tolist() == [[0, 0, 255], [255, 0, 0]]
    assert channel.pictures.shape == (2, 32, 32, 3)


def test_a_label_written_as_a_float_and_an_empty_line_are_understood(folder):
    assert load(folder, "0\t1.000000\ta.png", "").labels.tolist() == [1]


def test_the_digest_ignores_the_order_of_lines_and_their_index(folder):
    one = load(folder, "0\t0\ta.png", "1\t1\tb.png")
    other = load(folder, "8\t1\tb.png", "9\t0\ta.png")
    assert one.sha256 == other.sha256


def test_the_digest_changes_with_a_label_and_with_a_picture(folder):
    before = load(folder, "0\t0\ta.png").sha256
    relabelled = load(folder, "0\t1\ta.png").sha256
    Image.new("RGB", (32, 32), "pink").save(folder / "a.png")
    repainted = load(folder, "0\t0\ta.png").sha256
    assert len({before, relabelled, repainted}) == 3


@pytest.mark.parametrize("path", ["../outside.png", "b/../../outside.png"])
def test_a_path_that_leaves_the_folder_is_refused(folder, path):
    with pytest.raises(ChannelError, match="outside its folder"):
        load(folder, f"0\t0\t{path}")


def test_an_absolute_path_is_refused(folder):
    with pytest.raises(ChannelError, match="outside its folder"):
        load(folder, f"0\t0\t{folder.parent / 'outside.png'}")


def test_a_link_out_of_the_folder_is_refused(folder):
    (folder / "link.png").symlink_to(folder.parent / "outside.png")
    with pytest.raises(ChannelError, match="outside its folder"):
        load(folder, "0\t0\tlink.png")


@pytest.mark.parametrize("label", ["2", "-1", "0.5", "nan", "bicycle", ""])
def test_a_label_that_is_no_class_is_refused_with_its_line(folder, label):
    with pytest.raises(ChannelError, match=r"train\.lst, line 2: the label"):
        load(folder, "0\t0\ta.png", f"1\t{label}\tb.png")


@pytest.mark.parametrize("line", ["a.png", "0\ta.png", "0\t0\t", "0 0 a.png", "0\t0\ta\tb"])
def test_a_line_of_another_shape_is_refused(folder, line):
    with pytest.raises(ChannelError, match="line 1: expected index, label and path"):
        load(folder, line)


def test_an_empty_list_and_a_missing_one_are_refused(folder):
    with pytest.raises(ChannelError, match="names no picture"):
        load(folder, "")
    (folder / "train.lst").unlink()
    with pytest.raises(ChannelError, match=r"train\.lst cannot be read"):
        load_channel(folder, "train", classes=2, image_size=32)


def test_a_missing_picture_is_named(folder):
    with pytest.raises(ChannelError, match=r"'c\.png', which cannot be opened"):
        load(folder, "0\t0\tc.png")


def test_a_damaged_picture_is_named(folder):
    data = (folder / "a.png").read_bytes()
    (folder / "a.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(ChannelError, match=r"a\.png in the channel train: The picture is cut off"):
        load(folder, "0\t0\ta.png")


def test_pictures_of_any_size_come_out_square(folder):
    Image.new("RGB", (300, 90), "white").save(folder / "wide.jpg")
    channel = load(folder, "0\t0\twide.jpg")
    assert channel.pictures.shape == (1, 32, 32, 3)
    assert channel.pictures.dtype == np.uint8
