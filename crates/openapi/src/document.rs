//! The document: all operations of all parts, and how to authenticate.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::operation::Reply;
use crate::{Operation, Schema};

/// The operations of one part of the node, and the schemas that they name.
#[derive(Clone, Debug)]
pub struct Api {
    /// The name that its operations are grouped under.
    pub tag: &'static str,
    /// What it is, in a sentence.
    pub description: &'static str,
    /// Its operations.
    pub operations: Vec<Operation>,
    /// Its schemas, for [`schema::named`](crate::schema::named).
    pub schemas: Vec<(&'static str, Schema)>,
}

/// An OpenAPI 3.1 document.
#[derive(Clone, Debug)]
pub struct Document(Value);

impl Document {
    /// The document of some parts.
    pub fn new(description: &str, version: &str, apis: &[Api]) -> Self {
        let mut paths = Map::new();
        let mut replies = SharedReplies::new(apis);
        for (api, operation) in apis.iter().flat_map(|api| api.operations.iter().map(move |operation| (api, operation)))
        {
            let path = paths.entry(operation.path.clone()).or_insert_with(|| json!({}));
            path[operation.method.to_ascii_lowercase()] =
                operation.to_json(api.tag, &mut |reply| replies.reference(reply));
        }
        let schemas =
            apis.iter().flat_map(|api| &api.schemas).map(|(name, schema)| ((*name).to_owned(), schema.clone()));
        Self(json!({
            "openapi": "3.1.0",
            "info": { "title": "pinflow", "version": version, "description": description },
            "servers": [
                { "url": "/" },
                {
                    "url": "/{stage}",
                    "description": "With a stage in front, as behind an API gateway",
                    "variables": { "stage": { "default": "dev" } },
                },
            ],
            "security": [{}, { "basic": [] }, { "apiKey": [] }, { "sigV4": [] }],
            "tags": apis.iter().map(|api| json!({ "name": api.tag, "description": api.description })).collect::<Value>(),
            "paths": paths,
            "components": {
                "responses": replies.named(),
                "schemas": schemas.collect::<Map<_, _>>(),
                "securitySchemes": {
                    "basic": { "type": "http", "scheme": "basic" },
                    "apiKey": { "type": "apiKey", "in": "header", "name": "x-api-key" },
                    "sigV4": {
                        "type": "apiKey",
                        "in": "header",
                        "name": "Authorization",
                        "description": "AWS Signature Version 4",
                        "x-amazon-apigateway-authtype": "awsSigv4",
                    },
                },
            },
        }))
    }

    /// The document as JSON.
    pub fn json(&self) -> &Value {
        &self.0
    }

    /// Method (upper case) and path of every operation.
    pub fn operations(&self) -> impl Iterator<Item = (String, &str)> {
        let paths = self.0["paths"].as_object().into_iter().flatten();
        paths.flat_map(|(path, item)| {
            let methods = item.as_object().into_iter().flatten();
            methods.map(move |(method, _)| (method.to_ascii_uppercase(), path.as_str()))
        })
    }

    /// What is wrong with the document itself: a name that is used twice or means nothing, a path without its parameters.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut ids = BTreeSet::new();
        for (method, path) in self.operations() {
            let operation = &self.0["paths"][path][method.to_ascii_lowercase()];
            let id = operation["operationId"].as_str().unwrap_or_default();
            if !ids.insert(id) {
                problems.push(format!("two operations have the id `{id}`"));
            }
            let given: BTreeSet<&str> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|parameter| parameter["in"] == "path")
                .filter_map(|parameter| parameter["name"].as_str())
                .collect();
            let named = path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
            if given != named {
                problems.push(format!("{method} {path} has the parameters {given:?}"));
            }
        }
        self.unresolved(&self.0, &mut problems);
        problems
    }

    fn unresolved(&self, value: &Value, problems: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref")
                    && self.0.pointer(reference.trim_start_matches('#')).is_none()
                {
                    problems.push(format!("there is no `{reference}`"));
                }
                members.values().for_each(|member| self.unresolved(member, problems));
            }
            Value::Array(elements) => elements.iter().for_each(|element| self.unresolved(element, problems)),
            _ => {}
        }
    }
}

/// Replies that several operations have alike, most of them refusals: each is in the document once.
struct SharedReplies {
    /// How many operations have a reply of that text.
    uses: BTreeMap<String, usize>,
    /// The names that were given, and the replies.
    named: Map<String, Value>,
}

impl SharedReplies {
    fn new(apis: &[Api]) -> Self {
        let mut uses = BTreeMap::new();
        for reply in apis.iter().flat_map(|api| &api.operations).flat_map(|operation| &operation.replies) {
            *uses.entry(reply.to_json().to_string()).or_default() += 1;
        }
        Self { uses, named: Map::new() }
    }

    /// The reply, or a reference to it where others have it too.
    fn reference(&mut self, reply: &Reply) -> Value {
        let json = reply.to_json();
        if self.uses.get(&json.to_string()).is_none_or(|uses| *uses < 2) {
            return json;
        }
        let known = self.named.iter().find(|(_, known)| **known == json).map(|(name, _)| name.clone());
        let name = known.unwrap_or_else(|| {
            let alike = |name: &&String| name.starts_with(&format!("{}-", reply.status));
            let name = format!("{}-{}", reply.status, self.named.keys().filter(alike).count() + 1);
            self.named.insert(name.clone(), json);
            name
        });
        json!({ "$ref": format!("#/components/responses/{name}") })
    }

    fn named(self) -> Map<String, Value> {
        self.named
    }
}
