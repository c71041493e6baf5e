//! An emulation with everything around it: the source that it draws from, its display, its report.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use pinflow_pipeline::Pipeline;
use pinflow_source::{
    Address, Database, Draws, EmulationReport, Emulator, EmulatorOptions, SourceError, SourceSpec, StreamTarget,
};

use crate::config::ConfigError;
use crate::output::EmulationDisplay;
use crate::session::Session;

/// The pipeline's source and where its events go.
pub struct Plan {
    /// The pipeline.
    pub pipeline: Arc<Pipeline>,
    /// Its source.
    pub spec: SourceSpec,
    /// Where the events of each stream go.
    pub targets: Vec<StreamTarget>,
}

impl Plan {
    /// Reads both from the pipeline.
    ///
    /// # Errors
    /// As [`source_spec`] and [`targets`].
    pub fn of(pipeline: Arc<Pipeline>) -> anyhow::Result<Self> {
        let spec = source_spec(&pipeline)?;
        let targets = targets(&pipeline, &spec)?;
        Ok(Self { pipeline, spec, targets })
    }
}

/// What the pipeline says about its source.
///
/// # Errors
/// [`ConfigError::Unfit`] for a pipeline without `source.yaml`; what is wrong with that file.
pub fn source_spec(pipeline: &Pipeline) -> anyhow::Result<SourceSpec> {
    let file = pipeline.source.as_ref().ok_or_else(|| ConfigError::Unfit {
        problem: format!(
            "the pipeline `{}` has no source.yaml, so there is nothing to draw events from",
            pipeline.name
        ),
        hint: "add one (docs/pipeline.md), or post events with a client of your own".to_owned(),
    })?;
    SourceSpec::parse(file).map_err(|error| ConfigError::Pipeline(vec![error.to_string()]).into())
}

/// The source that the settings name: an address, a credentials file, or the data folder's own database.
///
/// # Errors
/// What is wrong with the address or the file; what the own database reports, which is made where it is missing.
pub async fn source_address(session: &Session, spec: &SourceSpec) -> anyhow::Result<Address> {
    let source = &session.settings().source;
    if let Some(file) = &source.credentials {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the credentials file {}", file.display()))?;
        return Ok(Address::from_db_creds_yaml(&text)?);
    }
    match &source.url {
        Some(url) => Ok(Address::from_url(url)?),
        None => fill_own_database(session, spec, OWN_SEED).await,
    }
}

/// The seed of the rows in the data folder's own database, where nobody says otherwise.
pub const OWN_SEED: u64 = 1;

/// The database in the data folder.
fn own_database(session: &Session) -> PathBuf {
    session.settings().data().join("source.db")
}

/// Makes the data folder's own database, or takes it as it is where it has rows.
///
/// # Errors
/// What the database reports.
pub async fn fill_own_database(session: &Session, spec: &SourceSpec, seed: u64) -> anyhow::Result<Address> {
    let path = own_database(session);
    let address = Address::sqlite(&path);
    let database = Database::connect_or_create(&address).await?;
    let tables: Vec<&str> = spec.tables.iter().map(|table| table.name.as_str()).collect();
    let tables = tables.join(", ");
    match database.load(spec, seed, spec.rows, |_| {}).await {
        Ok(()) => {
            session.terminal.note(format!("source: {} rows each in {tables} of {}", spec.rows, path.display()));
        }
        Err(SourceError::NotEmpty { .. }) => {
            session.terminal.note(format!("source: {tables} of {}, as they are", path.display()));
        }
        Err(error) => return Err(error.into()),
    }
    database.close().await;
    Ok(address)
}

/// Where the events of each table's stream go.
fn targets(pipeline: &Pipeline, spec: &SourceSpec) -> Result<Vec<StreamTarget>, ConfigError> {
    let target = |name: &str| {
        let stream = pipeline.stream(name).ok_or_else(|| ConfigError::Unfit {
            problem: format!("source.yaml feeds the stream `{name}`, which the pipeline lacks"),
            hint: "name a stream of pipeline.yaml".to_owned(),
        })?;
        Ok(StreamTarget {
            name: stream.name.clone(),
            batch_topic: stream.batch.topic.to_string(),
            stream_topic: stream.stream.topic.to_string(),
        })
    };
    let mut targets: Vec<StreamTarget> = Vec::new();
    for table in &spec.tables {
        if !targets.iter().any(|known| known.name == table.stream) {
            targets.push(target(&table.stream)?);
        }
    }
    Ok(targets)
}

/// What every emulation has from the settings: how the gateway's node is talked to.
///
/// # Errors
/// What is wrong with the certificates that the settings name.
pub fn options(session: &Session) -> anyhow::Result<EmulatorOptions> {
    let client = &session.settings().client;
    let certificates = client.certificates()?;
    Ok(EmulatorOptions { api_key: client.api_key.clone(), certificates, ..EmulatorOptions::default() })
}

/// Draws from `database` and posts, until `options` or the user say that it is enough.
///
/// # Errors
/// What the source or the options' check report. What the gateway refuses is in the report.
pub async fn run(session: &Session, options: EmulatorOptions, draws: Draws) -> anyhow::Result<EmulationReport> {
    let events_a_draw = (options.streams.len() * options.lanes.len()) as u64;
    let events = options.draws.map(|draws| draws.saturating_mul(events_a_draw));
    let emulator = Emulator::new(options)?;
    let display = EmulationDisplay::begin(&session.terminal, emulator.progress(), events);
    let report = emulator.run(draws.into_stream(), session.interrupt.token().clone()).await;
    drop(display);
    Ok(report?)
}

/// Opens a source and prepares draws from it.
///
/// # Errors
/// What the source reports.
pub async fn draws(address: &Address, spec: &SourceSpec, seed: u64) -> anyhow::Result<Draws> {
    let database = Database::connect(address).await?;
    Ok(database.draws(spec, seed).await?)
}

/// Tells how an emulation went.
pub fn tell(session: &Session, report: &EmulationReport) {
    let total = report.total();
    let seconds = report.elapsed.as_secs_f64().max(0.001);
    session.terminal.note(format!(
        "  {} draws, {} events acknowledged in {seconds:.1} s ({:.0}/s), {} refused",
        report.draws,
        total.accepted,
        total.accepted as f64 / seconds,
        total.refused
    ));
    for error in &report.errors {
        let (lane, stream) = &error.first_at;
        let what = crate::output::visible(&error.first_text);
        session
            .terminal
            .note(format!("  {} x {} (first on lane {lane}, stream `{stream}`): {what}", error.events, error.kind));
    }
    if let Some(reason) = &report.gave_up {
        session.terminal.note(format!("  gave up: {reason}"));
    }
}

/// Whether every event was taken.
pub fn is_clean(report: &EmulationReport) -> bool {
    report.gave_up.is_none() && report.total().refused == 0
}
