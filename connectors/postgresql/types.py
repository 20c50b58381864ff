"""PostgreSQL's types among the types common to all sources."""

from __future__ import annotations

from functools import lru_cache

from connectors.entries import DataType

_BY_NAME = {
    "boolean": DataType.BOOLEAN,
    "smallint": DataType.INTEGER,
    "integer": DataType.INTEGER,
    "bigint": DataType.INTEGER,
    "oid": DataType.INTEGER,
    "numeric": DataType.DECIMAL,
    "money": DataType.DECIMAL,
    "real": DataType.FLOAT,
    "double precision": DataType.FLOAT,
    "bytea": DataType.BINARY,
    "bit": DataType.BINARY,
    "bit varying": DataType.BINARY,
    "date": DataType.DATE,
    "time without time zone": DataType.TIME,
    "time with time zone": DataType.TIME,
    "timestamp without time zone": DataType.TIMESTAMP,
    "timestamp with time zone": DataType.TIMESTAMP,
    "interval": DataType.INTERVAL,
    "uuid": DataType.UUID,
    "json": DataType.JSON,
    "jsonb": DataType.JSON,
    "xml": DataType.STRING,
    "inet": DataType.STRING,
    "cidr": DataType.STRING,
    "macaddr": DataType.STRING,
    "macaddr8": DataType.STRING,
    "text": DataType.STRING,
    "character varying": DataType.STRING,
    "character": DataType.STRING,
    "name": DataType.STRING,
    '"char"': DataType.STRING,
    "point": DataType.GEOMETRY,
    "line": DataType.GEOMETRY,
    "lseg": DataType.GEOMETRY,
    "box": DataType.GEOMETRY,
    "path": DataType.GEOMETRY,
    "polygon": DataType.GEOMETRY,
    "circle": DataType.GEOMETRY,
    "hstore": DataType.MAP,
    "citext": DataType.STRING,
    "geometry": DataType.GEOMETRY,
    "geography": DataType.GEOMETRY,
}
_BY_CATEGORY = {
    "A": DataType.ARRAY,
    "B": DataType.BOOLEAN,
    "C": DataType.STRUCT,
    "D": DataType.TIMESTAMP,
    "E": DataType.STRING,
    "G": DataType.GEOMETRY,
    "I": DataType.STRING,
    "N": DataType.DECIMAL,
    "S": DataType.STRING,
    "T": DataType.INTERVAL,
    "V": DataType.BINARY,
}


@lru_cache(maxsize=4_096)
def data_type(native: str, kind: str) -> DataType:
    """The common type; `kind` is typtype and typcategory of a type that did not come with the server."""
    if native.endswith("]"):
        return DataType.ARRAY
    base = native.partition("(")[0].rstrip()
    if ")" in native:  # "timestamp(3) with time zone"
        base = f"{base} {native.rpartition(')')[2].strip()}".rstrip()
    base = base.rpartition(".")[2].strip('"') if base not in _BY_NAME else base
    known = _BY_NAME.get(base)
    if kind[:1] == "c":
        return DataType.STRUCT
    return known or _BY_CATEGORY.get(kind[1:2], DataType.OTHER)
