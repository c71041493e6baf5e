//! The runs of the past and the present, one JSON file each.
//!
//! A file is replaced as a whole (written beside, synced, renamed), so that a crash leaves the state before or after a change. What was
//! active at a crash is `interrupted` at the next start.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pinflow_event::Timestamp;

use crate::{JobRun, RunId, RunState, ScheduleError, TaskState};

/// The runs of all jobs, the newest of each. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RunHistory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    keep: usize,
    runs: Mutex<BTreeMap<RunId, JobRun>>,
    damaged: Vec<PathBuf>,
}

impl RunHistory {
    /// How many runs of a job are kept by default.
    pub const KEEP: usize = 200;

    /// Reads the runs in `folder`, which is made if it is missing, and keeps the newest `keep` of each job. Runs that were active are
    /// `interrupted` at `now`. A file that cannot be read as a run is renamed to end in `.damaged` and reported, the others are kept.
    ///
    /// # Errors
    /// [`ScheduleError::History`] where the folder cannot be read or written.
    pub fn open(folder: impl Into<PathBuf>, keep: usize, now: Timestamp) -> Result<Self, ScheduleError> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
        let mut shared = Shared { keep: keep.max(1), runs: Mutex::default(), damaged: Vec::new(), folder };
        let mut runs = BTreeMap::new();
        for entry in fs::read_dir(&shared.folder).map_err(failed("list", &shared.folder))? {
            let path = entry.map_err(failed("list", &shared.folder))?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("json") => shared.read_into(&mut runs, path)?,
                Some("new") => fs::remove_file(&path).map_err(failed("remove", &path))?,
                _ => {}
            }
        }
        for run in runs.values_mut().filter(|run| run.state == RunState::Running) {
            run.break_off(RunState::Interrupted, TaskState::Interrupted, now);
            shared.write(run)?;
        }
        *shared.lock() = runs;
        shared.prune()?;
        Ok(Self(Arc::new(shared)))
    }

    /// The newest `limit` runs of all jobs, newest first.
    pub fn list(&self, limit: usize) -> Vec<JobRun> {
        self.0.lock().values().rev().take(limit).cloned().collect()
    }

    /// The newest run of a job.
    pub fn latest(&self, job: &str) -> Option<JobRun> {
        self.0.lock().values().rev().find(|run| run.job == job).cloned()
    }

    /// The run with that id.
    pub fn get(&self, id: &RunId) -> Option<JobRun> {
        self.0.lock().get(id).cloned()
    }

    /// Files that could not be read at the start, by their new names.
    pub fn damaged(&self) -> &[PathBuf] {
        &self.0.damaged
    }

    /// Keeps `run` as it is now. It is on disk when this returns, and before a reader sees it. The states of one run have to be saved one
    /// after the other.
    ///
    /// # Errors
    /// [`ScheduleError::History`]. A new run is then not kept; of a known one readers see the new state nevertheless.
    pub async fn save(&self, run: &JobRun) -> Result<(), ScheduleError> {
        let (shared, run) = (self.0.clone(), run.clone());
        let path = shared.path(&run.id);
        let saved = tokio::task::spawn_blocking(move || shared.save(run)).await;
        saved.unwrap_or_else(|error| Err(failed("write", &path)(io::Error::other(error))))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RunId, JobRun>> {
        // Every change is one insertion or removal: the map is whole even if a holder panicked.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, id: &RunId) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    fn read_into(&mut self, runs: &mut BTreeMap<RunId, JobRun>, path: PathBuf) -> Result<(), ScheduleError> {
        let bytes = fs::read(&path).map_err(failed("read", &path))?;
        match serde_json::from_slice::<JobRun>(&bytes) {
            Ok(run) if self.path(&run.id) == path => {
                runs.insert(run.id.clone(), run);
            }
            read => {
                let why = read
                    .err()
                    .map_or_else(|| "it holds another run than its name says".to_owned(), |error| error.to_string());
                let aside = path.with_extension("json.damaged");
                fs::rename(&path, &aside).map_err(failed("rename", &path))?;
                tracing::warn!("the run in {} cannot be read ({why}); it is left out of the history", aside.display());
                self.damaged.push(aside);
            }
        }
        Ok(())
    }

    fn save(&self, run: JobRun) -> Result<(), ScheduleError> {
        let written = self.write(&run);
        let is_new = !self.lock().contains_key(&run.id);
        if is_new {
            written?;
            self.lock().insert(run.id.clone(), run);
            return self.prune();
        }
        self.lock().insert(run.id.clone(), run);
        written
    }

    fn write(&self, run: &JobRun) -> Result<(), ScheduleError> {
        let path = self.path(&run.id);
        let new = path.with_extension("json.new");
        let write = || -> io::Result<()> {
            let mut file = File::create(&new)?;
            file.write_all(&serde_json::to_vec_pretty(run)?)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            // The folder too: without it the new name can vanish.
            if cfg!(unix) { File::open(&self.folder)?.sync_all() } else { Ok(()) }
        };
        write().map_err(failed("write", &path))
    }

    /// Removes what is beyond the newest runs of its job. An active run stays.
    fn prune(&self) -> Result<(), ScheduleError> {
        let mut kept: BTreeMap<String, usize> = BTreeMap::new();
        let mut old = Vec::new();
        let mut runs = self.lock();
        for run in runs.values().rev() {
            let count = kept.entry(run.job.clone()).or_default();
            *count += 1;
            if *count > self.keep && run.state != RunState::Running {
                old.push(run.id.clone());
            }
        }
        old.iter().for_each(|id| drop(runs.remove(id)));
        drop(runs);
        for path in old.iter().map(|id| self.path(id)) {
            fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
        Ok(())
    }
}

fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> ScheduleError {
    move |source| ScheduleError::History { action, path: path.to_owned(), source: Arc::new(source) }
}
