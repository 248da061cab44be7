"""Which AWS is meant: `local` is this machine, every other name is real AWS.

The rule that keeps people safe is in `open_environment`: `local` refuses to run unless every
endpoint is a loopback address, and every other environment refuses when an endpoint is overridden.
"""

import fcntl
import ipaddress
import json
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scripts.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
TERRAFORM = ROOT / "terraform"
LOCAL = "local"
# Another folder lets a second local cloud run beside the first; the tests use one.
LOCAL_CLOUD = Path(os.environ.get("SCONES_LOCAL_CLOUD") or ROOT / ".local" / "cloud").absolute()
LOCAL_CLOUD_FILE = LOCAL_CLOUD / "cloud.json"
DEFAULT_REGION = "us-east-1"
# Between two looks at what SageMaker does: an account's looks are limited, and shared by all in it.
POLL_S, LOCAL_POLL_S = 10.0, 0.5
_ATTEMPTS = 8  # at a call that AWS throttles, where the caller says nothing else

# The second form is an older one, which Terraform's S3 backend and AWS provider still read.
_OVERRIDE = re.compile(r"AWS_ENDPOINT_URL(_\w+)?|(TF_)?AWS_(DYNAMODB|IAM|S3|STS)_ENDPOINT")
_NAME = re.compile(r"[a-z][a-z0-9]{1,11}")  # as terraform/variables.tf has it
# Nothing that two programs could read differently: no user, no backslash, no path.
_PLAIN_URL = re.compile(r"https?://(?:\[([0-9a-f:]+)\]|([a-z0-9.-]+))(?::\d+)?/?", re.IGNORECASE)
_CREATING_A_CLIENT = threading.Lock()


@dataclass(frozen=True)
class Environment:
    """An environment by name, with everything a program that talks to it must be given.

    `variables` is the complete process environment for it: Terraform, the SageMaker SDK and every
    client read their region, credentials and endpoints from there. `settings` are the texts that
    its file sets, "true" and "false" among them.
    """

    name: str
    region: str
    project: str
    variables: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        return self.name == LOCAL

    @property
    def prefix(self) -> str:
        """What every resource's name begins with; also the endpoint's name."""
        return f"{self.project}-{self.name}"

    def command(self, words: str) -> str:
        """A task as a person types it for this environment: `local` is the default."""
        return f"invoke {words}" if self.is_local else f"invoke {words} --env {self.name}"

    @property
    def poll_s(self) -> float:
        """Seconds between two looks at something that takes its time."""
        return LOCAL_POLL_S if self.is_local else POLL_S

    @property
    def tags(self) -> list[dict[str, str]]:
        """What the bill and the budget know it by; Terraform's default tags are the same."""
        return [
            {"Key": "Project", "Value": self.project},
            {"Key": "Environment", "Value": self.name},
        ]

    @property
    def var_file(self) -> Path:
        return TERRAFORM / "environments" / f"{self.name}.tfvars"

    @property
    def build_dir(self) -> Path:
        """Where generated files of the environment go; those of `local` end with the cloud."""
        return LOCAL_CLOUD / "environment" if self.is_local else BUILD / self.name

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client. `options` go to botocore's Config."""
        import boto3
        from botocore.config import Config

        if self.is_local:
            # StartSyncExecution would otherwise look up sync-127.0.0.1.
            options["inject_host_prefix"] = False
            options["s3"] = {"addressing_style": "path"}
        else:
            options.setdefault("retries", {"mode": "standard", "total_max_attempts": _ATTEMPTS})
        config = Config(region_name=self.region, **options)
        with _CREATING_A_CLIENT:  # clients may be shared between threads, their session may not
            return boto3.client(service, config=config)

    def check_account(self) -> None:
        """Raise UserError when the credentials are not those of the account that the file pins.

        Terraform refuses by itself, but models and pictures are removed before it is asked.
        """
        pinned = self.settings.get("account_id")
        if not pinned or self.is_local:
            return
        if self.client("sts").get_caller_identity()["Account"] != pinned:
            raise UserError(
                f"terraform/environments/{self.name}.tfvars pins account {pinned}, but the "
                "credentials are another account's. Choose another AWS_PROFILE."
            )

    def activate(self) -> None:
        """Make this process's environment variables the environment's.

        The SageMaker SDK and boto3 read the process environment only, so it is set once, at the
        start of a task.
        """
        os.environ.clear()
        os.environ.update(self.variables)


