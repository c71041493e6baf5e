//! The edges between crates are those that ARCHITECTURE.md allows.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Edges = BTreeMap<String, BTreeSet<String>>;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The table under "Who may import whom".
fn allowed() -> Edges {
    let text = fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let section = text.split("## Who may import whom").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| crate"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let imports = cells[2].split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        (cells[1].to_owned(), imports.collect())
    })
    .collect()
}

/// The names under `[dependencies]` of every crate's manifest.
fn dependencies() -> Edges {
    let crates = fs::read_dir(repository().join("crates")).unwrap();
    crates
        .map(|entry| {
            let folder = entry.unwrap().path();
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            let section =
                manifest.split("[dependencies]").nth(1).unwrap_or_default().split("\n[").next().unwrap().to_owned();
            let names = section.lines().filter_map(|line| line.split(['.', ' ', '=']).next().map(str::to_owned));
            (folder.file_name().unwrap().to_str().unwrap().to_owned(), names.filter(|name| !name.is_empty()).collect())
        })
        .collect()
}

#[test]
fn crates_import_only_what_the_architecture_allows() {
    let (allowed, found) = (allowed(), dependencies());
    assert!(found.len() > 10, "the manifests were not found");
    assert_eq!(allowed.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>(), "the table names every crate");
    for (name, dependencies) in &found {
        for import in dependencies.iter().filter_map(|dependency| dependency.strip_prefix("pinflow-")) {
            assert!(allowed[name].contains(import), "`{name}` must not import `{import}`: see ARCHITECTURE.md");
        }
    }
}

#[test]
fn engines_stay_in_their_stages() {
    let stages = [
        ("datafusion", ["dialect", "clean", "query", "serving"].as_slice()),
        ("deltalake", &["table", "query"]),
        ("axum", &["gateway", "dashboard", "serving", "node", "bench"]),
        ("sqlx", &["source"]),
    ];
    for (name, dependencies) in dependencies() {
        for (engine, stages) in &stages {
            let here = dependencies.contains(*engine);
            assert!(!here || stages.contains(&name.as_str()), "`{name}` must not use `{engine}`: see ARCHITECTURE.md");
        }
    }
}
