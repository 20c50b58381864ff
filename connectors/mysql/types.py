"""MySQL's types among the types common to all sources."""

from __future__ import annotations

from connectors.entries import DataType

_TYPES = {
    DataType.INTEGER: ("tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year"),
    DataType.DECIMAL: ("decimal", "numeric"),
    DataType.FLOAT: ("float", "double"),
    DataType.STRING: (
        ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "inet4", "inet6")
    ),
    DataType.BINARY: ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "bit", "vector"),
    DataType.DATE: ("date",),
    DataType.TIME: ("time",),
    DataType.TIMESTAMP: ("datetime", "timestamp"),
    DataType.UUID: ("uuid",),
    DataType.JSON: ("json",),
    DataType.GEOMETRY: (
        "geometry",
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geometrycollection",
        "geomcollection",
    ),
}
_BY_NAME = {name: kind for kind, names in _TYPES.items() for name in names}


def data_type(name: str, native: str) -> DataType:
    """The common type of a column; one byte of width 1 is how a truth value is declared."""
    if native.startswith("tinyint(1)") or native == "bit(1)":
        return DataType.BOOLEAN
    return _BY_NAME.get(name.lower(), DataType.OTHER)
