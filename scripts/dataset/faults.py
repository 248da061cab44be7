"""What S3 answers when a data set's folder cannot be used, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scripts.errors import UserError

_NO_ACCESS = "access is denied: check the credentials and the bucket's policy"
_REMEDIES = {
    "NoSuchBucket": "there is no such bucket: provision the environment first",
    "AccessDenied": _NO_ACCESS,
    "SignatureDoesNotMatch": _NO_ACCESS,
    "InvalidAccessKeyId": "the credentials are not known: log in again",
    "ExpiredToken": "the credentials have expired: log in again",
}


@contextmanager
def explained(uri: str, again: str) -> Iterator[None]:
    """Turn what a person can mend into a UserError about `uri`; `again` ends one about the network.

    Everything else is raised as it is.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        remedy = _REMEDIES.get(error.response.get("Error", {}).get("Code", ""))
        if remedy is None:
            raise
        raise UserError(f"{uri} cannot be used, {remedy}") from error
    except BotoCoreError as error:
        raise UserError(
            f"{uri} is out of reach ({error}): check the environment, the network and the "
            f"credentials, then {again}"
        ) from error
