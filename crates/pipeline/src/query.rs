//! `queries:` in `pipeline.yaml`, and the header comment of a query.

use crate::context::Context;
use crate::fields;
use crate::name::is_sql_name;
use crate::nearest::{did_you_mean, nearest};
use crate::pattern;
use crate::sql;
use crate::yaml::Node;
use crate::{Chart, ChartKind, Query, TextFile};

const DEFAULT_PATTERN: &str = "queries/*.sql";
const HEADER_KEYS: [&str; 3] = ["title", "chart", "order"];

/// The queries of a folder.
pub(crate) struct Queries {
    /// Those that could be read, in their order.
    pub(crate) valid: Vec<Query>,
    /// The names of all, in the same order, then those that could not be read: a task may name them.
    pub(crate) names: Vec<String>,
}

/// Reads the queries that `queries:` names, or `queries/*.sql` where it is left out.
pub(crate) fn read(node: Option<&Node>, context: Context<'_>) -> Queries {
    let (mut ordered, mut broken) = (Vec::new(), Vec::new());
    let files = files(node, "`queries`", DEFAULT_PATTERN, context);
    for (number, path) in files.iter().enumerate() {
        let context = context.in_file(path);
        let name = name_of(path);
        if !is_sql_name(name) || !path.ends_with(".sql") {
            let hint =
                "the answers are a table in SQL: use lower-case letters, digits and `_`, a letter first, and `.sql`";
            context.problem(None, format!("query `{name}`: the name is not allowed"), hint.to_owned());
        }
        if files[..number].iter().any(|earlier| name_of(earlier) == name) {
            context.problem(None, format!("there are two queries `{name}`"), "rename one of the files".to_owned());
        }
        match sql::read_existing(context) {
            None => broken.push(name.to_owned()),
            Some(sql) => {
                let header = read_header(&sql, context);
                let title = header.title.unwrap_or_else(|| name.replace('_', " "));
                ordered.push((header.order, Query { name: name.to_owned(), title, chart: header.chart, sql }));
            }
        }
    }
    ordered.sort_by(|(a, query), (b, other)| a.cmp(b).then_with(|| query.name.cmp(&other.name)));
    let valid: Vec<Query> = ordered.into_iter().map(|(_, query)| query).collect();
    let names = valid.iter().map(|query| query.name.clone()).chain(broken).collect();
    Queries { valid, names }
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path).trim_end_matches(".sql")
}

/// The files that `node` names by path or by a pattern such as `queries/*.sql`, each once, in its order. Notes a name
/// without a file; where `node` is left out, `default` may find none.
pub(crate) fn files(node: Option<&Node>, what: &str, default: &str, context: Context<'_>) -> Vec<String> {
    let Some(node) = node else {
        return expand(default, context).unwrap_or_default();
    };
    let mut files: Vec<String> = Vec::new();
    for (line, path) in fields::texts(node, what, context) {
        let found = if sql::is_inside(&path) { expand(&path, context) } else { None };
        match found {
            None => {
                let hint = format!("name files, or a pattern such as `{default}`");
                context.problem(line, format!("{what}: `{path}` is no path in the pipeline folder"), hint);
            }
            Some(found) if found.is_empty() => {
                context.problem(line, format!("{what}: there is no file `{path}`"), None);
            }
            Some(found) => found.into_iter().for_each(|file| {
                if !files.contains(&file) {
                    files.push(file);
                }
            }),
        }
    }
    files
}

/// The files that fit `path`, in which the last part may be a pattern.
fn expand(path: &str, context: Context<'_>) -> Option<Vec<String>> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if pattern::is_pattern(folder) {
        return None;
    }
    match context.folder.list(folder) {
        Ok(names) => {
            let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
            let fits = |file: &String| pattern::matches(name, file) && !file.starts_with('.');
            Some(names.into_iter().filter(fits).map(|file| format!("{prefix}{file}")).collect())
        }
        Err(error) => {
            context.problem(None, format!("the folder `{folder}` cannot be listed: {error}"), None);
            Some(Vec::new())
        }
    }
}

struct Header {
    title: Option<String>,
    chart: Option<Chart>,
    /// Queries without an order come last.
    order: u32,
}

/// Reads `-- key: value` in the comment lines before the SQL; other comments are prose.
fn read_header(sql: &TextFile, context: Context<'_>) -> Header {
    let mut header = Header { title: None, chart: None, order: u32::MAX };
    let comments = sql.text.lines().map(str::trim).zip(1_u64..);
    for (comment, line) in comments.take_while(|(line, _)| line.is_empty() || line.starts_with("--")) {
        let Some((key, value)) = comment.trim_start_matches('-').split_once(':') else {
            continue;
        };
        let (key, value) = (key.trim(), value.trim());
        match key {
            "title" if value.is_empty() => context.problem(line, "`title` is empty", None),
            "title" => header.title = Some(value.to_owned()),
            "chart" => header.chart = read_chart(value, line, context),
            "order" => match value.parse() {
                Ok(order) => header.order = order,
                Err(_) => context.problem(line, format!("`order` must be a whole number from 0, not `{value}`"), None),
            },
            _ => {
                if let Some(meant) = nearest(key, HEADER_KEYS) {
                    context.problem(line, format!("unknown key `{key}`"), format!("did you mean `{meant}`?"));
                }
            }
        }
    }
    header
}

/// Reads `bar x=country y=category_count group=category`.
fn read_chart(text: &str, line: u64, context: Context<'_>) -> Option<Chart> {
    let mut words = text.split_ascii_whitespace();
    let kind = match words.next() {
        Some("bar") => ChartKind::Bar,
        Some("line") => ChartKind::Line,
        other => {
            let other = other.unwrap_or_default();
            context.problem(line, format!("unknown form of chart `{other}`"), did_you_mean(other, ["bar", "line"]));
            return None;
        }
    };
    let (mut x, mut y, mut group) = (None, None, None);
    for word in words {
        let (name, column) = word.split_once('=').unwrap_or((word, ""));
        let slot = match name {
            "x" => &mut x,
            "y" => &mut y,
            "group" => &mut group,
            _ => {
                let hint =
                    "write a chart as `bar x=COLUMN y=COLUMN group=COLUMN`, `group` only where needed".to_owned();
                context.problem(line, format!("chart: unknown key `{name}`"), hint);
                continue;
            }
        };
        if column.is_empty() || slot.replace(column.to_owned()).is_some() {
            context.problem(line, format!("chart: `{name}` must name one column"), None);
        }
    }
    for (name, missing) in [("x", x.is_none()), ("y", y.is_none())] {
        if missing {
            context.problem(line, format!("chart: `{name}` is missing"), format!("add `{name}=COLUMN`"));
        }
    }
    Some(Chart { kind, x: x?, y: y?, group })
}
