"""What schemathesis is told about this API beyond its document: see test_fuzz.py."""

import cbor2
import schemathesis

# Kinesis' two forms of a body.
schemathesis.serializer.alias("application/x-amz-json-1.1", "application/json")


@schemathesis.serializer("application/x-amz-cbor-1.1")
def cbor(context, value):
    return cbor2.dumps(value)


@schemathesis.hook
def map_query(context, query):
    """A tail that is followed has no end."""
    if query and str(query.get("follow")).lower() == "true":
        return query | {"follow": "false"}
    return query
