"""What schemathesis is told about this API beyond its document: see test_fuzz.py."""

import schemathesis


@schemathesis.hook
def map_query(context, query):
    """A tail that is followed has no end."""
    if query and str(query.get("follow")).lower() == "true":
        return query | {"follow": "false"}
    return query
