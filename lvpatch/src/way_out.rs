//! The ways out of an error, in the words of this command line.

use flow::{Refusal, WayOut};
use patch::{ChangedInPart, KeptPart};

/// What to do about an error, if an option helps.
pub(crate) fn words(error: &anyhow::Error) -> Option<String> {
    if let Some(changed) = error.downcast_ref::<ChangedInPart>() {
        return back(changed);
    }
    if let Some(KeptPart { name, up_to }) = error.downcast_ref() {
        return Some(format!(
            "`lvdiff --rest-from {up_to}` makes the rest, and `lvpatch --part {name}` adds it"
        ));
    }
    let refusal = error.chain().find_map(|cause| cause.downcast_ref::<Refusal>())?;
    let words = match refusal.way_out()? {
        WayOut::NameFolder => "--disk is for the folder that -i names",
        WayOut::NameDisk => "choose one with --disk NAME",
        WayOut::NameBase => "name the base with -l",
        WayOut::NameNew => "its name is the last argument",
        WayOut::NameBaseOrPool => "name the base with -l, or for a full stream the pool with -p",
        WayOut::NameFiles => "name the files with -i",
        WayOut::NamePart => "name that volume with --part",
        WayOut::NamePool => "name the pool with -g VG -p POOL, and no -l",
        WayOut::SaySize => "give --size",
        WayOut::LeaveOutSize => "leave out --size",
        WayOut::ReadFile => {
            "write it to its own file, and name that with -i, or leave out the proof with \
             --no-base-check"
        }
        WayOut::ReadFileToKeep => "for --backup, write it to a file, and name that with -i",
        WayOut::ReadStandardInput => "read it from standard input: lvpatch --info < FILE",
        WayOut::LeaveOutEnd => "name only the streams that are wanted, and leave out --until",
        WayOut::StopAtLocalTime => {
            "leave out the Z of --until, and give the time by the clock of the machine that made it"
        }
        WayOut::StopAtVolume => "give --until the last stream's volume instead of a time",
        WayOut::ApplyPart => "apply what is cut in a run of its own, with --partial",
        WayOut::WriteInPlace => "--in-place writes to the volume itself",
        WayOut::MakeNewVolume => "leave out --in-place",
        WayOut::AllowOtherChunks => "apply it anyway with --allow-chunk-mismatch",
        WayOut::AcceptLess => "--strict refuses that",
        WayOut::SkipProof => "if you are sure, --no-base-check applies it anyway",
        WayOut::FindRoots => "make it with `lvdiff --roots`, or leave out --verify-root",
        WayOut::KeepNothing => "leave out --backup",
        _ => return None,
    };
    Some(words.into())
}

/// How to bring back what was overwritten.
fn back(changed: &ChangedInPart) -> Option<String> {
    let kept = changed.kept.as_ref()?.display();
    let target = match changed.is_path {
        true => format!("--device {}", changed.name),
        false => format!("--in-place -l {}", changed.name),
    };
    Some(format!("`lvpatch {target} --partial -i {kept}` brings back what was there"))
}
