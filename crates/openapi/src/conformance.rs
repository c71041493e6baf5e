//! Holds what was really said to the document. For tests: a reply that the document does not have fails them.

use serde_json::{Deserializer, Map, Value};

use crate::Document;
use crate::schema::ITEM_SCHEMA;

/// The media type of a body that may be of any, for one whose type is not stated.
const ANY_TYPE: &str = "*/*";

/// A request and its reply.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path without a stage and without a query.
    pub path: &'a str,
    /// The request's headers, of which those count that a documented path has in its fragment.
    pub headers: &'a [(&'a str, &'a str)],
    /// The request's content type and body.
    pub request: (Option<&'a str>, &'a [u8]),
    /// The status of the reply.
    pub status: u16,
    /// The reply's content type and body.
    pub reply: (Option<&'a str>, &'a [u8]),
}

/// Whose body it is.
#[derive(Clone, Copy, Debug)]
enum Side {
    Request,
    Reply,
}

impl Document {
    /// Whether the document has the exchange's operation, its reply and, where the reply is a success, its request.
    ///
    /// # Errors
    /// What the document does not have.
    pub fn check(&self, exchange: &Exchange<'_>) -> Result<(), String> {
        let Exchange { method, path, headers, status, .. } = exchange;
        let operation = self.find(method, path, headers).ok_or_else(|| format!("no operation for {method} {path}"))?;
        let within = |why: String| format!("{method} {path} -> {status}: {why}");
        let reply = self.resolved(&operation["responses"][status.to_string()]);
        let reply = reply.ok_or_else(|| within("the status is not in the document".to_owned()))?;
        self.check_body(&reply["content"], exchange.reply, Side::Reply).map_err(within)?;
        if !(200..300).contains(status) {
            return Ok(());
        }
        let body = &operation["requestBody"];
        let blank = exchange.request.1.is_empty();
        match (blank, body["required"].as_bool()) {
            (true, Some(true)) => Err(within("the document wants a body".to_owned())),
            (true, _) => Ok(()),
            (false, _) => {
                let (content_type, text) = exchange.request;
                // A request need not say what its body is; it is then what the operation takes.
                let taken = body["content"].as_object().and_then(|content| content.keys().next());
                let request = (content_type.or(taken.map(String::as_str)), text);
                let checked = self.check_body(&body["content"], request, Side::Request);
                checked.map_err(|why| within(format!("request: {why}")))
            }
        }
    }

