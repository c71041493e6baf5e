//! The cluster, its broker, and the configurations of that.

use pinflow_openapi::schema::{any, array, array_of, boolean, count, integer, named, object, one_of_texts, text};
use pinflow_openapi::{Operation, Schema};

use super::{Named, content, get, link, list, list_of, never_found, refused, resource};

pub(super) fn operations() -> Vec<Operation> {
    let clusters = Operation::new("GET", "/v3/clusters", "listKafkaClusters", "The clusters: this one");
    vec![
        refused(clusters.reply(200, "Here they are", content(list("KafkaCluster"))), &[]),
        get("", "getKafkaCluster", "The cluster", named("KafkaCluster")),
        get(
            "/broker-configs",
            "listKafkaClusterConfigs",
            "The configurations of all brokers: none is ever set",
            list_of("KafkaClusterConfig", array_of(any(), 0, 0)),
        ),
        never_found(
            "/broker-configs/{config_name}",
            "getKafkaClusterConfig",
            "A configuration of all brokers: none is ever set",
        ),
        get("/brokers", "listKafkaBrokers", "The brokers: this node", list("KafkaBroker")),
        get("/brokers/{broker_id}", "getKafkaBroker", "A broker", named("KafkaBroker")),
        get(
            "/brokers/-/configs",
            "listKafkaAllBrokersConfigs",
            "The configurations of each broker",
            list("KafkaBrokerConfig"),
        ),
        get(
            "/brokers/{broker_id}/configs",
            "listKafkaBrokerConfigs",
            "The configurations of a broker: the defaults of topics",
            list("KafkaBrokerConfig"),
        ),
        get(
            "/brokers/{broker_id}/configs/{config_name}",
            "getKafkaBrokerConfig",
            "A configuration of a broker",
            named("KafkaBrokerConfig"),
        ),
        get(
            "/brokers/{broker_id}/partition-replicas",
            "searchKafkaReplicasByBroker",
            "The replicas on a broker",
            list("KafkaReplica"),
        ),
    ]
}

pub(super) fn schemas() -> Vec<Named> {
    vec![
        resource(
            "KafkaCluster",
            [
                ("controller", link()),
                ("acls", link()),
                ("brokers", link()),
                ("broker_configs", link()),
                ("consumer_groups", link()),
                ("topics", link()),
                ("partition_reassignments", link()),
            ],
        ),
        resource(
            "KafkaBroker",
            [
                ("broker_id", count()),
                ("host", text()),
                ("port", integer(0, i64::from(u16::MAX))),
                ("configs", link()),
                ("partition_replicas", link()),
            ],
        ),
        config("KafkaBrokerConfig", ("broker_id", count())),
    ]
}

/// A configuration of a topic or a broker, which `owner` says.
pub(super) fn config(kind: &'static str, owner: (&str, Schema)) -> Named {
    let source = || one_of_texts(&["DEFAULT_CONFIG", "DYNAMIC_TOPIC_CONFIG"]);
    resource(
        kind,
        [
            owner,
            ("name", text()),
            ("value", text()),
            ("is_default", boolean()),
            ("is_read_only", boolean()),
            ("is_sensitive", boolean()),
            ("source", source()),
            ("synonyms", array(object([("name", text()), ("value", text()), ("source", source())]))),
        ],
    )
}
