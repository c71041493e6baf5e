//! From a folder to a checked [`Pipeline`]: `pipeline.yaml` first, then the files that it names.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use crate::context::Context;
use crate::error::{Problem, Problems};
use crate::fields::{self, Fields};
use crate::folder::Folder;
use crate::job::{self, Targets};
use crate::name::{is_folder_name, is_variable_name};
use crate::nearest::did_you_mean;
use crate::variables::Variables;
use crate::yaml::{Node, Value};
use crate::{Job, Overrides, Pipeline, PipelineError, Query, Stream, TestCase, TextFile, query, stream, test_case};

const FILE: &str = "pipeline.yaml";
const SOURCE: &str = "source.yaml";
const KEYS: [&str; 6] = ["name", "variables", "streams", "queries", "jobs", "tests"];

/// Loads and checks the pipeline in `folder`.
///
/// # Errors
/// [`PipelineError::Invalid`] with everything that is wrong with it.
pub fn load(folder: &Path, overrides: &Overrides) -> Result<Pipeline, PipelineError> {
    load_from(&Folder::Disk(folder), overrides)
}

/// Loads and checks a pipeline, wherever its files are.
pub(crate) fn load_from(folder: &Folder<'_>, overrides: &Overrides) -> Result<Pipeline, PipelineError> {
    let problems = RefCell::default();
    let pipeline = read(folder, overrides, &problems);
    match (pipeline, Problems::from_found(problems.into_inner())) {
        (Some(pipeline), None) => Ok(pipeline),
        (_, found) => Err(PipelineError::Invalid(found.expect("where nothing was read, a problem was noted"))),
    }
}

/// `None` only where a problem was noted.
fn read(folder: &Folder<'_>, overrides: &Overrides, problems: &RefCell<Vec<Problem>>) -> Option<Pipeline> {
    // Defaults of variables are plain text, so they are read with no variables.
    let plain = Variables::new(BTreeMap::new(), overrides);
    let context = Context { folder, variables: &plain, problems, file: FILE };
    let root = read_root(context)?;
    let fields = Fields::read(&root, "the pipeline", 1, &KEYS, context)?;
    let variables = Variables::new(read_variables(fields.get("variables"), context), overrides);
    let context = Context { variables: &variables, ..context };

    let parts = read_parts(&fields, context);
    report_unknown_settings(&variables, context);
    Some(Pipeline {
        name: parts.name?,
        variables: variables.resolved(),
        streams: parts.streams,
        queries: parts.queries,
        jobs: parts.jobs,
        tests: parts.tests,
        source: parts.source,
    })
}

/// The parts of a pipeline, each as far as it could be read.
struct Parts {
    name: Option<String>,
    streams: Vec<Stream>,
    queries: Vec<Query>,
    jobs: Vec<Job>,
    tests: Vec<TestCase>,
    source: Option<TextFile>,
}

fn read_parts(fields: &Fields<'_>, context: Context<'_>) -> Parts {
    let name = read_name(fields, context);
    let streams = fields.require("streams", context);
    let queries = query::read(fields.get("queries"), context);
    let targets = Targets { streams: streams.map(keys).unwrap_or_default(), queries: queries.names };
    Parts {
        name,
        streams: streams.map(|node| stream::read(node, context)).unwrap_or_default(),
        queries: queries.valid,
        jobs: job::read(fields.get("jobs"), &targets, context),
        tests: test_case::read(fields.get("tests"), &targets, context),
        source: context.in_file(SOURCE).read_text().map(|text| TextFile { path: SOURCE.into(), text }),
    }
}

fn read_root(context: Context<'_>) -> Option<Node> {
    if let Ok(None) = context.folder.read(FILE) {
        let hint = "`pinflow init` writes a pipeline to begin with".to_owned();
        context.problem(None, format!("there is no such file in {}", context.folder.name()), hint);
        return None;
    }
    context.read_yaml()
}

fn read_name(fields: &Fields<'_>, context: Context<'_>) -> Option<String> {
    let name = fields.require_text("name", context)?;
    if !is_folder_name(&name) {
        let line = fields.get("name").map(|node| node.line);
        let hint = "use letters, digits, `_` and `-`".to_owned();
        context.problem(line, format!("`{name}` is no name of a pipeline"), hint);
    }
    Some(name)
}

fn read_variables(node: Option<&Node>, context: Context<'_>) -> BTreeMap<String, String> {
    let entries = node.and_then(|node| fields::entries(node, "`variables`", context)).unwrap_or_default();
    let mut variables = BTreeMap::new();
    for (key, node) in entries {
        let what = format!("variable `{}`", key.name);
        if !is_variable_name(&key.name) {
            let hint = "use letters, digits and `_`, no digit first".to_owned();
            context.problem(key.line, format!("{what}: the name is not allowed"), hint);
        }
        // A variable may be empty, unlike other texts.
        let value = match &node.value {
            Value::Text(text) if text.is_empty() => Some(String::new()),
            _ => fields::text(node, &what, context),
        };
        // Also one with a problem is declared: where it is used, nothing more is to be said.
        variables.insert(key.name.clone(), value.unwrap_or_default());
    }
    variables
}

fn keys(node: &Node) -> Vec<String> {
    match &node.value {
        Value::Mapping(entries) => entries.iter().map(|(key, _)| key.name.clone()).collect(),
        _ => Vec::new(),
    }
}

fn report_unknown_settings(variables: &Variables<'_>, context: Context<'_>) {
    for name in variables.unknown_settings() {
        let known = variables.resolved();
        let hint = did_you_mean(&name, known.keys().map(String::as_str).filter(|known| *known != name));
        context.problem(None, format!("`--set {name}=...`: the pipeline has no such variable"), hint);
    }
}
