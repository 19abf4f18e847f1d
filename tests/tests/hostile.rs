//! lvpatch and lvdiff on input from somebody who means harm: checks and digests are right, what it says is not. No
//! kernel, no LVM, no root. Every case is given to the libraries; the programs get a few of each kind.

mod library;
mod refusal;
mod watched;

/// What is harmful, by what it is.
mod hostile {
    mod foreign;
    mod frames;
    mod headers;
    mod memory;
    mod metadata;
    mod programs;
    mod virtnbdbackup;

    use std::fs;

    use system_tests::forge::{Frame, Header, stream};

    use crate::refusal::{Place, SIZE};

    pub(super) fn sound() -> (Header, Vec<Frame>) {
        (Header::of_size(SIZE), vec![Frame::data(0, &[1; 512])])
    }

    /// A header with one thing changed.
    pub(super) fn with(change: impl FnOnce(&mut Header)) -> Vec<u8> {
        let (mut header, frames) = sound();
        change(&mut header);
        stream(&header, &frames)
    }

    #[test]
    fn what_is_forged_here_is_sound_where_nothing_is_wrong() {
        let (header, frames) = sound();
        let place = Place::new(&stream(&header, &frames));
        place.run("lvpatch", &["--verify"]).expect(0);
        place.run("lvpatch", &["--device", "image"]).expect(0);
        assert_eq!(fs::read(place.path("image")).unwrap()[..512], [1; 512]);

        let full = Header { base: None, base_origin: Vec::new(), ..header };
        let place = Place::new(&stream(&full, &frames));
        place.run("lvpatch", &["--device", "new"]).expect(0);
        assert_eq!(fs::read(place.path("new")).unwrap()[..512], [1; 512]);
    }
}
