"""An etcd client of a few lines: the JSON form of the API, which every etcd serves on its client port."""

import base64
import http.client
import json
import urllib.parse


def _base64(data):
    return base64.b64encode(data).decode()


class Etcd:
    """The keys below a namespace."""

    def __init__(self, url, namespace):
        place = urllib.parse.urlsplit(url)
        self._connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
        self._namespace = namespace

    def put(self, key, value):
        self._call("/v3/kv/put", {"key": _base64(self._namespace + key), "value": _base64(value)})

    def prefix(self, prefix):
        """The pairs of key and value whose keys begin so, in their order."""
        start = self._namespace + prefix
        end = (int.from_bytes(start, "big") + 1).to_bytes(len(start), "big")
        found = self._call("/v3/kv/range", {"key": _base64(start), "range_end": _base64(end)})
        pairs = [[base64.b64decode(row.get(part, "")) for part in ("key", "value")] for row in found.get("kvs", [])]
        return [(key.removeprefix(self._namespace), value) for key, value in pairs]

    def _call(self, path, request):
        self._connection.request("POST", path, json.dumps(request))
        response = self._connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status} {answer!r}")
        return json.loads(answer)
