"""From labelled pictures, wherever they are, to a data set in S3 that training jobs read.

dataset = load(source, classes, cache_dir)   read, checked, nothing changed
splits = make_splits(dataset, seed=0)        train, validation and test, disjoint
staged = stage(splits, classes, s3, bucket)  in S3, once
"""

from scripts.dataset.model import Dataset, Progress, Sample, Splits
from scripts.dataset.pictures import decoded_digest
from scripts.dataset.source import load
from scripts.dataset.split import make_splits, split_validation
from scripts.dataset.staging import StagedDataset, describe, stage

__all__ = [
    "Dataset",
    "Progress",
    "Sample",
    "Splits",
    "StagedDataset",
    "decoded_digest",
    "describe",
    "load",
    "make_splits",
    "split_validation",
    "stage",
]
