//! `engram`: the service, the bridge for coding agents, the operator's commands and the benchmarks, in one binary.

mod bench;
mod cli;
mod commands;
mod door;
mod failure;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use failure::Failure;

// glibc's allocator keeps what SQLite and large answers gave back; this one returns it to the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal::failure(&failure);
            ExitCode::from(failure.code() as u8)
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let shared = &cli.shared;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::refused)?;
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Serve(command) => command.run(shared).await,
            Command::Mcp(command) => command.run(shared).await,
            Command::Add(command) => command.run(shared).await,
            Command::Search(command) => command.run(shared).await,
            Command::Memory(command) => command.run(shared).await,
            Command::Tenant(command) => command.run(shared).await,
            Command::Key(command) => command.run(shared).await,
            Command::Status(command) => command.run(shared).await,
            Command::Config(command) => command.run(shared),
            Command::Bench(command) => command.run(shared).await,
            Command::Completions(command) => command.run(),
        }
    });
    // A thread that still reads standard input would keep the process alive.
    runtime.shutdown_background();
    outcome
}
