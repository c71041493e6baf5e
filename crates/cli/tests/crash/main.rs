//! The program, killed again and again under load: what it acknowledged is there, once, at its place; nothing is half there. On both
//! lanes each event has become a row, a duplicate by key, or a dead letter, while tables get columns, are built anew and swapped, and
//! letters are retried and given up. Half-way the SELECT is mended, so that what could not be cleaned can.
//!
//! `PINFLOW_TEST_KILLS=200 cargo test --workspace --test crash` is the long run; without the variable there are 10 kills.
//! `PINFLOW_TEST_SEED` repeats the seed that a failure shows: the same kills and requests, as far as the machine's timing allows.
//!
//! A killed process leaves what it wrote to the operating system, synced or not. What a power cut leaves is tried in `crates/log`, on a
//! disk that forgets what was not synced.
#![allow(clippy::unwrap_used)]

mod clients;
mod event;
mod full_disk;
mod lanes;
mod ledger;
mod program;
mod rounds;
mod tables;
mod topics;

use std::hash::{BuildHasher, RandomState};

use futures::FutureExt;

use program::Program;
use rounds::Rounds;
use tables::LettersMay;

const KILLS: u64 = 10;
/// Among so many, tables that are built anew have the time to take their place.
const MANY_KILLS: u64 = 100;

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment how long to go on")]
fn number_from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: `{text}` is no number")))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_or_doubled_by_kills() {
    let kills = number_from_environment("PINFLOW_TEST_KILLS").unwrap_or(KILLS);
    let seed = number_from_environment("PINFLOW_TEST_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    // The clients' own, which needs a provider even where nothing is encrypted; another test may have been quicker.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let mut rounds = Rounds::new(folder.path().to_owned(), seed);
    let outcome = std::panic::AssertUnwindSafe(run(&mut rounds, kills)).catch_unwind().await;
    if let Err(panic) = outcome {
        println!("the seed was {seed}; the data folder is kept: {}", folder.keep().display());
        std::panic::resume_unwind(panic);
    }
    let (events, crashed, swaps) = (rounds.topics.count(), rounds.crashed, rounds.ledger.swaps());
    println!("{events} events survived {kills} kills, {crashed} of them at crash points; {swaps} tables were swapped");
}

async fn run(rounds: &mut Rounds, kills: u64) {
    for round in 0..kills {
        println!("round {round}");
        if round == kills / 2 {
            rounds.mend();
        }
        rounds.round(u32::try_from(round).unwrap()).await;
    }
    assert!(rounds.crashed > 0 || kills < KILLS, "no crash point was reached");
    assert!(rounds.ledger.swaps() > 0 || kills < MANY_KILLS, "no table was built anew");
    let mut program = Program::serve(&rounds.folder, "", None);
    let url = program.ready().unwrap_or_else(|| panic!("it does not start: {}", program.said()));
    rounds.topics.check_all(&url).await;
    tables::check_sequence_numbers(&url, rounds).await;
    tables::settle(&url).await;
    assert_eq!(program.terminate().code(), Some(0), "{}", program.said());
    let duplicates = tables::check(rounds, LettersMay::Stay);
    let mut program = Program::serve(&rounds.folder, "", None);
    let url = program.ready().unwrap_or_else(|| panic!("it does not start: {}", program.said()));
    rounds.topics.check_all(&url).await;
    tables::check_balance(&url, duplicates).await;
    tables::retry_letters(&url).await;
    tables::check_balance(&url, duplicates).await;
    assert_eq!(program.terminate().code(), Some(0), "{}", program.said());
    assert_eq!(tables::check(rounds, LettersMay::NotStay), duplicates);
}