    /// The operation of a path: one with a header of the request goes before the others, fixed segments before parameters.
    fn find(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Option<&Value> {
        let method = if method == "HEAD" { "get".to_owned() } else { method.to_ascii_lowercase() };
        let paths = self.json()["paths"].as_object()?;
        let carried = |header: &str| {
            let is = |(name, value): &(&str, &str)| {
                header.split_once('=').is_some_and(|(wanted, only)| name.eq_ignore_ascii_case(wanted) && *value == only)
            };
            headers.iter().any(is)
        };
        let fits = |template: &str| {
            let (template, header) = template.split_once('#').map_or((template, None), |(path, h)| (path, Some(h)));
            if !header.is_none_or(carried) {
                return false;
            }
            let (mut given, mut wanted) =
                (path.split('/').filter(|s| !s.is_empty()), template.split('/').skip(1).filter(|s| !s.is_empty()));
            loop {
                match (given.next(), wanted.next()) {
                    (None, None) => return true,
                    (Some(given), Some(wanted)) if wanted.starts_with('{') || given == wanted => {}
                    _ => return false,
                }
            }
        };
        let fitting = paths.iter().filter(|(template, item)| fits(template) && !item[&method].is_null());
        fitting
            .min_by_key(|(template, _)| (!template.contains('#'), template.matches('{').count()))
            .map(|(_, item)| &item[&method])
    }

    /// What a value stands for: itself, or what it refers to.
    fn resolved<'a>(&'a self, value: &'a Value) -> Option<&'a Value> {
        match value["$ref"].as_str() {
            Some(reference) => self.json().pointer(reference.trim_start_matches('#')),
            None => Some(value).filter(|value| !value.is_null()),
        }
    }

    fn check_body(&self, content: &Value, (media_type, body): (Option<&str>, &[u8]), side: Side) -> Result<(), String> {
        let Some(content) = content.as_object() else {
            return if body.is_empty() { Ok(()) } else { Err("there should be no body".to_owned()) };
        };
        let untyped = if content.contains_key(ANY_TYPE) { ANY_TYPE } else { "application/json" };
        let essence = media_type.unwrap_or(untyped).split(';').next().unwrap_or_default().trim();
        let documented =
            content.get(essence).ok_or_else(|| format!("the media type `{essence}` is not in the document"))?;
        if !is_json(essence) || body.is_empty() {
            return Ok(());
        }
        if let Some(of) = documented["schema"].get(ITEM_SCHEMA) {
            return self.check_sequence(of, body, side);
        }
        match serde_json::from_slice(body) {
            Ok(value) => self.check_value(&documented["schema"], &value, "$"),
            // JSON has numbers that a reader of it need not hold; a router that stores bytes takes them.
            Err(error) if error.to_string().starts_with("number out of range") => Ok(()),
            Err(error) => Err(format!("no JSON: {error}")),
        }
    }

    /// Checks the values that follow one another in a body.
    fn check_sequence(&self, of: &Value, body: &[u8], side: Side) -> Result<(), String> {
        for (index, value) in Deserializer::from_slice(body).into_iter().enumerate() {
            match (value, side) {
                (Ok(value), _) => self.check_value(of, &value, &format!("$[{index}]"))?,
                // Its values are taken as they come, and the reply to the last says that it broke off.
                (Err(_), Side::Request) => break,
                (Err(error), Side::Reply) => return Err(format!("no JSON: {error}")),
            }
        }
        Ok(())
    }

    /// Checks a value against a schema of the words that [`schema`](crate::schema) has.
    fn check_value(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let none = Map::new();
        for (word, rule) in schema.as_object().unwrap_or(&none) {
            let holds = match word.as_str() {
                "$ref" => {
                    let target = self.resolved(schema).ok_or_else(|| format!("there is no {rule}"))?;
                    self.check_value(target, value, at)?;
                    true
                }
                "anyOf" => {
                    let rules = rule.as_array().map(Vec::as_slice).unwrap_or_default();
                    let tries: Vec<_> = rules.iter().map(|rule| self.check_value(rule, value, at)).collect();
                    if tries.iter().all(Result::is_err) {
                        let reasons: Vec<String> = tries.into_iter().filter_map(Result::err).collect();
                        return Err(reasons.join(", nor: "));
                    }
                    true
                }
                "not" => self.check_value(rule, value, at).is_err(),
                "type" => is_of_type(value, rule),
                "enum" => rule.as_array().is_some_and(|values| values.contains(value)),
                "const" => rule == value,
                "minimum" => value.as_f64() >= rule.as_f64(),
                "maximum" => value.as_f64() <= rule.as_f64(),
                "minItems" => value.as_array().map(Vec::len) >= size(rule),
                "maxItems" => value.as_array().map(Vec::len) <= size(rule),
                "minProperties" => value.as_object().map(Map::len) >= size(rule),
                "maxProperties" => value.as_object().map(Map::len) <= size(rule),
                "minLength" => value.as_str().map(|text| text.chars().count()) >= size(rule),
                "maxLength" => value.as_str().map(|text| text.chars().count()) <= size(rule),
                "items" => {
                    for (index, element) in value.as_array().into_iter().flatten().enumerate() {
                        self.check_value(rule, element, &format!("{at}[{index}]"))?;
                    }
                    true
                }
                "propertyNames" => {
                    for name in value.as_object().into_iter().flat_map(Map::keys) {
                        self.check_value(rule, &Value::from(name.as_str()), &format!("{at} has a name that"))?;
                    }
                    true
                }
                "properties" | "required" | "additionalProperties" => self.check_members(schema, word, value, at)?,
                // Expressions are for those who make requests; the router has its own tests.
                "pattern" | "contentEncoding" | "description" => true,
                unknown => return Err(format!("the schema at {at} has the word `{unknown}`, which is not checked")),
            };
            if !holds {
                return Err(format!("{at} is {value}, which breaks `{word}: {rule}`"));
            }
        }
        Ok(())
    }

    fn check_members(&self, schema: &Value, word: &str, value: &Value, at: &str) -> Result<bool, String> {
        let Some(members) = value.as_object() else { return Ok(true) };
        let rule = &schema[word];
        if word == "required" {
            return Ok(rule
                .as_array()
                .into_iter()
                .flatten()
                .all(|name| members.contains_key(name.as_str().unwrap_or_default())));
        }
        for (name, member) in members {
            let known = &schema["properties"][name];
            let rule = if word == "properties" { known } else { rule };
            if word == "additionalProperties" && !known.is_null() || rule.is_null() {
                continue;
            }
            if *rule == Value::Bool(false) {
                return Err(format!("{at} has the member `{name}`, which is not in the document"));
            }
            self.check_value(rule, member, &format!("{at}.{name}"))?;
        }
        Ok(true)
    }
}

/// Whether a media type is JSON, of whatever version: `application/x-amz-json-1.1` is.
fn is_json(essence: &str) -> bool {
    essence.trim_end_matches(|c: char| matches!(c, '0'..='9' | '.' | '-')).ends_with("json")
}

fn size(rule: &Value) -> Option<usize> {
    rule.as_u64().and_then(|size| usize::try_from(size).ok())
}

fn is_of_type(value: &Value, name: &Value) -> bool {
    match name.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::schema::{
        any_of, array_of, count, integer, map_of, matching, named, nullable, object, one_of_texts, sequence, text,
        text_of,
    };
    use crate::{Api, Operation, Parameter};

    fn document() -> Document {
        let thing =
            object([("id", count()), ("kind?", one_of_texts(&["a", "b"])), ("parent?", nullable(named("Thing")))]);
        let operations = vec![
            Operation::new("GET", "/things/{id}", "getThing", "A thing")
                .with(Parameter::path("id", count()))
                .reply(200, "It", [("application/json", named("Thing"))])
                .reply(404, "None", []),
            Operation::new("GET", "/things/all", "getAll", "All").reply(204, "None", []),
            Operation::new("POST", "/things", "addThings", "More")
                .body([("application/json", array_of(any_of([integer(1, 9), matching("[a-z]+")]), 1, 2))])
                .reply(200, "Done", [("text/plain", text())]),
            Operation::new("PUT", "/things", "streamThings", "More and more")
                .body([("application/json", sequence(integer(1, 9)))])
                .reply(200, "Done", [("application/json", sequence(count()))]),
        ];
        let api = Api { tag: "Things", description: "Things", operations, schemas: vec![("Thing", thing)] };
        Document::new("For this test", "1", &[api])
    }

    fn got(path: &str, status: u16, body: &str) -> Result<(), String> {
        let content_type = (!body.is_empty()).then_some("application/json; charset=utf-8");
        let exchange = Exchange {
            method: "GET",
            path,
            headers: &[],
            request: (None, b""),
            status,
            reply: (content_type, body.as_bytes()),
        };
        document().check(&exchange)
    }

    fn posted(content_type: &str, body: &str) -> Result<(), String> {
        let request = (Some(content_type), body.as_bytes());
        let exchange = Exchange {
            method: "POST",
            path: "/things",
            headers: &[],
            request,
            status: 200,
            reply: (Some("text/plain"), b"ok"),
        };
        document().check(&exchange)
    }

    fn streamed(body: &str, reply: &str) -> Result<(), String> {
        let json = Some("application/json");
        let (request, reply) = ((json, body.as_bytes()), (json, reply.as_bytes()));
        document().check(&Exchange { method: "PUT", path: "/things", headers: &[], request, status: 200, reply })
    }

    #[test]
    fn each_value_of_a_sequence_is_checked_and_a_request_may_break_off() {
        streamed("1 2\n3", "1\r\n2\r\n3\r\n").unwrap();
        streamed("1 2 [", "1").unwrap();
        for (body, reply, why) in [
            ("1 10", "1", "request: $[1]"),
            ("1", "1 -1", "$[1] is -1"),
            ("1", "1 [", "no JSON"),
            ("", "1", "wants a body"),
        ] {
            let error = streamed(body, reply).unwrap_err();
            assert!(error.contains(why), "{error} does not name {why}");
        }
    }

    #[test]
    fn what_the_document_has_passes() {
        assert_eq!(document().problems(), Vec::<String>::new());
        got("/things/7", 200, r#"{"id":7,"kind":"a","parent":{"id":8,"parent":null}}"#).unwrap();
        got("/things/7", 404, "").unwrap();
        got("/things/all", 204, "").unwrap();
        posted("application/json", r#"[1,"x"]"#).unwrap();
    }

    #[test]
    fn a_request_that_does_not_say_what_its_body_is_sends_what_the_operation_takes() {
        let sent = |body: &str| {
            let (request, reply) = ((None, body.as_bytes()), (Some("text/plain"), b"ok".as_slice()));
            document().check(&Exchange { method: "POST", path: "/things", headers: &[], request, status: 200, reply })
        };
        sent("[2]").unwrap();
        assert!(sent("[10]").unwrap_err().contains("maximum"));
    }

    #[test]
    fn a_status_has_the_reply_that_was_named_last() {
        let operation = Operation::new("GET", "/a", "getA", "").reply(403, "None", []).reply(
            403,
            "Some",
            [("application/json", text())],
        );
        let api = Api { tag: "", description: "", operations: vec![operation], schemas: Vec::new() };
        let document = Document::new("", "", &[api]);
        assert_eq!(document.json()["paths"]["/a"]["get"]["responses"]["403"]["description"], "Some");
    }

    #[test]
    fn what_it_does_not_have_is_named() {
        for (path, status, body, why) in [
            ("/nothing", 200, "{}", "no operation"),
            ("/things/7", 500, "", "status"),
            ("/things/all", 204, "{}", "no body"),
            ("/things/7", 200, "{", "no JSON"),
            ("/things/7", 200, r#"{"kind":"a"}"#, "required"),
            ("/things/7", 200, r#"{"id":"7"}"#, "$.id"),
            ("/things/7", 200, r#"{"id":-7}"#, "minimum"),
            ("/things/7", 200, r#"{"id":7,"kind":"c"}"#, "enum"),
            ("/things/7", 200, r#"{"id":7,"more":1}"#, "`more`"),
            ("/things/7", 200, r#"{"id":7,"parent":{"id":8,"parent":7}}"#, "$.parent.parent"),
        ] {
            let error = got(path, status, body).unwrap_err();
            assert!(error.contains(why), "{error} does not name {why}");
        }
        for (content_type, body, why) in [
            ("application/json", "", "wants a body"),
            ("text/plain", "x", "media type"),
            ("application/json", "[]", "minItems"),
            ("application/json", "[1,1,1]", "maxItems"),
            ("application/json", "[10]", "maximum"),
        ] {
            let error = posted(content_type, body).unwrap_err();
            assert!(error.contains(why), "{error} does not name {why}");
        }
    }

    #[test]
    fn a_header_in_a_fragment_tells_operations_apart() {
        let counted = map_of(text_of(1, 3), text(), 1, 2);
        let operations =
            vec![
                Operation::new("POST", "/", "other", "Anything else").reply(400, "Refused", [(ANY_TYPE, text())]),
                Operation::new("POST", "/#Target=Map", "map", "A map")
                    .body([("application/x-json-1.1", counted)])
                    .reply(200, "Done", []),
            ];
        let document = Document::new("", "1", &[Api { tag: "", description: "", operations, schemas: Vec::new() }]);
        let posted = |target, body: &str, status, reply| {
            let request = (Some("application/x-json-1.1"), body.as_bytes());
            let headers = [("target", target)];
            document.check(&Exchange { method: "POST", path: "/", headers: &headers, request, status, reply })
        };
        posted("Map", r#"{"a":""}"#, 200, (None, b"")).unwrap();
        posted("map", "{", 400, (None, b"<no/>")).unwrap();
        for (target, body, status, why) in [
            ("Map", r#"{"a":""}"#, 400, "status"),
            ("map", r#"{"a":""}"#, 200, "status"),
            ("Map", "{", 200, "no JSON"),
            ("Map", "{}", 200, "minProperties"),
            ("Map", r#"{"a":"","b":"","c":""}"#, 200, "maxProperties"),
            ("Map", r#"{"long":""}"#, 200, "maxLength"),
            ("Map", r#"{"a":1}"#, 200, "$.a"),
        ] {
            let error = posted(target, body, status, (None, b"")).unwrap_err();
            assert!(error.contains(why), "{error} does not name {why}");
        }
        assert!(posted("map", "{}", 400, (Some("text/html"), b"no")).unwrap_err().contains("media type"));
    }

    #[test]
    fn a_document_that_does_not_hold_together_says_so() {
        let operation =
            |path| Operation::new("GET", path, "same", "").reply(200, "", [("application/json", named("None"))]);
        let operations = vec![operation("/a"), operation("/b/{id}")];
        let api = Api { tag: "", description: "", operations, schemas: Vec::new() };
        let problems = Document::new("", "", &[api]).problems().join("\n");
        for problem in ["the id `same`", "GET /b/{id} has the parameters", "there is no `#/components/schemas/None`"] {
            assert!(problems.contains(problem), "{problem} is not in {problems}");
        }
    }
}
