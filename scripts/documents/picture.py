"""The architecture as a picture, drawn from what Terraform has made: who does what with what.

An arrow is a statement of a role's policy, in the words of its Sid, or the way of an event or of an
alarm. What every part may do (logs, traces, metrics, the key) is left out.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from scripts.cost.estimate import Resource

_EVERYWHERE = ("logs:", "xray:", "kms:", "ecr:", "cloudwatch:")
_PICTURE = re.compile(r"```mermaid\n.*?```", re.DOTALL)
_NAMED_BY = {
    "aws_lambda_function": ("function", "function_name"),
    "aws_sfn_state_machine": ("machine", "name"),
    "aws_sqs_queue": ("queue", "name"),
    "aws_dynamodb_table": ("store", "name"),
    "aws_s3_bucket": ("store", "bucket"),
    "aws_sns_topic": ("people", "name"),
}
# How each kind of thing is drawn in Mermaid: what stands around its name, and its colours.
_DRAWN = {
    "function": ("[", "]", "fill:#fff3e0,stroke:#e08a00,color:#222"),
    "machine": ("[[", "]]", "fill:#fce4ec,stroke:#c2185b,color:#222"),
    "store": ("[(", ")]", "fill:#e8f5e9,stroke:#2e7d32,color:#222"),
    "queue": ("[/", "/]", "fill:#ede7f6,stroke:#5e35b1,color:#222"),
    "bus": ("{{", "}}", "fill:#ede7f6,stroke:#5e35b1,color:#222"),
    "model": ("([", "])", "fill:#e3f2fd,stroke:#1565c0,color:#222"),
    "people": (">", "]", "fill:#ffebee,stroke:#c62828,color:#222"),
}


@dataclass(frozen=True, order=True)
class Node:
    """A thing in the picture: its id there, what it is called, and its kind."""

    id: str
    name: str
    kind: str


@dataclass(frozen=True, order=True)
class Arrow:
    """Who does what with what, by their ids."""

    begin: str
    end: str
    words: str


BUS = Node("eventbridge", "EventBridge", "bus")
SAGEMAKER = Node("sagemaker", "SageMaker: training, evaluation, endpoint", "model")
ALARMS = Node("cloudwatch", "CloudWatch alarms", "people")


def mermaid(resources: Sequence[Resource]) -> str:
    """The picture as Mermaid's text; the same for the same resources in any order."""
    nodes = _nodes(resources)
    arrows = {*_grants(resources, nodes), *_events(resources, nodes), *_alarms(resources, nodes)}
    together: dict[tuple[str, str], list[str]] = {}
    for arrow in sorted(_once(arrows)):
        together.setdefault((arrow.begin, arrow.end), []).append(arrow.words)
    used = {end for ends in together for end in ends}
    drawn = sorted({node for node in nodes.values() if node.id in used})
    kinds = sorted({node.kind for node in drawn})
    lines = [
        "flowchart LR",
        *(f'  {n.id}{_DRAWN[n.kind][0]}"{n.name}"{_DRAWN[n.kind][1]}:::{n.kind}' for n in drawn),
        *(f'  {a} -->|"{"<br>".join(words)}"| {b}' for (a, b), words in together.items()),
        *(f"  classDef {kind} {_DRAWN[kind][2]}" for kind in kinds),
    ]
    return "\n".join(lines) + "\n"


def within(page: str, picture: str) -> str:
    """The page with this picture in place of the one that it has. Raises ValueError without one."""
    if not _PICTURE.search(page):
        raise ValueError("The page has no picture.")
    return _PICTURE.sub(lambda _: f"```mermaid\n{picture}```", page, count=1)


def _nodes(resources: Sequence[Resource]) -> dict[str, Node]:
    """What an arrow may begin or end at, by ARN, and roles by what takes them."""
    nodes = {"bus": BUS, "alarms": ALARMS}
    prefix = _prefix(resources)
    for item in resources:
        if item.type in _NAMED_BY:
            kind, attribute = _NAMED_BY[item.type]
            name = str(item.values[attribute]).removeprefix(prefix)
            name = re.sub(r"-\d{12}$", "", name)
            nodes[item.values["arn"]] = Node(re.sub(r"\W", "_", name), name, kind)
    for item in resources:
        role = item.values.get("role") or item.values.get("role_arn")
        if item.type in ("aws_lambda_function", "aws_sfn_state_machine"):
            nodes[str(role)] = nodes[item.values["arn"]]
        elif item.type == "aws_iam_role" and item.values["name"] == f"{prefix}sagemaker":
            nodes[item.values["arn"]] = SAGEMAKER
    return nodes


