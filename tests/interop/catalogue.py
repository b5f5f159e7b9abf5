"""The catalogue as txaioetcd 18.10 reads and writes it (`Database._cache_slots`, `_attach_slot`; `Slot`)."""

import struct
import uuid

import cbor2

PREFIX = b"\0\0"


def slots(etcd):
    """All rows of slot 0, each of which must be a table."""
    tables = []
    for key, value in etcd.prefix(PREFIX):
        (slot,) = struct.unpack(">H", key[2:4])
        row = cbor2.loads(value)
        assert type(row) is dict, row
        assert row["slot"] == slot, row
        table = {name: row.get(name) for name in ("name", "description", "tags", "creator", "slot")}
        tables.append({"oid": str(uuid.UUID(row["oid"])), **table})
    return tables


def attach(etcd, oid, name, description):
    """The slot of the table, which is entered if it is new: after the last one."""
    tables = slots(etcd)
    for table in tables:
        if table["oid"] == oid:
            return table["slot"]
    slot = max((table["slot"] for table in tables), default=0) + 1
    row = {"oid": oid, "name": name}
    if description:
        row["description"] = description
    row.update({"creator": "unknown", "slot": slot})
    etcd.put(PREFIX + struct.pack(">H", slot), cbor2.dumps(row))
    return slot
