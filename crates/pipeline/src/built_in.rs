//! The pipeline that is in the binary, and the editable copy of it that `pinflow init` writes.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rust_embed::Embed;

use crate::folder::Folder;
use crate::load::load_from;
use crate::{Overrides, Pipeline, PipelineError};

/// The files of `pipelines/pinterest`.
#[derive(Embed)]
#[folder = "../../pipelines/pinterest"]
pub(crate) struct BuiltIn;

/// Loads the pipeline that is in the binary.
///
/// # Errors
/// [`PipelineError::Invalid`] where `overrides` give a variable a value that does not fit, or name an unknown one.
pub fn built_in(overrides: &Overrides) -> Result<Pipeline, PipelineError> {
    load_from(&Folder::BuiltIn, overrides)
}

/// Writes the built-in pipeline as files below `to`, which is made where it is missing, and returns their paths.
///
/// # Errors
/// [`PipelineError::FileExists`] before anything is written where a file would be overwritten;
/// [`PipelineError::Write`] where the system refuses.
pub fn write_built_in(to: &Path) -> Result<Vec<PathBuf>, PipelineError> {
    let mut names: Vec<_> = BuiltIn::iter().collect();
    names.sort();
    let files: Vec<PathBuf> = names.iter().map(|name| to.join(name.as_ref())).collect();
    if let Some(file) = files.iter().find(|file| file.symlink_metadata().is_ok()) {
        return Err(PipelineError::FileExists { file: file.clone() });
    }
    for (name, file) in names.iter().zip(&files) {
        let content = BuiltIn::get(name).expect("the name was listed");
        write_new(file, &content.data).map_err(|source| PipelineError::Write { file: file.clone(), source })?;
    }
    Ok(files)
}

fn write_new(file: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create_new(true).open(file)?.write_all(content)
}