def _prefix(resources: Sequence[Resource]) -> str:
    """What every name begins with, as the table of decisions has it."""
    (table,) = (item for item in resources if item.type == "aws_dynamodb_table")
    return str(table.values["name"]).removesuffix("decisions")


def _grants(resources: Sequence[Resource], nodes: Mapping[str, Node]) -> Iterator[Arrow]:
    """Every statement of a role that something in the picture takes."""
    arns = {i.values["name"]: i.values["arn"] for i in resources if i.type == "aws_iam_role"}
    for item in resources:
        if item.type != "aws_iam_role_policy" or arns[item.values["role"]] not in nodes:
            continue
        begin = nodes[arns[item.values["role"]]]
        for statement in json.loads(item.values["policy"])["Statement"]:
            words = re.sub(r"(?<!^)(?=[A-Z])", " ", statement["Sid"]).lower()
            if not statement["Action"][0].startswith(_EVERYWHERE):
                for resource in statement["Resource"]:
                    end = _node_of(resource, nodes)
                    if end and end != begin:
                        yield Arrow(begin.id, end.id, words)


def _node_of(resource: str, nodes: Mapping[str, Node]) -> Node | None:
    """What a policy's resource is part of."""
    if ":event-bus/" in resource:
        return BUS
    if ":endpoint/" in resource:
        return SAGEMAKER
    found = (arn for arn in nodes if re.match(rf"{re.escape(arn)}($|[/:*])", resource))
    return nodes[arn] if (arn := next(found, None)) else None


def _events(resources: Sequence[Resource], nodes: Mapping[str, Node]) -> Iterator[Arrow]:
    """What goes to EventBridge by itself, and where its rules send it."""
    rules = {i.values["name"]: i.values for i in resources if i.type == "aws_cloudwatch_event_rule"}
    for item in resources:
        if item.type == "aws_s3_bucket_notification" and item.values.get("eventbridge"):
            yield Arrow(nodes[f"arn:aws:s3:::{item.values['bucket']}"].id, BUS.id, "every object")
        if item.type != "aws_cloudwatch_event_target":
            continue
        pattern = rules[item.values["rule"]].get("event_pattern")
        words = ", ".join(json.loads(pattern)["detail-type"]) if pattern else "on a schedule"
        yield Arrow(BUS.id, nodes[item.values["arn"]].id, words)
        for letters in item.values.get("dead_letter_config") or []:
            yield Arrow(BUS.id, nodes[letters["arn"]].id, "what cannot be delivered")


def _alarms(resources: Sequence[Resource], nodes: Mapping[str, Node]) -> Iterator[Arrow]:
    """How many alarms watch what, and whom they tell."""
    by_name = {node.name: node for node in nodes.values()}
    prefix = _prefix(resources)
    watched: Counter[str] = Counter()
    for item in resources:
        if item.type == "aws_cloudwatch_metric_alarm":
            names = [str(value) for value in (item.values.get("dimensions") or {}).values()]
            short = [name.rpartition(":")[2].removeprefix(prefix) for name in names]
            known = [by_name[name].id for name in short if name in by_name]
            watched[known[0] if known else SAGEMAKER.id] += 1
        if item.type in ("aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm"):
            for topic in item.values.get("alarm_actions") or []:
                is_page = item.type == "aws_cloudwatch_composite_alarm"
                yield Arrow(ALARMS.id, nodes[topic].id, "unhealthy" if is_page else "every alarm")
    for node, count in watched.items():
        yield Arrow(node, ALARMS.id, "1 alarm" if count == 1 else f"{count} alarms")


def _once(arrows: set[Arrow]) -> set[Arrow]:
    """A batch takes the same steps as one classification: its arrows are not drawn again."""
    again = {a for a in arrows if a.begin == "batch" and replace(a, begin="classify") in arrows}
    same = {Arrow("batch", "classify", "the same steps for each")} if again else set()
    return arrows - again | same
