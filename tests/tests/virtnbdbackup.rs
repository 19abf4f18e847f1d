//! Real streams of virtnbdbackup: every step of every set makes what the disk was, and what does not
//! belong together is refused. The oracle is the disks' SHA-256 when the streams were made. No kernel,
//! no LVM, no root.

mod library;

/// What the streams must do, by what is done with them.
mod virtnbdbackup {
    mod chains;
    mod converted;
    mod programs;
    mod sets;
}
