//! The program `pinflow`: what a user says, turned into calls of the node, and its answers into text.
//!
//! Stdout is data, all else goes to stderr. One file a command under `commands`.

#[cfg(target_os = "linux")]
mod allocator;
mod arguments;
mod commands;
mod config;
mod emulation;
mod exit;
mod interrupt;
mod logging;
mod output;
mod reach;
mod report;
mod session;

use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;
use exit::Status;
use interrupt::Interrupt;
use output::Terminal;
use session::Session;

/// Batches come and go on several threads: the system's allocator gives their pages back each time and has them cleared anew.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    allocator::settle();
    let arguments = Arguments::parse();
    let terminal = Terminal::new(arguments.global.color, arguments.global.quiet);
    let status = match run(arguments, &terminal) {
        Ok(status) => status,
        Err(error) => {
            let status = Status::of(&error);
            if status != Status::PipeClosed {
                terminal.error(&error);
            }
            status
        }
    };
    status.into()
}

fn run(arguments: Arguments, terminal: &Terminal) -> anyhow::Result<Status> {
    let configuration = arguments.configuration()?;
    logging::start(&configuration.settings, terminal)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let status = runtime.block_on(async {
        let interrupt = Interrupt::watch(terminal.clone())?;
        let session = Session { configuration, terminal: terminal.clone(), interrupt };
        arguments.command.run(&session).await
    });
    // What blocks still, as a read of stdin, does not keep the program.
    runtime.shutdown_background();
    status
}
