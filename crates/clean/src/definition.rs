//! What a stream's rows are made by, as a number that a table can keep beside them.

use std::hash::Hasher;

use pinflow_dialect::parse;
use pinflow_pipeline::{Field, Stream, UnknownFieldPolicies, WrongType};
use serde_json::{Map, Value, json};
use siphasher::sip::SipHasher24;

/// A number for how `stream` makes rows of records: its fields, its SELECT without comments and layout, its key, and
/// what it makes of unknown fields. Positive, and the
/// same for the same definition on every machine and in every later version: tables keep it.
pub fn definition(stream: &Stream) -> i64 {
    let mut hash = SipHasher24::new();
    let mut add = |text: &str| {
        hash.write(text.as_bytes());
        // No text holds this byte, so that the parts cannot run into each other.
        hash.write_u8(0xff);
    };
    for field in &stream.schema {
        add(&field.name);
        add(field.kind.as_str());
        add(if field.required { "required" } else { "" });
        add(if field.wrong_type == WrongType::Null { "null" } else { "" });
    }
    let select = &stream.clean.text;
    add(&parse(select).map_or_else(|_| select.clone(), |statement| statement.to_string()));
    add(stream.key.as_deref().unwrap_or_default());
    let UnknownFieldPolicies { others, named } = &stream.unknown_fields;
    // The default adds nothing: tables that are older than the policies keep their number.
    if stream.unknown_fields != UnknownFieldPolicies::default() {
        add(others.as_str());
        named.iter().for_each(|(name, policy)| [name, policy.as_str()].into_iter().for_each(&mut add));
    }
    (hash.finish() >> 1).max(1).cast_signed()
}

/// What [`definition`] makes a number of, for those who read a table's history: each part with its name.
pub fn definition_in_words(stream: &Stream) -> [(&'static str, Value); 4] {
    let field = |field: &Field| {
        let wrong_type = if field.wrong_type == WrongType::Null { "null" } else { "dead" };
        json!({"name": field.name, "type": field.kind.as_str(), "required": field.required, "wrong_type": wrong_type})
    };
    let UnknownFieldPolicies { others, named } = &stream.unknown_fields;
    let mut policies: Map<String, Value> =
        named.iter().map(|(name, policy)| (name.clone(), policy.as_str().into())).collect();
    policies.insert("*".to_owned(), others.as_str().into());
    [
        ("select", stream.clean.text.as_str().into()),
        ("schema", stream.schema.iter().map(field).collect()),
        ("key", stream.key.as_deref().into()),
        ("unknown_field_policies", policies.into()),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use pinflow_pipeline::{Field, FieldType, LaneSpec, TextFile, UnknownFieldPolicy};

    fn stream(sql: &str) -> Stream {
        let lane = LaneSpec { topic: "t".parse().unwrap(), table: "t".to_owned() };
        let field =
            Field { name: "id".to_owned(), kind: FieldType::Bigint, required: false, wrong_type: WrongType::Dead };
        Stream {
            name: "t".to_owned(),
            batch: lane.clone(),
            stream: lane,
            key: Some("id".to_owned()),
            within: None,
            schema: vec![field],
            unknown_fields: UnknownFieldPolicies::default(),
            clean: TextFile { path: "t.sql".into(), text: sql.to_owned() },
        }
    }

    #[test]
    fn it_is_kept_by_tables_so_it_never_changes() {
        assert_eq!(definition(&stream("SELECT id FROM input")), 4_465_911_663_145_518_184);
    }

    #[test]
    fn comments_and_layout_do_not_count() {
        let plain = definition(&stream("SELECT id FROM input"));
        assert_eq!(definition(&stream("-- which one\nselect   id\nfrom input")), plain);
        assert_ne!(definition(&stream("SELECT id + 1 AS id FROM input")), plain);
    }

    #[test]
    fn fields_key_and_policies_count() {
        let plain = stream("SELECT id FROM input");
        let mut keyless = plain.clone();
        keyless.key = None;
        let mut required = plain.clone();
        required.schema[0].required = true;
        let mut lenient = plain.clone();
        lenient.schema[0].wrong_type = WrongType::Null;
        let (mut strict, mut strict_here) = (plain.clone(), plain.clone());
        strict.unknown_fields.others = UnknownFieldPolicy::Dead;
        strict_here.unknown_fields.named.insert("colour".to_owned(), UnknownFieldPolicy::Dead);
        let all = [plain, keyless, required, lenient, strict, strict_here].map(|stream| definition(&stream));
        for (number, one) in all.iter().enumerate() {
            assert!(all[..number].iter().all(|other| other != one), "{all:?}");
        }
    }
}
