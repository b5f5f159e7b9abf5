"""Python's side of tests/interop: `answer.py URL NAMESPACE`, then one JSON object a line, in and out.

{"put": class, "slot": number, "key": neutral, "value": neutral}
    encodes a row and puts it into etcd
    -> {"written": whether Python can encode it, "same": whether Python reads what it wrote}
{"get": class, "slot": number}
    decodes the only row of the slot
    -> {"key": neutral, "value": neutral, "repr": the value as Python shows it}
{"attach": oid, "name": text, "description": text or null} -> {"slot": number}
{"tables": true} -> {"tables": the catalogue}

Neutral are: uuids as text, byte strings as hex, timestamps as nanoseconds, tuples and sorted sets as arrays.
"""

import json
import sys

import catalogue
import rows
from gateway import Etcd


def answer(etcd, asked):
    if "put" in asked:
        return rows.put(etcd, asked["put"], asked["slot"], asked["key"], asked["value"])
    if "get" in asked:
        return rows.get(etcd, asked["get"], asked["slot"])
    if "attach" in asked:
        return {"slot": catalogue.attach(etcd, asked["attach"], asked["name"], asked["description"])}
    return {"tables": catalogue.slots(etcd)}


def main():
    url, namespace = sys.argv[1:]
    etcd = Etcd(url, namespace.encode())
    for line in sys.stdin:
        print(json.dumps(answer(etcd, json.loads(line))), flush=True)


main()