def open_environment(name: str, environ: Mapping[str, str]) -> Environment:
    """The environment called `name`, checked for safety.

    Raises UserError when there is no file terraform/environments/<name>.tfvars, when `local` would
    leave the loopback interface or is not running, when any other environment has an endpoint
    override, or when it has no credentials. `environ` is the process environment: botocore reads
    the user's credentials from there, whatever it is given.
    """
    var_file = TERRAFORM / "environments" / f"{name}.tfvars"
    known = sorted(path.stem for path in var_file.parent.glob("*.tfvars"))
    if not name:
        raise UserError(f"Name an environment, for example ENV=dev. There are: {', '.join(known)}.")
    if not _NAME.fullmatch(name) or not var_file.is_file():
        raise UserError(
            f"There is no environment '{name}': terraform/environments/{name}.tfvars is missing. "
            f"Copy dev.tfvars to make one, or use one of: {', '.join(known)}."
        )
    settings = _simple_settings(var_file.read_text("utf-8"))
    if settings.get("environment") != name:
        raise UserError(
            f"terraform/environments/{name}.tfvars must say so itself, or Terraform would change "
            f'another environment. Write there: environment = "{name}"'
        )
    region = settings.get("region", DEFAULT_REGION)
    project = settings.get("project", "scones")
    if name == LOCAL:
        variables = _local_variables(environ, region)
    else:
        variables = _aws_variables(name, environ, region)
    return Environment(name, region, project, variables, settings)


def _simple_settings(tfvars: str) -> dict[str, str]:
    """The lines `name = "text"`, true and false of a .tfvars file; all that Python needs of it.

    What is indented belongs to something larger.
    """
    pattern = r'^(\w+)[ \t]*=[ \t]*(?:"([^"]*)"|(true|false)\b)'
    return {name: text or flag for name, text, flag in re.findall(pattern, tfvars, re.MULTILINE)}


def _overrides(environ: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in environ.items() if _OVERRIDE.fullmatch(key) and value}


def is_loopback(url: str) -> bool:
    """Whether `url` can only reach this machine. A name other than localhost is not trusted."""
    match = _PLAIN_URL.fullmatch(url)
    host = (match[1] or match[2]).lower() if match else ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _local_variables(environ: Mapping[str, str], region: str) -> dict[str, str]:
    endpoints = _overrides(environ)
    _refuse_beyond_loopback(endpoints)
    if "AWS_ENDPOINT_URL" not in endpoints:  # without it, every other service would be AWS's own
        endpoints = _running_cloud() | endpoints
        _refuse_beyond_loopback(endpoints)
    variables = {key: value for key, value in environ.items() if not key.startswith("AWS_")}
    return variables | endpoints | dummy_credentials(region) | unproxied(endpoints, environ)


def _refuse_beyond_loopback(endpoints: Mapping[str, str]) -> None:
    for variable, url in endpoints.items():
        if not is_loopback(url):
            raise UserError(
                f"ENV=local only ever talks to this machine, but {variable} is {url!r}. "
                f"Unset it: unset {variable}"
            )


def unproxied(endpoints: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Keeps calls to the local cloud from a proxy that downloads need; Python reads either name."""
    before = environ.get("no_proxy") or environ.get("NO_PROXY")
    hosts = {urlsplit(url).netloc for url in endpoints.values()}
    value = ",".join([*filter(None, [before]), *sorted(hosts)])
    return {"no_proxy": value, "NO_PROXY": value}


def dummy_credentials(region: str) -> dict[str, str]:
    """What the local cloud is given instead of the user's credentials, which are never read."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _running_cloud() -> dict[str, str]:
    try:
        if is_locked(LOCAL_CLOUD_FILE):  # else a dead one left it
            endpoints = json.loads(LOCAL_CLOUD_FILE.read_text("utf-8"))["endpoints"]
            return {str(key): str(value) for key, value in endpoints.items()}
    except (OSError, ValueError, KeyError):
        pass
    raise UserError("The local cloud is not running. Start it: invoke cloud.up")


def is_locked(file: Path) -> bool:
    """Whether a local cloud holds this file; the kernel lets go when it dies, even by kill -9."""
    try:
        with file.open("r") as held:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def _aws_variables(name: str, environ: Mapping[str, str], region: str) -> dict[str, str]:
    for variable, url in _overrides(environ).items():
        raise UserError(
            f"ENV={name} means real AWS, but {variable} is {url!r}. Unset it: unset {variable}"
        )
    _refuse_without_credentials(name, environ)
    return {**environ, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}


def _refuse_without_credentials(name: str, environ: Mapping[str, str]) -> None:
    import botocore.exceptions
    import botocore.session

    session = botocore.session.Session(profile=environ.get("AWS_PROFILE"))
    try:
        profile = session.get_scoped_config()
        services = session.full_config.get("services", {}).get(profile.get("services"), {})
        if "endpoint_url" in profile or "endpoint_url" in str(services):
            raise UserError(
                f"ENV={name} means real AWS, but your AWS configuration sets endpoint_url. "
                "Remove it, or choose another AWS_PROFILE."
            )
        found = session.get_credentials() is not None
    except botocore.exceptions.BotoCoreError as error:
        raise UserError(f"ENV={name}: {error}. Check AWS_PROFILE.") from error
    if not found:
        raise UserError(
            f"ENV={name} needs AWS credentials and none were found. "
            "Run `aws sso login`, or set AWS_PROFILE."
        )
