//! SQL files: where they may stand, and what they must hold. Their meaning is checked where SQL is planned.

use std::path::{Component, Path};

use crate::TextFile;
use crate::context::Context;

/// Whether `path` stays inside the pipeline folder and has the one form that all systems understand.
pub(crate) fn is_inside(path: &str) -> bool {
    !path.contains('\\') && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// The SQL file at `path`. `line` is where the file that is being read names it.
pub(crate) fn read(path: &str, line: u64, context: Context<'_>) -> Option<TextFile> {
    if !is_inside(path) {
        let hint = "write the path relative to the pipeline folder, as in `streams/pin.sql`".to_owned();
        context.problem(line, format!("`{path}` is outside of the pipeline folder"), hint);
        return None;
    }
    match context.folder.read(path) {
        Ok(None) => {
            let hint = same_folder_hint(path, context);
            context.problem(line, format!("there is no file `{path}`"), hint);
            None
        }
        // An error of reading is noted with the file itself.
        Ok(Some(_)) | Err(_) => read_existing(context.in_file(path)),
    }
}

/// The SQL file of the context, which was listed or found before.
pub(crate) fn read_existing(context: Context<'_>) -> Option<TextFile> {
    let text = context.read_text()?;
    if without_comments(&text).trim().is_empty() {
        context.problem(None, "the file holds no SQL", "write a `SELECT`".to_owned());
        return None;
    }
    Some(TextFile { path: context.file.into(), text })
}

fn same_folder_hint(path: &str, context: Context<'_>) -> Option<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let names = context.folder.list(folder).ok()?;
    let near = crate::nearest::nearest(name, names.iter().map(String::as_str))?;
    Some(format!("did you mean `{}`?", path.replace(name, near)))
}

/// What is left of `text` without comments; good enough to see whether anything is.
fn without_comments(text: &str) -> String {
    let mut left = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else {
            left.push(first);
            first.len_utf8()
        };
        rest = &rest[skipped..];
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_in_the_folder() {
        assert!(is_inside("streams/pin.sql") && is_inside("a.sql"));
        for path in ["../a.sql", "/a.sql", "streams/../../a.sql", "streams\\a.sql", "./a.sql"] {
            assert!(!is_inside(path), "{path}");
        }
    }

    #[test]
    fn sees_whether_anything_but_comments_is_there() {
        assert_eq!(without_comments("-- a\n/* b\n c */ -- d").trim(), "");
        assert_eq!(without_comments("-- a\nSELECT 1 -- b").trim(), "SELECT 1");
    }
}
