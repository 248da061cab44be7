"""One client of a model server: asks again as soon as it is answered.

    python client.py PORT FOLDER SECONDS

Sends the pictures of FOLDER in turn over one open connection. It prints `ready` once it has been
answered, begins at a line on its standard input, and prints as JSON the seconds of each answer
and the processor seconds that it used itself. Only the standard library: a client must not be
what is measured.
"""

import http.client
import json
import sys
import time
from itertools import cycle
from pathlib import Path

HEADERS = {"Content-Type": "application/x-image", "Accept": "application/json"}


class Client:
    """An open connection to the model server on a loopback port."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, body: bytes) -> list[float]:
        """The scores of one picture. Raises RuntimeError for any answer but 200."""
        self.connection.request("POST", "/invocations", body, HEADERS)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"The server answered {answer.status}: {text!r}")
        scores: list[float] = json.loads(text)
        return scores

    def timed(self, body: bytes) -> float:
        """Seconds from the request to the whole answer."""
        started = time.perf_counter()
        self.ask(body)
        return time.perf_counter() - started


def main(port: int, folder: Path, seconds: float) -> None:
    pictures = cycle([path.read_bytes() for path in sorted(folder.iterdir())])
    client = Client(port)
    client.ask(next(pictures))
    print("ready", flush=True)
    sys.stdin.readline()
    used, end = time.process_time(), time.perf_counter() + seconds
    answers = []
    while time.perf_counter() < end:
        answers.append(client.timed(next(pictures)))
    print(json.dumps({"answers_s": answers, "processor_s": time.process_time() - used}))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
