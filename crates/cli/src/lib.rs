//! What the two programs share where they meet the user, the shell and the pipe.
//!
//! [`run`] is the frame of both: logging, signals, one line for an error, and the exit code that
//! [`exit_code`] finds for it. [`Input`] and [`Output`] are the stream's two ends, which a signal
//! interrupts however long the other side of the pipe keeps them waiting.
//!
//! ```
//! let error = anyhow::Error::new(cli::Refusal::NoSpace("pool0 is full".into()));
//! assert_eq!(cli::exit_code(&error), 7);
//! ```

mod aside;
mod backup_folder;
mod checksum;
mod escape;
mod exit;
mod input;
mod interrupt;
mod lacks;
mod logging;
mod machine;
mod open;
mod output;
mod pipe;
mod print;
mod progress;
mod run;
mod standard;
mod thread;
mod units;
mod volume;

pub use aside::{Aside, is_planted_link};
pub use backup_folder::{all_streams, expand, is_differential, size_of_base};
pub use checksum::{Checksum, Summed};
pub use escape::{escaped, is_obeyed};
pub use exit::{Refusal, exit_code};
pub use input::Input;
pub use interrupt::{Interrupt, Interruptible};
pub use lacks::Lacks;
pub use logging::Verbosity;
pub use machine::{check_machine, machine_of};
pub use open::open;
pub use output::{Output, OutputOptions, Written};
pub use pipe::widen_pipe;
pub use print::{print, sync, tell};
pub use progress::Progress;
pub use run::run;
pub use standard::{is_standard, standard_input, standard_output};
pub use units::{human, time_text};
pub use volume::{await_device, open_device, open_thin, read_once, write_back};
