//! Tags of streams and consumers, policies of streams.

use pinflow_openapi::schema::{array, array_of, boolean, integer, object, text};
use pinflow_openapi::{Operation, Schema};

use super::{command, on_stream, query, request};
use crate::kinesis::schema::{resource_arn, tag_key, tag_value, tags};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        command("AddTagsToStream", "Set tags of a stream", on_stream([("Tags", tags())])),
        command("RemoveTagsFromStream", "Remove tags of a stream", on_stream([("TagKeys", keys())])),
        query(
            "ListTagsForStream",
            "The tags of a stream, by key",
            on_stream([("Limit?", integer(1, 50)), ("ExclusiveStartTagKey?", tag_key())]),
            object([("Tags", list()), ("HasMoreTags", boolean())]),
        ),
        command(
            "TagResource",
            "Set tags of a stream or a consumer",
            request([("ResourceARN", resource_arn()), ("Tags", tags())]),
        ),
        command(
            "UntagResource",
            "Remove tags of a stream or a consumer",
            request([("ResourceARN", resource_arn()), ("TagKeys", keys())]),
        ),
        query(
            "ListTagsForResource",
            "The tags of a stream or a consumer",
            request([("ResourceARN", resource_arn())]),
            object([("Tags", list())]),
        ),
        command(
            "PutResourcePolicy",
            "Keep a policy with a stream; it is shown, and decides nothing",
            request([("ResourceARN", resource_arn()), ("Policy", text())]),
        ),
        query(
            "GetResourcePolicy",
            "The policy that is kept with a stream",
            request([("ResourceARN", resource_arn())]),
            object([("Policy", text())]),
        ),
        command("DeleteResourcePolicy", "Forget the policy of a stream", request([("ResourceARN", resource_arn())])),
    ]
}

fn keys() -> Schema {
    array_of(tag_key(), 1, 50)
}

fn list() -> Schema {
    array(object([("Key", tag_key()), ("Value", tag_value())]))
}
