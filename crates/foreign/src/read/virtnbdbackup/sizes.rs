//! [`Sizes`]: the compressed sizes of a stream's blocks, to compare with those at its end.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A digest of the sizes: there could be as many sizes as the stream has bytes.
#[derive(Default)]
pub(super) struct Sizes {
    digest: blake3::Hasher,
    /// How many blocks and frames there are.
    count: u64,
}

impl Sizes {
    /// A block begins.
    pub(super) fn block(&mut self) {
        self.add(b"block");
    }

    /// The next frame of the block has this many bytes.
    pub(super) fn frame(&mut self, size: u64) {
        self.add(b"frame");
        self.digest.update(&size.to_le_bytes());
    }

    fn add(&mut self, what: &[u8]) {
        self.count = self.count.saturating_add(1);
        self.digest.update(what);
    }
}

impl PartialEq for Sizes {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.digest.finalize() == other.digest.finalize()
    }
}

/// The sizes listed at a stream's end, read up to one more than expected.
#[derive(Default)]
pub(super) struct Told {
    pub(super) sizes: Sizes,
    most: u64,
}

impl Told {
    /// No sizes yet; `expected` says how many may come.
    pub(super) fn new(expected: &Sizes) -> Self {
        Self { sizes: Sizes::default(), most: expected.count }
    }

    fn check<E: de::Error>(&self) -> Result<(), E> {
        match self.sizes.count > self.most {
            true => Err(E::custom("there are more of them than came")),
            false => Ok(()),
        }
    }
}

/// The list at the end, with an element for each block.
impl<'de> Visitor<'de> for &mut Told {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of sizes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Block(self))?.is_some() {}
        Ok(())
    }
}

/// A block of one frame is a number, any other an object: the sum and its parts.
struct Block<'a>(&'a mut Told);

impl<'de> DeserializeSeed<'de> for Block<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Block<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a size, or a sum and its parts")
    }

    fn visit_u64<E: de::Error>(self, size: u64) -> Result<(), E> {
        self.0.sizes.block();
        self.0.sizes.frame(size);
        self.0.check()
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        self.0.sizes.block();
        if object.next_key::<IgnoredAny>()?.is_some() {
            object.next_value_seed(Parts(self.0))?;
        }
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// The parts of a block.
struct Parts<'a>(&'a mut Told);

impl<'de> DeserializeSeed<'de> for Parts<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Parts<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of sizes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(size) = list.next_element()? {
            self.0.sizes.frame(size);
            self.0.check()?;
        }
        Ok(())
    }
}
