//! Whether a stream follows another one.

use crate::Header;

impl Header {
    /// Whether this stream can be applied to the volume that the stream of `previous` leads to.
    ///
    /// Volumes are told apart by their UUIDs; by their names only where one of them has none.
    ///
    /// # Errors
    /// What was expected, and what was found.
    pub fn follows(&self, previous: &Self) -> Result<(), String> {
        let expected = &previous.target;
        let Some(base) = &self.base else {
            return Err("it is a full stream, which starts from nothing".into());
        };
        let known = !base.uuid.is_empty() && !expected.uuid.is_empty();
        let same = if known { base.uuid == expected.uuid } else { base.name == expected.name };
        if !same {
            return Err(format!("its base is {base}, expected {expected}"));
        }
        if base.size != expected.size {
            return Err(format!(
                "its base {base} has {} bytes, expected {}",
                base.size, expected.size
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Header, Volume};

    fn header(base: Option<(&str, &str, u64)>, target: (&str, &str, u64)) -> Header {
        let volume = |(name, uuid, size): (&str, &str, u64)| Volume {
            name: name.into(),
            uuid: uuid.into(),
            size,
        };
        Header {
            target: volume(target),
            base: base.map(volume),
            chunk_size: 65536,
            pairs: vec![],
            detect_level: 0,
            extents: 0,
            changed_bytes: 0,
            unmapped_bytes: 0,
            tool: "test".into(),
            created: 0,
            undo: false,
            base_origin: String::new(),
        }
    }

    #[test]
    fn a_stream_follows_the_one_whose_target_is_its_base() {
        let full = header(None, ("mon", "u1", 512));
        let follows = |base| header(Some(base), ("tue", "u2", 1024)).follows(&full);
        follows(("mon", "u1", 512)).unwrap();
        follows(("renamed", "u1", 512)).unwrap();
        follows(("mon", "", 512)).unwrap();
        let error = follows(("mon", "u3", 512)).unwrap_err();
        assert_eq!(error, "its base is mon (UUID u3), expected mon (UUID u1)");
        follows(("tue", "", 512)).unwrap_err();
        let error = follows(("mon", "u1", 1024)).unwrap_err();
        assert!(error.contains("1024 bytes, expected 512"), "{error}");
        assert!(full.follows(&full).unwrap_err().contains("full stream"));
    }
}
