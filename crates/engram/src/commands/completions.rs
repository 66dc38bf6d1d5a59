//! `engram completions`: what a shell needs to complete a half-typed command.

use std::io;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  engram completions bash > ~/.local/share/bash-completion/completions/engram
  engram completions zsh > \"${fpath[1]}/_engram\"
  engram completions fish > ~/.config/fish/completions/engram.fish";

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<(), Failure> {
        clap_complete::generate(self.shell, &mut Cli::command(), "engram", &mut io::stdout());
        Ok(())
    }
}
