"""What a column holds, told from its name and values: a first layer of rules, pure, as good in agents as on
the platform."""

from domain.classifiers.engine import classify
from domain.classifiers.profiles import profile
from domain.classifiers.samples import ColumnSample
from domain.classifiers.taxonomy import LABELS, Label

__all__ = ["LABELS", "ColumnSample", "Label", "classify", "profile"]
