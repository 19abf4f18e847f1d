//! Whether a stream of another tool belongs after another one, as far as both say so: streams without UUIDs
//! have disk names and dates.

use super::said::{Foreign, Missing};
use hyperlayer::Header;

impl Foreign {
    /// Checks that it was not made before `previous`, as far as both say when.
    ///
    /// # Errors
    /// Says when they were made.
    pub fn check_date(&self, previous: &Self) -> Result<(), String> {
        match (&self.made, &previous.made) {
            (Some(made), Some(earlier)) if made < earlier => {
                Err(format!("it was made at {made}, before that one, which was made at {earlier}"))
            }
            _ => Ok(()),
        }
    }

    /// The header that a stream of ours would have, if this one is applied to the volume that `previous`
    /// leads to.
    ///
    /// # Errors
    /// Says why the two make no sense together.
    pub fn header_after(&self, previous: &Header) -> Result<Header, String> {
        self.header(&Missing {
            base: Some(previous.target.clone()),
            chunk_size: Some(previous.chunk_size),
            ..Default::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LocalTime;
    use crate::Start;
    use hyperlayer::Volume;

    #[test]
    fn a_disk_and_its_checkpoints_are_what_a_stream_is_known_by() {
        let of = |disk: Option<&str>, uuid: &str, base: &str| Foreign {
            disk: disk.map(Into::into),
            uuid: uuid.into(),
            size: Some(1 << 20),
            starts: Start::Base { uuid: base.into() },
            ..Foreign::new("test")
        };
        let header = |foreign: Foreign| {
            let base = Volume { name: "vda".into(), uuid: String::new(), size: 1 << 20 };
            foreign.header(&Missing { base: Some(base), ..Missing::default() }).unwrap()
        };
        let first = header(of(Some("vda"), "c.1", "c.0"));
        assert_eq!((first.identity.disk.as_str(), first.target.uuid.as_str()), ("vda", ""));
        header(of(Some("vda"), "c.2", "c.1")).follows(&first, None).unwrap();
        for (disk, base) in [("vdb", "c.1"), ("vda", "c.0"), ("vda", "c.2")] {
            let why = header(of(Some(disk), "c.2", base)).follows(&first, None).unwrap_err();
            assert!(why.contains("vdb") || why.contains(base) && why.contains("c.1"), "{why}");
        }
        // Without a disk it is a UUID.
        let volume = header(of(None, "u-1", "u-0"));
        assert_eq!((volume.identity.disk.as_str(), volume.target.uuid.as_str()), ("", "u-1"));
        header(of(None, "u-2", "u-0")).follows(&volume, None).unwrap_err();
    }

    #[test]
    fn dates_are_compared_where_both_say_them() {
        let of = |disk: Option<&str>, made: Option<&str>| Foreign {
            disk: disk.map(Into::into),
            made: made.and_then(LocalTime::parse),
            ..Foreign::new("test")
        };
        let early = of(Some("vda"), Some("2026-11-25T22:34:00"));
        let late = of(Some("vda"), Some("2026-11-25T22:34:00.000001"));
        late.check_date(&early).unwrap();
        early.check_date(&early).unwrap();
        let why = early.check_date(&late).unwrap_err();
        assert!(why.contains("22:34:00, before") && why.contains("22:34:00.000001"), "{why}");
        let unknown = of(None, None);
        for (one, other) in [(&unknown, &early), (&early, &unknown)] {
            one.check_date(other).unwrap();
        }
    }
}
