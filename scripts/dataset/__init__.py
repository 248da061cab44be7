"""From labelled pictures, wherever they are, to a data set in S3 that training jobs read.

dataset = load(source, classes, cache_dir)   read, checked, nothing changed
splits = make_splits(dataset, seed=0)        train, validation and test, disjoint
staged = stage(splits, classes, s3, bucket)  in S3, once

classes, splits = read_staged(s3, bucket, dataset_id)  from S3, checked
added = read_additions(folder, classes)                newly labelled pictures
splits, additions = extend(splits, classes, added)     test stays what it is
"""

from scripts.dataset.additions import extend, read_additions
from scripts.dataset.model import Dataset, Progress, Sample, Splits
from scripts.dataset.source import load
from scripts.dataset.split import make_splits
from scripts.dataset.staged import read_staged
from scripts.dataset.staging import StagedDataset, describe, stage

__all__ = [
    "Dataset",
    "Progress",
    "Sample",
    "Splits",
    "StagedDataset",
    "describe",
    "extend",
    "load",
    "make_splits",
    "read_additions",
    "read_staged",
    "stage",
]
