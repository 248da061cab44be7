"""What capture files say about the model in service, as far as it can be trusted."""

import heapq
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from lambdas.common.capture_scan import Scan, scan_file
from lambdas.common.scores import SUM_TOLERANCE

_IMAGE_ID_LENGTH = 64
_ARE_HEX_DIGITS = re.compile(r"[0-9a-f]*").fullmatch


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """The model's answers, one for each picture, in the order in which they came.

    image_ids, scores [n, k]: the last answer for each picture, since a call may be retried
    pictures:         encoded, by image id: a sample of at most as many as were wanted
    captured:         records of any kind, of which `foreign` are not the workflow's or not this
                      model's, and `repeated` were followed by another answer for their picture
    damaged:          lines that are no record, by the file that they are in
    newest:           when the newest of all records was captured
    """

    image_ids: list[str]
    scores: NDArray[np.float64]
    pictures: dict[str, bytes]
    captured: int
    foreign: int
    repeated: int
    damaged: dict[str, int]
    newest: datetime | None


def gather(
    files: Iterable[tuple[str, bytes]], labels: int, since: datetime, sample: int
) -> Records:
    """The records of capture files, (key, content), that are answers of the model in service.

    Those are answers to requests that carry an image id, given at `since` (UTC) or later, with as
    many probabilities as there are labels. Up to `sample` pictures are kept: those of the smallest
    ids, which are hashes, so that the choice is fair, and the same for everybody.
    """
    image_ids: list[str] = []
    tables: list[NDArray[np.float64]] = [np.empty((0, labels))]
    pictures: dict[str, bytes] = {}
    damaged: dict[str, int] = {}
    captured = 0
    newest: datetime | None = None
    largest = "g"  # above every id
    for key, content in files:
        scan = scan_file(content)
        captured += len(scan.times)
        if scan.damaged_lines:
            damaged[key] = scan.damaged_lines
        if not scan.times:
            continue
        newest = max([*scan.times, newest] if newest else scan.times)
        scores = _table(scan, labels)
        rows = np.flatnonzero(_are_ours(scan, since) & _are_probabilities(scores)).tolist()
        ours = [scan.inference_ids[row] or "" for row in rows]
        image_ids += ours
        tables.append(scores[rows])
        for row, image_id in zip(rows, ours, strict=True):
            if image_id < largest and (picture := scan.picture(row)) is not None:
                pictures[image_id] = picture
        if len(pictures) > 2 * sample:
            pictures = _smallest(pictures, sample)
            largest = max(pictures, default="")
        del content, scan  # before the next file is read, which can then take their place
    last = {image_id: row for row, image_id in enumerate(image_ids)}
    kept = sorted(last.values())
    in_order = [image_ids[row] for row in kept]
    pictures = _smallest(pictures, sample)
    return Records(
        image_ids=in_order,
        scores=np.concatenate(tables)[kept],
        pictures={image_id: pictures[image_id] for image_id in in_order if image_id in pictures},
        captured=captured,
        foreign=captured - len(image_ids),
        repeated=len(image_ids) - len(kept),
        damaged=damaged,
        newest=newest,
    )


def _table(scan: Scan, labels: int) -> NDArray[np.float64]:
    """The scores [n, labels], NaN where there is another number of them."""
    none = [np.nan] * labels
    return np.array(
        [row if row is not None and len(row) == labels else none for row in scan.scores]
    )


def _are_ours(scan: Scan, since: datetime) -> NDArray[np.bool_]:
    ids = [x if x is not None and len(x) == _IMAGE_ID_LENGTH else "" for x in scan.inference_ids]
    if not _ARE_HEX_DIGITS("".join(ids)):  # all at once is faster, and nearly always enough
        ids = [image_id if _ARE_HEX_DIGITS(image_id) else "" for image_id in ids]
    ours = np.array([image_id != "" for image_id in ids])
    start = since.replace(microsecond=0)  # capture times are whole seconds
    if min(scan.times) < start:
        ours &= np.array([time >= start for time in scan.times])
    return ours


def _are_probabilities(scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    # NaN, where there is another number of scores, compares as False.
    sums_to_1 = np.abs(scores.sum(axis=1) - 1) <= SUM_TOLERANCE
    return np.asarray(sums_to_1 & (scores >= 0).all(axis=1))


def _smallest(pictures: dict[str, bytes], count: int) -> dict[str, bytes]:
    return {image_id: pictures[image_id] for image_id in heapq.nsmallest(count, pictures)}
