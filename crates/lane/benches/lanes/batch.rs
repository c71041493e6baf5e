//! How fast the batch lanes of all streams are, from an archive to committed tables, without the questions that follow.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use object_store::local::LocalFileSystem;
use pinflow_archive::ArchiveReader;
use pinflow_lane::BatchLane;
use pinflow_pipeline::Lane;

use crate::usage::{cpu_seconds, peak_mib};
use crate::world::{stopwatch, streams, writer};

pub async fn clean(archive: &str, tables: &str) {
    let archive = Path::new(archive).canonicalize().unwrap();
    let store = Arc::new(LocalFileSystem::new_with_prefix(&archive).unwrap());
    let (began, clock) = (Instant::now(), stopwatch());
    let runs = streams().into_iter().map(|stream| {
        let reader = ArchiveReader::local(store.clone(), archive.clone());
        let clock = Arc::clone(&clock);
        async move {
            let writer = writer(&stream, Lane::Batch, Path::new(tables), &clock).await;
            BatchLane::new(reader, writer).run().await.unwrap()
        }
    });
    let runs = futures::future::join_all(runs).await;
    let seconds = began.elapsed().as_secs_f64();
    println!(
        r#"{{"records":{},"rows":{},"seconds":{seconds:.3},"cpu_seconds":{:.2},"peak_mib":{}}}"#,
        runs.iter().map(|run| run.records).sum::<u64>(),
        runs.iter().map(|run| run.rows).sum::<u64>(),
        cpu_seconds(),
        peak_mib(),
    );
}
