"""SQLite's declared types, which are mere words, among the types common to all sources."""

from __future__ import annotations

from connectors.entries import DataType

_CONTAINED = (
    ("BOOL", DataType.BOOLEAN),
    ("TIMESTAMP", DataType.TIMESTAMP),
    ("DATETIME", DataType.TIMESTAMP),
    ("DATE", DataType.DATE),
    ("TIME", DataType.TIME),
    ("UUID", DataType.UUID),
    ("JSON", DataType.JSON),
    ("POINT", DataType.GEOMETRY),
    ("GEOM", DataType.GEOMETRY),
    ("INT", DataType.INTEGER),
    ("CHAR", DataType.STRING),
    ("CLOB", DataType.STRING),
    ("TEXT", DataType.STRING),
    ("BLOB", DataType.BINARY),
    ("REAL", DataType.FLOAT),
    ("FLOA", DataType.FLOAT),
    ("DOUB", DataType.FLOAT),
    ("DEC", DataType.DECIMAL),
    ("NUM", DataType.DECIMAL),
)
"""In order: the first word contained decides, as in SQLite's own rules of affinity."""


def data_type(declared: str) -> DataType:
    upper = declared.upper()
    for word, kind in _CONTAINED:
        if word in upper:
            return kind
    return DataType.OTHER
