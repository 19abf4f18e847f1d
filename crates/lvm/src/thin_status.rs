//! [`ThinStatus`]: how much of a thin volume is mapped, as the kernel says
//! (Documentation/admin-guide/device-mapper/thin-provisioning.rst).

use std::str::FromStr;

use crate::error::Result;
use crate::{DeviceMapper, Error, ThinDevice};

/// A thin volume's status line: `MAPPED_SECTORS HIGHEST_MAPPED_SECTOR`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThinStatus {
    /// How much is mapped, in bytes.
    pub mapped: u64,
    /// Where the last mapped chunk ends, in bytes: it may lie after the volume's end, if that was made
    /// smaller. 0 where nothing is mapped.
    pub end: u64,
}

impl FromStr for ThinStatus {
    type Err = Error;
    fn from_str(line: &str) -> Result<Self> {
        let fields: Vec<_> = line.split_whitespace().collect();
        if let [state @ ("Fail" | "Error")] = fields.as_slice() {
            return Err(Error::State(format!(
                "the thin volume has failed (its status is {state})"
            )));
        }
        let parse = || {
            let [mapped, highest] = fields.as_slice() else { return None };
            let end = match *highest {
                "-" => 0,
                sector => sector.parse::<u64>().ok()?.checked_add(1)?,
            };
            let mapped = mapped.parse::<u64>().ok()?;
            Some(Self { mapped: mapped.checked_mul(512)?, end: end.checked_mul(512)? })
        };
        parse().ok_or_else(|| Error::Parse { what: "a thin volume's status", found: line.into() })
    }
}

impl ThinDevice {
    /// How much of it is mapped now.
    ///
    /// # Errors
    /// [`Error::State`] where it has failed; [`Error::Dm`].
    pub fn status(&self, dm: &DeviceMapper) -> Result<ThinStatus> {
        dm.status(self.thin.address(), "thin")?.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_as_the_kernel_writes_it() {
        let status: ThinStatus = "256 1279 ".parse().unwrap();
        assert_eq!(status, ThinStatus { mapped: 131_072, end: 655_360 });
        assert_eq!("0 - ".parse::<ThinStatus>().unwrap().end, 0);
        for line in ["", "1", "1 x", "- 1", "1 2 3", "18446744073709551615 1"] {
            assert!(matches!(line.parse::<ThinStatus>(), Err(Error::Parse { .. })), "{line}");
        }
        assert!(matches!("Fail".parse::<ThinStatus>(), Err(Error::State(_))));
    }
}
