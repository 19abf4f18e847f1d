//! Whether a stream of another tool belongs behind another one, as far as both say it: streams
//! without UUIDs have disk names and dates.

use super::said::{Foreign, MAX_UUID, Missing};
use hyperlayer::Header;

impl Foreign {
    /// Whether both are of one disk, as far as they say of which.
    ///
    /// # Errors
    /// Which disks they are of.
    pub fn check_disk(&self, previous: &Self) -> Result<(), String> {
        match (&self.disk, &previous.disk) {
            (Some(disk), Some(expected)) if disk != expected => {
                Err(format!("it is of disk {disk}, expected {expected}"))
            }
            _ => Ok(()),
        }
    }

    /// Whether it was not made before `previous`, as far as they say when.
    ///
    /// # Errors
    /// When they were made.
    pub fn check_date(&self, previous: &Self) -> Result<(), String> {
        match (&self.made, &previous.made) {
            (Some(made), Some(earlier)) if made < earlier => {
                Err(format!("it was made at {made}, before that one, which is of {earlier}"))
            }
            _ => Ok(()),
        }
    }

    /// The same for what a differential stream leads to: it has the name of the next checkpoint, which
    /// another stream makes. So it gets a name that no checkpoint has, also where it has none: without
    /// one, names of volumes would be compared.
    pub fn differential_with_disk(&self, uuid: &str) -> String {
        const MARK: &str = ".diff";
        const MOST: usize = MAX_UUID - MARK.len();
        let mut whole = self.with_disk(uuid);
        while whole.len() > MOST {
            whole.pop();
        }
        whole + MARK
    }

    /// Whether a stream of ours can be applied to what this one, whose header is `header`, makes. One
    /// that was converted knows the base by its longer name.
    ///
    /// # Errors
    /// What does not fit.
    pub fn check_precedes(&self, header: &Header, next: &Header) -> Result<(), String> {
        let whole = self.with_disk(&header.target.uuid);
        if next.base.as_ref().is_none_or(|base| base.uuid != whole) {
            return next.follows(header, None);
        }
        let target = hyperlayer::Volume { uuid: whole, ..header.target.clone() };
        next.follows(&Header { target, ..header.clone() }, None)
    }

    /// The header that ours would be, where it is applied to the volume that `previous` leads to.
    ///
    /// # Errors
    /// Why both make no sense together.
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
    fn a_converted_stream_knows_its_base_by_a_longer_name() {
        let of = |disk: &str, uuid: &str| Foreign {
            disk: Some(disk.into()),
            uuid: uuid.into(),
            size: Some(1 << 20),
            ..Foreign::new("test")
        };
        let ours = |base: &str| {
            let base = Volume { name: "base".into(), uuid: base.into(), size: 1 << 20 };
            let next = Foreign { starts: Start::Unknown, ..of("vda", "c.1") };
            next.header(&Missing { base: Some(base), ..Missing::default() }).unwrap()
        };
        let check = |foreign: &Foreign, base: &str| {
            let header = foreign.header(&Missing::default()).unwrap();
            foreign.check_precedes(&header, &ours(base))
        };
        let full = of("vda", "c.0");
        check(&full, "vda/c.0").unwrap();
        check(&full, "c.0").unwrap();
        for other in ["vdb/c.0", "vda/c.1", "c.1"] {
            let why = check(&full, other).unwrap_err();
            assert!(why.contains(other) && why.contains("c.0"), "{why}");
        }
        // Where the longer name is too long, the shorter one is kept.
        let long = "c".repeat(61);
        check(&of("vda", &long), &long).unwrap();
        check(&of("vda", &long), &format!("vda/{long}")[..64]).unwrap_err();
        // No checkpoint has the name of what a differential stream leads to.
        for (uuid, marked) in [
            ("c.1", "vda/c.1.diff".into()),
            (&long, format!("{}.diff", &long[..59])),
            ("", ".diff".into()),
        ] {
            assert_eq!(full.differential_with_disk(uuid), marked);
            check(&full, &marked).unwrap_err();
        }
        // A volume with another size is another one, whatever it is called.
        let grown = Foreign { size: Some(2 << 20), ..full };
        assert!(check(&grown, "vda/c.0").unwrap_err().contains("2097152"));
    }

    #[test]
    fn disks_and_dates_are_compared_where_both_say_them() {
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
        late.check_disk(&early).unwrap();
        let why = of(Some("vdb"), None).check_disk(&early).unwrap_err();
        assert_eq!(why, "it is of disk vdb, expected vda");
        let unknown = of(None, None);
        for (one, other) in [(&unknown, &early), (&early, &unknown)] {
            one.check_disk(other).unwrap();
            one.check_date(other).unwrap();
        }
    }
}
