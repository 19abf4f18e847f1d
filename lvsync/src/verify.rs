//! `lvsync verify` and `lvsync repair`: whether copies are still what they should be.

use anyhow::Context;
use blockio::Range;
use cli::Outcome;
use flow::{Refusal, Session, counted, human};
use lvm::LogicalVolume;
use replica::{Content, Depth, Verified, verify};
use serde_json::{Value, json};

use crate::link::Link;
use crate::program::PROGRAM;
use crate::target::Target;

/// How many ranges are told of each volume; the report has the number and the sum of all.
const MOST_RANGES: usize = 1000;
/// How many of them are printed.
const PRINTED: usize = 10;

/// Verifies one volume after another, also after one whose copy holds other bytes; a failure ends it.
pub(crate) fn verify_all(
    volumes: &[LogicalVolume],
    target: &Target,
    depth: Depth,
    rate: Option<u64>,
    is_quiet: bool,
    session: &Session<'_>,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let (link, mut connection) = Link::open(target, session.interrupt)?;
    connection.greet(PROGRAM).with_context(|| target.to_string())?;
    let (mut done, mut different) = (Vec::new(), Vec::new());
    for volume in volumes {
        let verified = verify(volume, &mut connection, depth, rate, session)
            .with_context(|| format!("{} and {target}", volume.full_name()));
        let told = match verified {
            Ok(verified) => tell(&verified, target, is_quiet)?,
            Err(error) => {
                // The other side may be deactivating what it has read. Why it failed is known.
                _ = link.close(connection);
                outcome.done(&json!({ "verified": done }))?;
                return Err(error);
            }
        };
        if told["result"] == "differs" {
            different.push(volume.full_name());
        }
        done.push(told);
    }
    outcome.done(&json!({ "verified": done }))?;
    link.close(connection)?;
    match different.is_empty() {
        true => Ok(()),
        false => Err(Refusal::differs(format!(
            "the copies in {target} differ from the points of {}",
            different.join(", ")
        ))
        .into()),
    }
}

/// Says what was found, and yields it for the report.
fn tell(verified: &Verified, target: &Target, is_quiet: bool) -> anyhow::Result<Value> {
    let host = target.host.as_ref().map_or(String::new(), |host| format!("{host}:"));
    let both = format!("{} and {host}{}", verified.point, flow::escaped(&verified.copy.name));
    let say = |text: String| {
        if !is_quiet {
            cli::note(format_args!("lvsync: {both}: {text}"));
        }
    };
    let mut told = json!({
        "point": verified.point,
        "copy": verified.copy.name,
        "common_points": verified.common,
    });
    match &verified.content {
        Content::NotRead => {
            told["result"] = "not-read".into();
            say("both are there and have the same size; what they hold was not compared".into());
        }
        Content::Equal => {
            told["result"] = "equal".into();
            say(format!("equal, {}", human(verified.copy.size)));
        }
        Content::Differs(ranges) | Content::Repaired(ranges) => {
            let is_repaired = matches!(verified.content, Content::Repaired(_));
            let (mut sum, mut first) = (0_u64, Vec::new());
            for range in ranges.iter() {
                let range = range?;
                sum = sum.saturating_add(range.length);
                if first.len() < MOST_RANGES {
                    first.push(range);
                }
            }
            let number = ranges.len();
            let what = if is_repaired { "repaired: they differed" } else { "they differ" };
            say(format!("{what} in {}, {}", counted(number, "range"), human(sum)));
            for Range { offset, length } in first.iter().take(PRINTED) {
                say(format!("{length} bytes at offset {offset}"));
            }
            if number > PRINTED as u64 {
                say(format!("and {} more", counted(number - PRINTED as u64, "range")));
            }
            told["result"] = if is_repaired { "repaired" } else { "differs" }.into();
            told["range_count"] = number.into();
            told["different_bytes"] = sum.into();
            told["ranges"] = first
                .iter()
                .map(|range| json!({ "offset": range.offset, "length": range.length }))
                .collect();
        }
    }
    Ok(told)
}
