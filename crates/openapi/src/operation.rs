//! One operation: what is asked how, and every way in which it is answered.

use serde_json::{Map, Value, json};

use crate::Schema;

/// A method on a path.
#[derive(Clone, Debug)]
pub struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    id: String,
    summary: &'static str,
    parameters: Vec<Parameter>,
    body: Option<Body>,
    pub(crate) replies: Vec<Reply>,
    open: bool,
}

#[derive(Clone, Debug)]
struct Body {
    required: bool,
    content: Vec<(&'static str, Schema)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    description: &'static str,
    content: Vec<(&'static str, Schema)>,
    headers: Vec<(&'static str, Schema)>,
}

/// A part of the path, a query parameter or a header.
#[derive(Clone, Debug)]
pub struct Parameter {
    location: &'static str,
    name: &'static str,
    required: bool,
    schema: Schema,
}

impl Parameter {
    /// What stands for `{name}` in the path.
    pub fn path(name: &'static str, schema: Schema) -> Self {
        Self { location: "path", name, required: true, schema }
    }

    /// `?name=`, which may be missing.
    pub fn query(name: &'static str, schema: Schema) -> Self {
        Self { location: "query", name, required: false, schema }
    }

    /// A header, which may be missing.
    pub fn header(name: &'static str, schema: Schema) -> Self {
        Self { location: "header", name, required: false, schema }
    }

    /// The same, and it must be there.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    fn to_json(&self) -> Value {
        json!({ "name": self.name, "in": self.location, "required": self.required, "schema": self.schema })
    }
}

impl Operation {
    /// `id` is unique in the whole document. Where a header tells operations of one path apart, it is the path's fragment:
    /// `/#Name=value`. Of those with none the header does not matter.
    pub fn new(method: &'static str, path: impl Into<String>, id: impl Into<String>, summary: &'static str) -> Self {
        let (parameters, replies) = (Vec::new(), Vec::new());
        Self { method, path: path.into(), id: id.into(), summary, parameters, body: None, replies, open: false }
    }

    /// Takes a parameter.
    #[must_use]
    pub fn with(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Needs a body of one of these media types.
    #[must_use]
    pub fn body(mut self, content: impl IntoIterator<Item = (&'static str, Schema)>) -> Self {
        self.body = Some(Body { required: true, content: content.into_iter().collect() });
        self
    }

    /// Takes a body of one of these media types, or none.
    #[must_use]
    pub fn optional_body(mut self, content: impl IntoIterator<Item = (&'static str, Schema)>) -> Self {
        self.body = Some(Body { required: false, content: content.into_iter().collect() });
        self
    }

    /// Is answered with a body of one of these media types, or with none where there are none. It takes the place of what was
    /// said of that status before.
    #[must_use]
    pub fn reply(
        mut self,
        status: u16,
        description: &'static str,
        content: impl IntoIterator<Item = (&'static str, Schema)>,
    ) -> Self {
        let content = content.into_iter().collect();
        self.replies.retain(|known| known.status != status);
        self.replies.push(Reply { status, description, content, headers: Vec::new() });
        self
    }

    /// The reply that was named last has this header.
    #[must_use]
    pub fn reply_header(mut self, name: &'static str, schema: Schema) -> Self {
        self.replies.last_mut().expect("a header is of a reply").headers.push((name, schema));
        self
    }

    /// Needs no credentials, whatever is configured.
    #[must_use]
    pub fn open_to_everyone(self) -> Self {
        Self { open: true, ..self }
    }

    /// The operation as the document has it, with its replies as `reply` makes them.
    pub(crate) fn to_json(&self, tag: &str, reply: &mut impl FnMut(&Reply) -> Value) -> Value {
        let mut operation = json!({ "operationId": self.id, "summary": self.summary, "tags": [tag] });
        if self.open {
            operation["security"] = json!([]);
        }
        if !self.parameters.is_empty() {
            operation["parameters"] = self.parameters.iter().map(Parameter::to_json).collect();
        }
        if let Some(body) = &self.body {
            operation["requestBody"] = json!({ "required": body.required, "content": content_json(&body.content) });
        }
        let replies = self.replies.iter().map(|known| (known.status.to_string(), reply(known)));
        operation["responses"] = replies.collect::<Map<_, _>>().into();
        operation
    }
}

impl Reply {
    /// The reply as the document has it.
    pub(crate) fn to_json(&self) -> Value {
        let mut reply = json!({ "description": self.description });
        if !self.headers.is_empty() {
            let headers = self.headers.iter().map(|(name, schema)| ((*name).to_owned(), json!({ "schema": schema })));
            reply["headers"] = headers.collect::<Map<_, _>>().into();
        }
        if !self.content.is_empty() {
            reply["content"] = content_json(&self.content);
        }
        reply
    }
}

fn content_json(content: &[(&'static str, Schema)]) -> Value {
    content.iter().map(|(media_type, schema)| ((*media_type).to_owned(), json!({ "schema": schema }))).collect()
}
