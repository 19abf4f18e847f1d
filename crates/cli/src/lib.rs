//! What the two programs share where they meet the user, the shell and the pipe.
//!
//! [`run`] is the frame of both, which takes the options that both have ([`Common`]): logging, signals,
//! progress, one line for an error, the exit code that [`exit_code`] finds for it, and a report for
//! another program. [`deliver`] puts a stream where it goes. What long work needs without a
//! terminal is in `flow`.
//!
//! ```
//! let error = anyhow::Error::new(flow::Refusal::no_space("pool0 is full"));
//! assert_eq!(cli::exit_code(&error), 7);
//! ```

mod bar;
mod common;
mod delivery;
mod detail;
mod exit;
mod fate;
mod json;
mod lines;
mod logging;
mod parse;
mod print;
mod progress;
mod report;
mod run;
mod said;
mod signals;
mod sink;
mod sizes;
mod standard;
pub mod table;
mod terminal;
mod version;

pub use common::{Common, ReportFormat, When};
pub use delivery::deliver;
pub use detail::{compression, granularity};
pub use exit::exit_code;
pub use json::{json_line, json_text};
pub use parse::{Synonym, parse};
pub use print::{print, sync, tell};
pub use report::{Counts, Outcome};
pub use run::run;
pub use said::Said;
pub use sink::{Sink, check_sink};
pub use sizes::{bytes, rate, size};
pub use standard::{is_standard, standard_input, standard_output};
pub use terminal::{columns, note};
pub use version::version;
