"""Read CIFAR-100's parquet files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from scripts.dataset.model import Progress, Sample
from scripts.dataset.paths import resolve_inside
from scripts.dataset.pictures import BadPictureError, decode, encode_png
from scripts.dataset.rules import check_name, unknown_class
from scripts.errors import UserError

_ROWS_AT_ONCE = 2048

_FINE_LABELS = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup
dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower
leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid
otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray
road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
wardrobe whale willow_tree wolf woman worm
"""
# The file has numbers, 0 to 99, for these.
FINE_LABELS = tuple(_FINE_LABELS.split())


def find_parquet_folder(root: Path) -> Path | None:
    """`root` or `root/cifar100`, whichever holds `train-*.parquet`."""
    for folder in (root, root / "cifar100"):
        if any(folder.glob("train-*.parquet")):
            return folder
    return None


def read_cifar_parquet(
    folder: Path, classes: Sequence[str], progress: Progress
) -> tuple[list[Sample], list[Sample]]:
    """Train and test pictures from `train-*.parquet` and `test-*.parquet`.

    Columns: img {bytes, path}, fine_label (0 to 99). A picture without a path is named after its
    part and its row, which is CIFAR-100's row. Raises UserError, with file and row, for anything
    else, and for a class that CIFAR-100 does not have.
    """
    labels: dict[int, int] = {}
    for label, name in enumerate(classes):
        if name not in FINE_LABELS:
            raise unknown_class(name, FINE_LABELS, "CIFAR-100")
        labels[FINE_LABELS.index(name)] = label
    train, test = (_read_part(folder, part, labels, progress) for part in ("train", "test"))
    return train, test


def _read_part(
    folder: Path, part: str, labels: Mapping[int, int], progress: Progress
) -> list[Sample]:
    files = sorted(folder.glob(f"{part}-*.parquet"))
    if not files:
        raise UserError(f"{folder} has no {part}-*.parquet: put both parts of CIFAR-100 there")
    samples: list[Sample] = []
    rows = 0
    for file in files:
        resolve_inside(file, folder)
        for fine_labels, pictures in _batches(file, labels):
            for index, picture in pictures:
                label = labels[fine_labels[index]]
                samples.append(_sample(picture, label, part, rows + index, file))
            rows += len(fine_labels)
            progress(f"reading {part} of CIFAR-100", rows, None)
    return samples


def _batches(
    file: Path, labels: Mapping[int, int]
) -> Iterator[tuple[list[int], list[tuple[int, object]]]]:
    """Some rows' fine labels, and of those whose label is wanted their index and picture."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file) as table:
            types = {field.name: field.type for field in table.schema_arrow}
            if "img" not in types or not pyarrow.types.is_integer(types.get("fine_label")):
                raise UserError(
                    f"{file} has no column img or no whole numbers in fine_label: it is not "
                    "CIFAR-100's, download that"
                )
            columns = ["img", "fine_label"]
            for batch in table.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns):
                fine_labels = batch.column("fine_label").to_pylist()
                _check_fine_labels(fine_labels, file)
                wanted = [index for index, label in enumerate(fine_labels) if label in labels]
                indices = pyarrow.array(wanted, type=pyarrow.int64())
                pictures = batch.column("img").take(indices).to_pylist()
                yield fine_labels, list(zip(wanted, pictures, strict=True))
    except (pyarrow.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{file} is no readable parquet file ({reason}): download it again"
        ) from error


def _check_fine_labels(fine_labels: list[int | None], file: Path) -> None:
    for label in fine_labels:
        if label is None or not 0 <= label < len(FINE_LABELS):
            raise UserError(
                f"{file} has the fine_label {label}, CIFAR-100's are 0 to {len(FINE_LABELS) - 1}: "
                "download it again"
            )


def _sample(picture: object, label: int, part: str, row: int, file: Path) -> Sample:
    where = f"{file} row {row}"
    data = picture.get("bytes") if isinstance(picture, dict) else None
    if not isinstance(data, bytes):
        raise UserError(f"{where} has no picture in img.bytes: download it again")
    try:
        decoded = decode(data)
    except BadPictureError as error:
        raise UserError(f"{where}: the picture {error}: download the file again") from error
    path = picture.get("path") if isinstance(picture, dict) else None
    name = PurePosixPath(path).name if isinstance(path, str) and path else f"{part}-{row:05d}.png"
    rgb = decoded.convert("RGB").tobytes()
    return Sample(check_name(name, where), label, encode_png(rgb, decoded.width, decoded.height))
