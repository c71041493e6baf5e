//! Topics, their configurations, and their partitions.

use pinflow_log::TopicConfig;
use pinflow_openapi::schema::{
    any, any_of, array, array_of, boolean, constant, count, integer, map, named, nullable, object, one_of_texts, text,
};
use pinflow_openapi::{Operation, Parameter, Schema};

use super::cluster::config;
use super::{Named, content, found, get, link, list, list_of, never_found, operation, refused, resource, with_body};
use crate::kafka_rest::openapi::{partition, topic};

pub(super) fn operations() -> Vec<Operation> {
    [of_topics(), of_configs(), of_partitions()].concat()
}

fn of_topics() -> Vec<Operation> {
    let create = operation("POST", "/topics", "createKafkaTopic", "Make a topic")
        .reply(200, "It could be made, and was only checked", content(named("KafkaTopic")))
        .reply(201, "It was made", content(named("KafkaTopic")))
        .reply_header("Location", text());
    let grow =
        operation("PATCH", "/topics/{topic_name}", "updatePartitionCountKafkaTopic", "Give a topic more partitions")
            .reply(200, "It has them", content(named("KafkaTopic")));
    let delete = operation("DELETE", "/topics/{topic_name}", "deleteKafkaTopic", "Delete a topic with its records")
        .reply(204, "It is gone", []);
    vec![
        get("/topics", "listKafkaTopics", "All topics", list("KafkaTopic")),
        with_body(create, create_request()),
        get("/topics/{topic_name}", "getKafkaTopic", "A topic", named("KafkaTopic")),
        with_body(grow, object([("partitions_count", integer(2, most_partitions()))])),
        refused(delete, &[400, 404]),
    ]
}

fn of_configs() -> Vec<Operation> {
    const CONFIG: &str = "/topics/{topic_name}/configs/{config_name}";
    let put = operation("PUT", CONFIG, "updateKafkaTopicConfig", "Set a configuration of a topic").reply(
        204,
        "It is set",
        [],
    );
    let delete = operation("DELETE", CONFIG, "deleteKafkaTopicConfig", "Reset a configuration of a topic").reply(
        204,
        "It has its default",
        [],
    );
    let alter = operation(
        "POST",
        "/topics/{topic_name}/configs:alter",
        "updateKafkaTopicConfigBatch",
        "Set and reset several configurations of a topic, all or none",
    )
    .reply(204, "They are changed, or could be and were only checked", []);
    vec![
        get(
            "/topics/-/configs",
            "listKafkaAllTopicsConfigs",
            "The configurations of each topic",
            list("KafkaTopicConfig"),
        ),
        get(
            "/topics/{topic_name}/configs",
            "listKafkaTopicConfigs",
            "The configurations of a topic",
            list("KafkaTopicConfig"),
        ),
        refused(
            get(
                "/topics/{topic_name}/default-configs",
                "listKafkaDefaultTopicConfigs",
                "The configurations that a topic would have if it were made now",
                list("KafkaTopicConfig"),
            ),
            &[400, 404, 422],
        ),
        get(CONFIG, "getKafkaTopicConfig", "A configuration of a topic", named("KafkaTopicConfig")),
        with_body(put, object([("value", text())])),
        refused(delete, &[400, 404]),
        with_body(alter, alter_request()),
    ]
}

fn of_partitions() -> Vec<Operation> {
    const OFFSET: &str = "/topics/{topic_name}/partitions/{partition_id}/offset";
    let offset = operation("GET", OFFSET, "getKafkaPartitionOffset", "What a partition holds")
        .with(Parameter::query("offset_type", constant("earliest_and_latest")).required())
        .reply(200, "Here it is", content(named("KafkaPartitionWithOffsets")));
    let no_reassignments = || list_of("KafkaReassignment", array_of(any(), 0, 0));
    vec![
        get(
            "/topics/{topic_name}/partitions",
            "listKafkaPartitions",
            "The partitions of a topic",
            list("KafkaPartition"),
        ),
        get(
            "/topics/{topic_name}/partitions/{partition_id}",
            "getKafkaPartition",
            "A partition",
            named("KafkaPartition"),
        ),
        refused(offset, &[400, 404]),
        get(
            "/topics/{topic_name}/partitions/{partition_id}/replicas",
            "listKafkaReplicas",
            "The replicas of a partition",
            list("KafkaReplica"),
        ),
        found(
            operation(
                "GET",
                "/topics/{topic_name}/partitions/{partition_id}/replicas/{broker_id}",
                "getKafkaReplica",
                "A replica of a partition",
            ),
            named("KafkaReplica"),
        ),
        get(
            "/topics/-/partitions/-/reassignment",
            "listKafkaAllReassignments",
            "Replicas that are being moved: none ever is",
            no_reassignments(),
        ),
        get(
            "/topics/{topic_name}/partitions/-/reassignment",
            "listKafkaTopicReassignments",
            "Replicas of a topic that are being moved: none ever is",
            no_reassignments(),
        ),
        never_found(
            "/topics/{topic_name}/partitions/{partition_id}/reassignment",
            "getKafkaReassignment",
            "How the replicas of a partition are being moved: they never are",
        ),
    ]
}

fn most_partitions() -> i64 {
    i64::from(TopicConfig::MAX_PARTITIONS)
}

fn create_request() -> Schema {
    let assignment = object([("partition_id", partition()), ("broker_ids", array_of(constant(1), 1, 1))]);
    object([
        ("topic_name", topic()),
        ("partitions_count?", nullable(any_of([constant(-1), integer(1, most_partitions())]))),
        ("replication_factor?", nullable(any_of([constant(-1), constant(1)]))),
        ("replicas_assignments?", nullable(any_of([array(assignment), map(array_of(constant(1), 1, 1))]))),
        ("configs?", nullable(array(object([("name", text()), ("value", text())])))),
        ("validate_only?", nullable(boolean())),
    ])
}

fn alter_request() -> Schema {
    let operation = nullable(one_of_texts(&["SET", "DELETE"]));
    let mut changes = array(object([("name", text()), ("value?", nullable(text())), ("operation?", operation)]));
    changes["minItems"] = 1.into();
    object([("data", changes), ("validate_only?", nullable(boolean()))])
}

pub(super) fn schemas() -> Vec<Named> {
    let (of_topic, of_partition) = (("topic_name", topic()), ("partition_id", partition()));
    vec![
        resource(
            "KafkaTopic",
            [
                of_topic.clone(),
                ("is_internal", boolean()),
                ("replication_factor", count()),
                ("partitions_count", integer(1, most_partitions())),
                ("partitions", link()),
                ("configs", link()),
                ("partition_reassignments", link()),
                ("authorized_operations", array_of(any(), 0, 0)),
            ],
        ),
        config("KafkaTopicConfig", of_topic.clone()),
        resource(
            "KafkaPartition",
            [
                of_topic.clone(),
                of_partition.clone(),
                ("leader", link()),
                ("replicas", link()),
                ("reassignment", link()),
            ],
        ),
        resource(
            "KafkaPartitionWithOffsets",
            [of_topic.clone(), of_partition.clone(), ("earliest_offset", count()), ("latest_offset", count())],
        ),
        resource(
            "KafkaReplica",
            [
                of_topic,
                of_partition,
                ("broker_id", count()),
                ("is_leader", boolean()),
                ("is_in_sync", boolean()),
                ("broker", link()),
            ],
        ),
    ]
}
