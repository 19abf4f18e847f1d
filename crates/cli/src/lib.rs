//! What the two programs share where they meet the user, the shell and the pipe.
//!
//! [`run`] is the frame of both: logging, signals, one line for an error, and the exit code that
//! [`exit_code`] finds for it. [`deliver`] puts a stream where it goes. What long work needs without a
//! terminal is in `flow`.
//!
//! ```
//! let error = anyhow::Error::new(flow::Refusal::NoSpace("pool0 is full".into()));
//! assert_eq!(cli::exit_code(&error), 7);
//! ```

mod bar;
mod delivery;
mod exit;
mod logging;
mod print;
mod run;
mod signals;
mod sink;
mod standard;

pub use delivery::deliver;
pub use exit::exit_code;
pub use logging::Verbosity;
pub use print::{print, sync, tell};
pub use run::run;
pub use sink::{Sink, check_sink};
pub use standard::{is_standard, standard_input, standard_output};
