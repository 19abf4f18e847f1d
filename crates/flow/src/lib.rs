//! What long work needs, without a terminal: the two ends of a stream, the stop flag, progress, and refusals.
//!
//! [`Input`] and [`Output`] are the ends of a stream. The other side of a pipe may keep them waiting forever;
//! an [`Interrupt`] ends the wait. [`Aside`] is a file that stays invisible until it is complete. Work reports
//! its progress to a [`Progress`], and says why it will not continue with a [`Refusal`]. Nothing here knows about
//! the command line: the programs set the flag, draw the bar, and turn an error into a line and an exit code.
//!
//! ```
//! use std::io::{Read, Write};
//!
//! use flow::{Input, Interrupt, Output, OutputOptions};
//!
//! let interrupt = Interrupt::default();
//! let mut text = String::new();
//! Input::new(std::io::Cursor::new("a stream"), &interrupt)?.read_to_string(&mut text)?;
//!
//! let mut output = Output::new(Vec::new(), OutputOptions::default(), &interrupt)?;
//! output.write_all(text.as_bytes())?;
//! let (copy, written) = output.finish()?;
//! assert_eq!((copy.as_slice(), written.bytes), (&b"a stream"[..], 8));
//! # Ok::<(), std::io::Error>(())
//! ```

mod aside;
mod error_text;
mod escape;
mod input;
mod interrupt;
mod open;
mod output;
mod pipe;
mod progress;
mod refusal;
mod scratch;
mod session;
mod thread;
mod units;
mod way_out;

pub use aside::{Aside, is_planted_link};
pub use error_text::error_text;
pub use escape::{escaped, escaped_lines, is_obeyed};
pub use input::Input;
pub use interrupt::{Interrupt, Interruptible, is_interruption};
pub use open::open;
pub use output::{Output, OutputOptions, Unwritten, Written};
pub use pipe::widen_pipe;
pub use progress::{Progress, Quiet, Task};
pub use refusal::{Kind, Refusal, usage};
pub use scratch::scratch_file;
pub use session::Session;
pub use units::{age_text, counted, human, rate_text, time_text};
pub use way_out::WayOut;
