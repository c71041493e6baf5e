//! `system.unknown_fields`: the fields of events that their streams' schemas lack, since the node started.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use pinflow_clean::UnknownCount;

use crate::stages::Stages;

/// What stands for the names that are not counted by themselves: no field of a client can be told from it, so it is null.
const OTHERS: Option<&str> = None;

/// A row for each field of each lane.
pub(crate) fn rows(stages: &Stages) -> RecordBatch {
    let mut lanes = Vec::new();
    let mut streams = Vec::new();
    let mut fields: Vec<Option<String>> = Vec::new();
    let mut policies = Vec::new();
    let (mut met, mut not_evolved) = (Vec::new(), Vec::new());
    for ((lane, stream), status) in &stages.statuses {
        let unknown = status.get().unknown;
        let policy = &stages.pipeline().stream(stream).expect("every lane is of a stream").unknown_fields;
        let named = unknown.named.iter().map(|(name, count)| (Some(name.as_str()), policy.of(name), *count));
        let others = (unknown.others != UnknownCount::default()).then_some((OTHERS, policy.others, unknown.others));
        for (field, policy, count) in named.chain(others) {
            lanes.push(lane.as_str());
            streams.push(stream.as_str());
            fields.push(field.map(str::to_owned));
            policies.push(policy.as_str());
            met.push(count.met.cast_signed());
            not_evolved.push(count.not_evolved.cast_signed());
        }
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("lane", Arc::new(StringArray::from(lanes))),
        ("stream", Arc::new(StringArray::from(streams))),
        ("field", Arc::new(StringArray::from(fields))),
        ("policy", Arc::new(StringArray::from(policies))),
        ("met", Arc::new(Int64Array::from(met))),
        ("not_evolved", Arc::new(Int64Array::from(not_evolved))),
    ];
    RecordBatch::try_from_iter(columns).expect("every column has a value a row")
}
