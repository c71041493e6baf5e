//! `unknown_fields:` of a stream: what happens to fields that its schema lacks.

use std::collections::BTreeMap;

use crate::context::Context;
use crate::fields;
use crate::nearest::did_you_mean;
use crate::yaml::{Node, Value};
use crate::{Field, UnknownFieldPolicies, UnknownFieldPolicy};

/// The name that stands for all fields that are not named.
const OTHERS: &str = "*";

/// One policy for all fields, or a mapping of names to policies with `"*"` for the others.
pub(crate) fn read(node: &Node, what: &str, schema: &[Field], context: Context<'_>) -> UnknownFieldPolicies {
    if !matches!(node.value, Value::Mapping(_)) {
        let others = read_policy(node, what, context).unwrap_or_default();
        return UnknownFieldPolicies { others, named: BTreeMap::new() };
    }
    let mut policies = UnknownFieldPolicies::default();
    for (key, node) in fields::entries(node, what, context).unwrap_or_default() {
        let Some(policy) = read_policy(node, &format!("{what}: `{}`", key.name), context) else { continue };
        if key.name == OTHERS {
            policies.others = policy;
            continue;
        }
        if schema.iter().any(|field| field.name == key.name) {
            let message = format!("{what}: `{}` is in the schema", key.name);
            context.problem(key.line, message, "remove it here, or there".to_owned());
        }
        policies.named.insert(key.name.clone(), policy);
    }
    policies
}

fn read_policy(node: &Node, what: &str, context: Context<'_>) -> Option<UnknownFieldPolicy> {
    let name = fields::text(node, what, context)?;
    let policy = UnknownFieldPolicy::ALL.into_iter().find(|policy| policy.as_str() == name);
    if policy.is_none() {
        let hint = did_you_mean(&name, UnknownFieldPolicy::ALL.map(UnknownFieldPolicy::as_str));
        context.problem(node.line, format!("{what}: unknown policy `{name}`"), hint);
    }
    policy
}
