"""`make demo`: a champion, a challenger that takes over in live traffic, every upload counted."""

from scripts.demo.lifetime import end_with_make, only_one
from scripts.demo.run import FOLDER, problems, run
from scripts.demo.uploads import describe_answer

__all__ = ["FOLDER", "describe_answer", "end_with_make", "only_one", "problems", "run"]
