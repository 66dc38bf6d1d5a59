"""What the fuzzer has to be told: how lines of JSON are written."""

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(_, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", errors="replace")
