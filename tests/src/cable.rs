//! A network cable between two guests.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;

use anyhow::{Context, Result};

/// One end of a cable: the guest that has it plugged in sees a network card, `vec0`.
///
/// The cable is a pair of sockets, and each datagram is an Ethernet frame. It needs no root, leaves
/// nothing behind, and reaches nobody but the two guests: the host itself is not on it.
///
/// Keep both ends for as long as either guest runs. While they are there, a frame to a guest that is
/// off is lost, as on a real cable; without them its sender would be told.
#[derive(Debug)]
pub struct CableEnd(UnixDatagram);

impl CableEnd {
    /// A new cable, and its two ends.
    ///
    /// # Errors
    /// This process cannot open two more files.
    pub fn pair() -> Result<(Self, Self)> {
        let (a, b) = UnixDatagram::pair().context("cannot make a cable between two guests")?;
        Ok((Self(a), Self(b)))
    }

    /// The end as the standard input of a process that [`CableEnd::KERNEL_OPTION`] is given to. That
    /// way no other process inherits it.
    pub(crate) fn stdin(&self) -> Result<Stdio> {
        let end = self.0.try_clone().context("cannot plug the cable in")?;
        Ok(OwnedFd::from(end).into())
    }

    /// What tells user-mode Linux that its standard input is a cable.
    pub(crate) const KERNEL_OPTION: &str = "vec0:transport=fd,fd=0,depth=128,gro=1";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_at_the_other_end() -> Result<()> {
        let (a, b) = CableEnd::pair()?;
        let mut frame = [0; 100];
        for (from, to) in [(&a, &b), (&b, &a)] {
            from.0.send(b"a frame")?;
            from.0.send(b"another")?;
            assert_eq!(to.0.recv(&mut frame)?, 7);
            assert_eq!(&frame[..7], b"a frame");
            assert_eq!(to.0.recv(&mut frame)?, 7);
            assert_eq!(&frame[..7], b"another");
        }
        Ok(())
    }
}
