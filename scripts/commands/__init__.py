"""The tasks by subject, and what they share: one-line errors, and how arguments are read."""

import errno
import functools
import math
import os
import signal
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from invoke import Exit

from scripts.environment import LOCAL, Environment, open_environment
from scripts.errors import UserError
from scripts.serving.rollout import STRATEGIES

ENV_HELP = "environment: a file terraform/environments/<env>.tfvars; 'local' is this machine"
DEFAULT_ENV = LOCAL
SET_HELP = "a hyperparameter, as name=value; may be repeated"
GATE_HELP = "a limit of the gate, such as accuracy=0.95; may be repeated"
INSTANCE_HELP = "training instance, such as ml.m5.xlarge"
ALGORITHM_HELP = "efficientnet, or builtin: AWS's image classification, on GPU"
STRATEGY_HELP = f"how an update takes over: {', '.join(STRATEGIES)}"
BAKE_HELP = "seconds that alarms are watched after each shift (600; on this machine 30)"


def friendly(function: Callable[..., Any]) -> Callable[..., Any]:
    """End in one line for what a person can mend; SCONES_DEBUG=1 shows the traceback."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        # A cancelled job and a closed terminal end like Ctrl-C: what was begun is ended in order.
        for signum in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(signum) == signal.SIG_DFL:  # not under nohup
                signal.signal(signum, signal.default_int_handler)
        try:
            return function(*args, **kwargs)
        except UserError as error:
            if os.environ.get("SCONES_DEBUG"):
                traceback.print_exc()
            raise Exit(f"Error: {error}", code=1) from error
        except (BotoCoreError, ClientError) as error:
            if os.environ.get("SCONES_DEBUG"):
                traceback.print_exc()
            reason = " ".join(str(error).split())
            raise Exit(f"Error: AWS did not do as asked. {reason}", code=1) from error
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise Exit(f"Error: {error}. Make room, then run this again.", code=1) from error
        except KeyboardInterrupt:
            raise Exit("Stopped. Run the same command again to go on.", code=130) from None

    return wrapper


def setting(text: str) -> tuple[str, str]:
    """A `name=value` from the command line."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise UserError(f"'{text}' is no setting. Write it as name=value.")
    return name, value


def settings(texts: Sequence[str]) -> dict[str, str]:
    """Several `name=value` from the command line; the last one of a name counts."""
    return dict(map(setting, texts))


def stated(reason: str) -> str:
    """The reason that a person gives. Raises UserError when there is none."""
    if not reason.strip():
        raise UserError("Say why, for those who come later: add --reason …")
    return reason


def seconds(text: str | None) -> int | None:
    """A whole number of seconds from the command line; None when nothing was given."""
    if text is None:
        return None
    if not text.isdecimal():
        raise UserError(f"'{text}' is no number of seconds. Give a whole one, such as 600.")
    return int(text)


def number(text: str, name: str) -> float:
    """A finite number from the command line. Raises UserError for anything else."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"'{text}' is no number: give --{name} one, such as 0.5.")
    return value


def confirm(question: str, answer: str = "yes") -> None:
    """Ask a person. Raises UserError unless they type `answer`."""
    try:
        typed = input(f"{question} Type {answer}: ")
    except EOFError as error:
        raise UserError("Nobody is there to answer, so nothing was done. Add --yes.") from error
    if typed.strip() != answer:
        raise UserError("Nothing was done.")


def use(env: str) -> Environment:
    """Open the environment and make it this process's."""
    environment = open_environment(env, os.environ)
    environment.activate()
    environment.check_account()
    return environment
