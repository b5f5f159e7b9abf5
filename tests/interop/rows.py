"""Rows of Python's maps: their own encoders and decoders, without a database."""

import re
import struct
import uuid

import numpy as np
import zlmdb  # makes its own flatbuffers importable
from zlmdb import _pmap, flatbuffers

PART = re.compile(r"Oid3|Oid|Uuid|String|Timestamp|Uint\d+|Slot|Bytes\d+|Set|Json|Cbor|Pickle|FlatBuffers")


def mixin(cls, kind):
    """The types that the name of a mixin is made of."""
    name = next(base.__name__ for base in cls.__mro__ if base.__name__.endswith(kind + "Mixin"))
    parts = PART.findall(name.removesuffix(kind + "Mixin"))
    return ["Oid"] * 3 if parts == ["Oid3"] else parts


def element(part, value):
    if value is None:
        return None
    if part == "Uuid":
        return uuid.UUID(value)
    if part == "Timestamp":
        return np.datetime64(value, "ns")
    if part.startswith("Bytes") or part == "FlatBuffers":
        return bytes.fromhex(value)
    return value


def from_neutral(parts, value):
    if parts[-1] == "Set":
        return {element(parts[0], each) for each in value}
    if len(parts) == 1:
        return element(parts[0], value)
    return tuple(element(part, each) for part, each in zip(parts, value, strict=True))


def to_neutral(value):
    if isinstance(value, (tuple, list)):
        return [to_neutral(each) for each in value]
    if isinstance(value, (set, frozenset)):
        return sorted(to_neutral(each) for each in value)
    if isinstance(value, dict):
        return {key: to_neutral(each) for key, each in value.items()}
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, np.datetime64):
        return int(value.astype("datetime64[ns]").astype("int64"))
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return value


def build(value, builder):
    return builder.CreateByteVector(value)


def cast(data):
    """The root, a vector of bytes: an offset to a length in front of them."""
    (root,) = struct.unpack_from("<I", data, 0)
    (length,) = struct.unpack_from("<I", data, root)
    return bytes(data[root + 4 : root + 4 + length])


def instance(cls):
    """A map without a database, of which nothing but the encoders is used."""
    made = cls.__new__(cls)
    made._marshal = made._unmarshal = lambda value: value
    made._build, made._cast = build, cast
    return made


def put(etcd, name, slot, key, value):
    cls = getattr(_pmap, name)
    made = instance(cls)
    key = from_neutral(mixin(cls, "Keys"), key)
    value = from_neutral(mixin(cls, "Values"), value)
    try:
        stored_key, stored_value = made._serialize_key(key), made._serialize_value(value)
    except Exception:
        return {"written": False, "same": False}
    try:
        same = made._deserialize_key(stored_key) == key and made._deserialize_value(stored_value) == value
    except Exception:
        same = False
    etcd.put(struct.pack(">H", slot) + stored_key, stored_value)
    return {"written": True, "same": bool(same)}


def get(etcd, name, slot):
    made = instance(getattr(_pmap, name))
    ((key, value),) = etcd.prefix(struct.pack(">H", slot))
    value = made._deserialize_value(value)
    return {"key": to_neutral(made._deserialize_key(key[2:])), "value": to_neutral(value), "repr": repr(value)}
