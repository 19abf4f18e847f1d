//! Damaged metadata images, each named for its flaw.
//!
//! [`flaws()`] is the table: what is wrong, what lvdiff says about it, and whether thin_check of
//! thin-provisioning-tools finds it too. An image is made from one of a kernel, or, where the flaw
//! needs a deep tree, from one of the generator, which thin_check finds sound. Checksums are right
//! wherever the flaw is not the checksum. `cargo xtask damage DIR` writes them all.

mod flaws;
mod image;

use anyhow::Result;

use self::image::Image;
pub use flaws::flaws;

/// A flaw, and what becomes of it.
pub struct Flaw {
    /// What the image is called.
    pub name: &'static str,
    /// What lvdiff does.
    pub answer: Answer,
    /// What thin_check does.
    pub check: Check,
    from: From,
    /// Damages an image, and returns the block that lvdiff blames.
    make: fn(&mut Image) -> u64,
}

/// What lvdiff does with a damaged image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It ends with exit code 5, and says this of the block.
    Refused(&'static str),
    /// The metadata is of another kind: exit code 5 likewise, and this is what it says.
    NotSupported(&'static str),
    /// `--list` has nothing to do with the flaw, and is right; a stream ends with exit code 5, and
    /// this is what it says of the block.
    WithData(&'static str),
    /// The device is not there: exit code 2.
    NotFound,
    /// lvdiff does not read what is damaged, for this reason, and its answer is right.
    NotRead(&'static str),
}

/// What thin_check 0.9.0 does with a damaged image. Other versions may find more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// It refuses it.
    Refuses,
    /// It does not, for this reason.
    Accepts(&'static str),
}

/// What an image is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    /// An image of a kernel: devices 1 to 3, each of one leaf.
    Kernel,
    /// One of the generator: devices 2 and 3, of three levels.
    Deep,
}

/// An image with a flaw.
pub struct Damaged {
    /// The whole image.
    pub bytes: Vec<u8>,
    /// The block that lvdiff blames.
    pub block: u64,
}

impl Flaw {
    /// The image with this flaw.
    ///
    /// # Errors
    /// Where the sound image cannot be made.
    pub fn image(&self) -> Result<Damaged> {
        let mut image = self.source()?;
        let block = (self.make)(&mut image);
        Ok(Damaged { bytes: image.bytes, block })
    }

    /// The image that it is made from.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn sound(&self) -> Result<Vec<u8>> {
        Ok(self.source()?.bytes)
    }

    fn source(&self) -> Result<Image> {
        match self.from {
            From::Kernel => Image::of_kernel(),
            From::Deep => Image::deep(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_flaw_has_a_name_of_its_own_and_changes_the_image() -> Result<()> {
        let names: BTreeSet<_> = flaws().map(|flaw| flaw.name).collect();
        assert_eq!(names.len(), flaws().count());
        for flaw in flaws() {
            assert!(flaw.image()?.bytes != flaw.sound()?, "{}", flaw.name);
        }
        Ok(())
    }
}
