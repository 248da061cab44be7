"""Read labelled pictures from folders: one folder per class, or .lst files that name them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from scripts.dataset.model import Progress, Sample
from scripts.dataset.paths import entries, read_inside, resolve_inside
from scripts.dataset.pictures import MAX_PICTURE_BYTES
from scripts.dataset.rules import check_name, first_few, unknown_class
from scripts.errors import UserError

# Everything is held in memory between reading and staging.
MAX_TOTAL_BYTES = 4 * 1024**3
_MAX_LST_BYTES = 256 * 1024**2
_PARTS = ("train", "test")

# Both parts; the second is None when the source does not set a test part apart.
Parts = tuple[list[Sample], list[Sample] | None]


def read_class_folders(root: Path, classes: Sequence[str], progress: Progress) -> Parts:
    """Pictures from `root/<class>/`, or from `root/train/<class>/` and `root/test/<class>/`.

    Folders of classes that were not asked for are left alone. Raises UserError when a class has
    no folder, when a folder lies within a class folder, and when a file leads out of `root`.
    """
    folders = {path.name for path in entries(root) if path.is_dir()}
    # `train` may also be a class: CIFAR-100 has one.
    if "train" not in folders or folders.issuperset(classes):
        return _read_classes(root, root, classes, progress), None
    stray = sorted(folders - set(_PARTS) - set(classes))
    if stray:
        raise UserError(
            f"{root} has {first_few(stray)} beside train: only train and test are read "
            "(validation is drawn from train); move its pictures there, or move the folder away"
        )
    train = _read_classes(root / "train", root, classes, progress)
    has_test = "test" in folders
    return train, _read_classes(root / "test", root, classes, progress) if has_test else None


def _read_classes(
    folder: Path, root: Path, classes: Sequence[str], progress: Progress
) -> list[Sample]:
    resolve_inside(folder, root)
    known = [path.name for path in entries(folder) if path.is_dir()]
    for name in classes:
        if name not in known:
            raise unknown_class(name, known, str(folder))
    files = [
        (path, label)
        for label, name in enumerate(classes)
        for path in _pictures_of(folder / name, root)
    ]
    return list(_read(files, root, progress))


def read_some_class_folders(root: Path, classes: Sequence[str], progress: Progress) -> list[Sample]:
    """Pictures from `root/<class>/`, for those classes that have a folder.

    Raises UserError for a folder that is no class's and for a file outside the folders: whoever
    put pictures there meant them to be read.
    """
    found = list(entries(root))
    loose = [path.name for path in found if not path.is_dir()]
    if loose:
        raise UserError(
            f"{root} has {first_few(loose)} outside the folders of classes: move each picture into "
            "the folder of its class, and everything else away"
        )
    unknown = [path.name for path in found if path.name not in classes]
    if unknown:
        raise UserError(
            f"{root} has the folder {first_few(unknown)}, and the classes are "
            f"{first_few(classes, 8)}: rename it to its class, or move it away"
        )
    files = [
        (path, classes.index(folder.name))
        for folder in found
        for path in _pictures_of(folder, root)
    ]
    return list(_read(files, root, progress))


def _pictures_of(folder: Path, root: Path) -> Iterator[Path]:
    resolve_inside(folder, root)
    for path in entries(folder):
        if path.is_dir():
            raise UserError(
                f"{path} is a folder within the folder of a class: move its pictures up into "
                f"{folder.name}"
            )
        yield path


def read_lst_folder(root: Path, classes: Sequence[str], progress: Progress) -> Parts:
    """Pictures that `root/train.lst` and `root/test.lst` name.

    A line is index, label, path, separated by tabs, as AWS's image classification wants it; the
    label is a position in `classes`, the path is relative to `root` or to `root/<part>`. Raises
    UserError, with file and line, for anything else.
    """
    lists = {path.name for path in entries(root) if path.suffix == ".lst"}
    stray = sorted(lists - {f"{part}.lst" for part in _PARTS})
    if stray or "train.lst" not in lists:
        raise UserError(
            f"{root} has {first_few(sorted(lists))}: only train.lst and test.lst are read, and "
            "train.lst must be there; rename the files or move the others away"
        )
    train = list(_read(_rows(root, "train", classes), root, progress))
    if "test.lst" not in lists:
        return train, None
    return train, list(_read(_rows(root, "test", classes), root, progress))


def _rows(root: Path, part: str, classes: Sequence[str]) -> list[tuple[Path, int]]:
    name = f"{part}.lst"
    try:
        lines = read_inside(root / name, root, _MAX_LST_BYTES).decode().split("\n")
    except UnicodeDecodeError as error:
        raise UserError(f"{root / name} is not UTF-8 text: write it again as UTF-8") from error
    rows: list[tuple[Path, int]] = []
    first_use: dict[Path, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{root / name} line {number}"
        fields = line.rstrip("\r").split("\t")
        if len(fields) != 3:
            raise UserError(f"{where}: expected index, label and path separated by tabs")
        path = _picture_path(root, part, fields[2], where)
        if path in first_use:
            raise UserError(
                f"{where} names {fields[2]}, as line {first_use[path]} does: remove one of them"
            )
        first_use[path] = number
        rows.append((path, _label(fields[1], classes, where)))
    return rows


def _label(text: str, classes: Sequence[str], where: str) -> int:
    try:
        # MXNet's im2rec, which makes such files, writes 1 as 1.000000.
        value = float(text)
    except ValueError:
        value = -1.0
    if value not in range(len(classes)):
        raise UserError(
            f"{where}: the label {text!r} is not one of 0 to {len(classes) - 1}, the positions of "
            f"the labels {', '.join(classes)}"
        )
    return int(value)


def _picture_path(root: Path, part: str, text: str, where: str) -> Path:
    relative = PurePosixPath(text)
    if relative.is_absolute() or ".." in relative.parts or not relative.name:
        raise UserError(f"{where}: {text!r} leads out of {root}: give a path inside it")
    check_name(relative.name, where)
    for candidate in (root / relative, root / part / relative):
        if candidate.exists() or candidate.is_symlink():
            return candidate
    raise UserError(
        f"{where}: there is no {text!r} in {root} or in its {part} folder: add the picture or "
        "remove the line"
    )


def _read(files: Sequence[tuple[Path, int]], root: Path, progress: Progress) -> Iterator[Sample]:
    total_bytes = 0
    for done, (path, label) in enumerate(files, start=1):
        name = check_name(path.name, str(path.parent))
        data = read_inside(path, root, MAX_PICTURE_BYTES)
        total_bytes += len(data)
        if total_bytes > MAX_TOTAL_BYTES:
            raise UserError(
                f"the pictures in {root} have more than {MAX_TOTAL_BYTES // 1024**3} GiB: "
                "use fewer or smaller ones, the model sees them shrunk anyway"
            )
        yield Sample(name, label, data)
        progress("reading pictures", done, len(files))
