"""Capture files, read fast: the records of `capture.parse_file`, with their pictures undecoded.

Nearly every line is as SageMaker writes it for a picture in base64 and an answer in JSON. Its two
ends are matched, and the picture between them is passed over. Every other line goes to the full
parser, which decides what it is.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from datetime import datetime

from lambdas.common.capture import parse_file

_TEXT = rb"[ !#-\[\]-~]*"  # printable ASCII without the two characters that JSON would escape
# Short enough to be finite, whatever the digits.
_NUMBER = rb"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,30})?(?:[eE][-+]?\d\d?)?"
_HEAD = re.compile(
    rb'\{"captureData":\{"endpointInput":\{'
    rb'"observedContentType":"%b","mode":"INPUT","data":"' % _TEXT
)
_MIDDLE = (
    b'","encoding":"BASE64"},"endpointOutput":{'
    b'"observedContentType":"application/json","mode":"OUTPUT","data":"'
)
_TAIL = re.compile(
    rb'(\[%b(?:, ?%b)*\])","encoding":"JSON"\}\},'
    rb'"eventMetadata":\{"eventId":"%b",(?:"inferenceId":"(%b)",)?'
    rb'"inferenceTime":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"\},"eventVersion":"0"\}'
    % (_NUMBER, _NUMBER, _TEXT, _TEXT)
)


@dataclass(frozen=True, slots=True)
class Scan:
    """The records of one file as columns of equal length, in its order.

    `inference_ids`, `times` and `scores` are as in `capture.CaptureRecord`; `damaged_lines` counts
    what could not be read. `content` is the file; `bodies` say where in it each request's base64
    begins and ends, or are the request itself.
    """

    inference_ids: list[str | None]
    times: list[datetime]
    scores: list[list[float] | None]
    damaged_lines: int
    content: bytes
    bodies: list[tuple[int, int] | bytes]

    def picture(self, index: int) -> bytes | None:
        """The body of the request of record `index`; None where it is not base64.

        The full parser takes such a line for damaged. Here it is found out only of the pictures
        that are wanted: to check all of them would take a third of the time.
        """
        body = self.bodies[index]
        if isinstance(body, bytes):
            return body
        try:
            return base64.b64decode(self.content[slice(*body)], validate=True)
        except binascii.Error:
            return None


def scan_file(content: bytes) -> Scan:
    """Every record of a capture file's content; never raises."""
    inference_ids: list[str | None] = []
    times: list[datetime] = []
    answers: list[bytes] = []  # JSON, to be parsed all at once
    bodies: list[tuple[int, int] | bytes] = []
    damaged_lines = 0
    clock: dict[bytes, datetime | None] = {}  # a file has far fewer seconds than records
    start = 0
    while start < len(content):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        middle = content.rfind(_MIDDLE, start, end)
        head = _HEAD.match(content, start, middle)
        tail = _TAIL.fullmatch(content, middle + len(_MIDDLE), end) if head else None
        if head and tail and _is_one_text(content, head.end(), middle):
            answer, inference_id, moment = tail.groups()
            time = clock.get(moment) or clock.setdefault(moment, _time(moment))
            if time:
                inference_ids.append(None if inference_id is None else inference_id.decode())
                times.append(time)
                answers.append(answer)
                bodies.append((head.end(), middle))
                start = end + 1
                continue
        parsed = parse_file(content[start:end])
        damaged_lines += parsed.damaged_lines
        for record in parsed.records:
            inference_ids.append(record.inference_id)
            times.append(record.inference_time)
            answers.append(json.dumps(record.scores).encode())
            bodies.append(record.image)
        start = end + 1
    scores = json.loads(b"[%b]" % b",".join(answers))
    return Scan(inference_ids, times, scores, damaged_lines, content, bodies)


def _is_one_text(content: bytes, start: int, end: int) -> bool:
    """Whether the text of a JSON string from `start` on lasts until `end`, without an escape."""
    return content.find(b'"', start) == end and content.find(b"\\", start, end) < 0


def _time(moment: bytes) -> datetime | None:
    try:
        return datetime.fromisoformat(moment.decode())
    except ValueError:
        return None
