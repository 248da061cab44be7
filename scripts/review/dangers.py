"""Which changes a reviewer must see, whatever else there is."""

from collections.abc import Iterable

from scripts.review.changes import Change

# What these hold is gone with them; the worst loss first.
HOLDS_DATA = {
    "aws_s3_bucket": "objects",
    "aws_dynamodb_table": "decisions",
    "aws_kms_key": "the key to everything that it encrypts",
    "aws_sqs_queue": "messages",
    "aws_cloudwatch_log_group": "logs",
}
# What watches, tells, or protects: a small change of these can do great harm unseen.
_SAFEGUARDS = {
    "aws_cloudwatch_composite_alarm",
    "aws_cloudwatch_metric_alarm",
    "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_ownership_controls",
    "aws_s3_bucket_public_access_block",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
    "aws_sns_topic_subscription",
}
_PROTECTING = {
    "dead_letter_config",
    "deletion_protection_enabled",
    "deletion_window_in_days",
    "enable_key_rotation",
    "is_enabled",
    "kms_key_arn",
    "kms_key_id",
    "kms_master_key_id",
    "message_retention_seconds",
    "point_in_time_recovery",
    "redrive_policy",
    "retention_in_days",
    "server_side_encryption",
    "ttl",
}
# These protect as long as they are off.
_EXPOSING = {"force_destroy"}


def losses(changes: Iterable[Change]) -> list[Change]:
    """Those that lose data, the worst first."""
    order = list(HOLDS_DATA)
    return sorted(filter(loses_data, changes), key=lambda change: order.index(change.type))


def loses_data(change: Change) -> bool:
    """Whether what the resource holds is lost."""
    return change.action in ("replace", "destroy") and change.type in HOLDS_DATA


def touches_safeguard(change: Change) -> bool:
    """Whether something that watches or protects is changed or taken away, but for its tags."""
    if change.action in ("replace", "destroy", "forget"):
        return change.type in _SAFEGUARDS
    if change.action != "change":
        return False
    attributes = {name for name in change.attributes if name not in ("tags", "tags_all")}
    if change.type in _SAFEGUARDS:
        return bool(attributes)
    switched_on = {name for name in _EXPOSING if change.after.get(name) or name in change.unknown}
    return bool(attributes & (_PROTECTING | switched_on))
