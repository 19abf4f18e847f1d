//! What a run says when it ends.

use std::io::Write;
use std::time::Duration;

use flow::{counted, escaped, human, rate_text};
use hyperlayer::Totals;
use patch::{Accepted, AcceptedPlace, Done};
use streams::Tally;

/// Says what was done.
pub(crate) fn done(done: &Done, took: Duration) {
    let Tally { streams, totals, is_open } = &done.tally;
    let streams = match streams {
        1 => String::new(),
        count => format!("{count} streams, "),
    };
    let rate = rate_text(totals.data_bytes, took).map_or(String::new(), |rate| format!(", {rate}"));
    // The volume is complete, even if this message cannot be written.
    cli::note(format_args!(
        "lvpatch: {}: {streams}{} in {:.1} s{rate}{}{}",
        done.made.name,
        describe(totals),
        took.as_secs_f64(),
        if *is_open { "; the stream's end cannot be verified" } else { "" },
        if done.root.is_some() { "; its whole content matches the stream" } else { "" }
    ));
}

/// Says what would be done.
pub(crate) fn accepted(accepted: &Accepted) -> anyhow::Result<()> {
    let target = escaped(&accepted.target);
    let place = match &accepted.place {
        AcceptedPlace::On(name) => format!("on {name}"),
        AcceptedPlace::InPool(name) => format!("in pool {name}"),
    };
    cli::tell(|out| writeln!(out, "the stream of {target} would be applied {place}"))
}

/// Says that streams are sound.
pub(crate) fn sound(sound: &Tally) -> anyhow::Result<()> {
    let what = match sound.streams {
        1 => "the stream is sound".into(),
        count => format!("the {count} streams are sound, and follow one another"),
    };
    let ended = match sound.is_open {
        true => " as far as it goes (its end cannot be verified)",
        false => "",
    };
    cli::tell(|out| writeln!(out, "{what}{ended}: {}", describe(&sound.totals)))
}

pub(crate) fn describe(totals: &Totals) -> String {
    format!(
        "{} of data, {} of zeros, {} unmapped, in {}",
        human(totals.data_bytes),
        human(totals.zero_bytes),
        human(totals.discard_bytes),
        counted(totals.data_records + totals.zero_records + totals.discard_records, "record")
    )
}
