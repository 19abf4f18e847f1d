//! [`Lacks`]: says what other tools' formats cannot guarantee, once per run.

use std::collections::BTreeSet;

use crate::{Foreign, LEFT_OUT};

use flow::{Refusal, WayOut, escaped};

/// What has been said already.
#[derive(Debug, Default)]
pub struct Lacks {
    said: BTreeSet<(&'static str, &'static str)>,
}

impl Lacks {
    /// Warns of what a stream cannot guarantee, unless that was said of an earlier one; `has_checksum`: the
    /// file has a checksum next to it.
    ///
    /// # Errors
    /// If it `is_strict`, and there is anything that the stream cannot guarantee (exit code 4).
    pub fn say(
        &mut self,
        source: &str,
        foreign: &Foreign,
        has_checksum: bool,
        is_strict: bool,
    ) -> anyhow::Result<()> {
        let (format, source) = (foreign.format, escaped(source));
        let lacks = foreign.lacks(has_checksum);
        if is_strict && !lacks.is_empty() {
            return Err(Refusal::unverifiable(format!(
                "{source}: a {format} stream guarantees less than ours: {}",
                lacks.join(", ")
            ))
            .but(WayOut::AcceptLess)
            .into());
        }
        let new: Vec<_> = lacks.into_iter().filter(|one| self.said.insert((format, one))).collect();
        if new.is_empty() {
            return Ok(());
        }
        let advice = match new.contains(&LEFT_OUT) {
            true => {
                ". Such ranges keep the base's data, and nothing reveals it: virtnbdbackup \
                 includes them with --no-sparse-detection"
            }
            false => "",
        };
        log::warn!("{source}: a stream of {format}: {}{advice}", new.join(", "));
        Ok(())
    }
}
