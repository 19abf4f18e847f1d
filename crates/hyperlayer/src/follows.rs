//! Whether a stream follows another one.

use crate::{Header, Volume};

impl Header {
    /// Whether this stream can be applied to the volume that `previous`'s stream leads to; `digest` is the
    /// digest of that stream, if it is known.
    ///
    /// The first of these that both sides know decides: the volumes' UUIDs; the disk and its checkpoints;
    /// the digest of the previous stream; otherwise the disk or, if one side has none, the volumes' names.
    ///
    /// # Errors
    /// What was expected, and what was found.
    pub fn follows(&self, previous: &Self, digest: Option<[u8; 32]>) -> Result<(), String> {
        let expected = &previous.target;
        let Some(base) = &self.base else {
            return Err("it is a full stream, which starts from nothing".into());
        };
        self.starts_from(base, previous, digest)?;
        if base.size != expected.size {
            return Err(format!(
                "its base {base} has {} bytes, expected {}",
                base.size, expected.size
            ));
        }
        Ok(())
    }

    fn starts_from(
        &self,
        base: &Volume,
        previous: &Self,
        digest: Option<[u8; 32]>,
    ) -> Result<(), String> {
        let expected = &previous.target;
        let refused = || Err(format!("its base is {base}, expected {expected}"));
        if let Some((found, expected)) = both(&base.uuid, &expected.uuid) {
            return if found == expected { Ok(()) } else { refused() };
        }
        let (ours, theirs) = (&self.identity, &previous.identity);
        let disks = both(&ours.disk, &theirs.disk);
        if let Some((found, expected)) = disks {
            if found != expected {
                return Err(format!("it belongs to disk {found}, expected {expected}"));
            }
            if let Some((found, expected)) = both(&ours.base_checkpoint, &theirs.checkpoint) {
                if found == expected {
                    return Ok(());
                }
                return Err(format!("it starts from the checkpoint {found}, expected {expected}"));
            }
        }
        if let (Some(found), Some(expected)) = (ours.previous, digest) {
            if found == expected {
                return Ok(());
            }
            return Err(format!(
                "the stream before it has the digest {}, expected {}",
                short(found),
                short(expected)
            ));
        }
        if disks.is_some() || base.name == expected.name { Ok(()) } else { refused() }
    }
}

/// Both texts, if neither is empty.
fn both<'a>(one: &'a str, other: &'a str) -> Option<(&'a str, &'a str)> {
    (!one.is_empty() && !other.is_empty()).then_some((one, other))
}

/// Enough of a digest to distinguish it from others.
fn short(digest: [u8; 32]) -> String {
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use crate::{Header, Identity, Volume, testing};

    fn header(base: Option<(&str, &str, u64)>, target: (&str, &str, u64)) -> Header {
        let volume = |(name, uuid, size): (&str, &str, u64)| Volume {
            name: name.into(),
            uuid: uuid.into(),
            size,
        };
        Header { target: volume(target), base: base.map(volume), ..testing::header(512) }
    }

    #[test]
    fn a_stream_follows_the_one_whose_target_is_its_base() {
        let full = header(None, ("mon", "u1", 512));
        let follows = |base| header(Some(base), ("tue", "u2", 1024)).follows(&full, None);
        follows(("mon", "u1", 512)).unwrap();
        follows(("renamed", "u1", 512)).unwrap();
        follows(("mon", "", 512)).unwrap();
        let error = follows(("mon", "u3", 512)).unwrap_err();
        assert_eq!(error, "its base is mon (UUID u3), expected mon (UUID u1)");
        follows(("tue", "", 512)).unwrap_err();
        let error = follows(("mon", "u1", 1024)).unwrap_err();
        assert!(error.contains("1024 bytes, expected 512"), "{error}");
        assert!(full.follows(&full, None).unwrap_err().contains("full stream"));
    }

    /// Whether a stream with identity `ours` and base `mon` follows one with identity `theirs`, whose
    /// digest is all fives.
    fn follows(ours: Identity, theirs: Identity) -> Result<(), String> {
        let volume = ("mon", "", 512);
        let full = Header { identity: theirs, ..header(None, volume) };
        Header { identity: ours, ..header(Some(volume), volume) }.follows(&full, Some([5; 32]))
    }

    fn identity(disk: &str, base_checkpoint: &str, checkpoint: &str) -> Identity {
        let text = String::from;
        Identity {
            disk: text(disk),
            checkpoint: text(checkpoint),
            base_checkpoint: text(base_checkpoint),
            previous: None,
        }
    }

    #[test]
    fn a_disk_and_its_checkpoints_decide_where_there_are_no_uuids() {
        let before = identity("vm/vda", "", "c1");
        follows(identity("vm/vda", "c1", "c2"), before.clone()).unwrap();
        let error = follows(identity("vm/vda", "c0", "c2"), before.clone()).unwrap_err();
        assert_eq!(error, "it starts from the checkpoint c0, expected c1");
        let error = follows(identity("vm/vdb", "c1", "c2"), before.clone()).unwrap_err();
        assert_eq!(error, "it belongs to disk vm/vdb, expected vm/vda");
        // If only one side has it, it decides nothing.
        follows(identity("", "", ""), before.clone()).unwrap();
        follows(identity("vm/vda", "", ""), before).unwrap();
    }

    #[test]
    fn the_digest_of_the_stream_before_decides_where_nothing_else_does() {
        let after = |byte| Identity { previous: Some([byte; 32]), ..Identity::default() };
        follows(after(5), Identity::default()).unwrap();
        let error = follows(after(6), Identity::default()).unwrap_err();
        assert!(error.contains("0606060606060606, expected 0505"), "{error}");
        // A merged stream leads to the same checkpoint, but has another digest.
        let checkpoint = Identity { previous: Some([6; 32]), ..identity("d", "c1", "c2") };
        follows(checkpoint, identity("d", "", "c1")).unwrap();
    }
}
