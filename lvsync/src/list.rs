//! `list`: points and copies, for people and scripts.

use std::io::{self, Write};

use anyhow::Context;
use cli::table::{self, Column};
use flow::{Session, age_text, escaped, human, usage};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lvm::{LogicalVolume, Scope, SegmentType, VolumeName};
use peer::Particulars;
use replica::{local_copies, local_points};

use crate::form::Form;
use crate::history::{History, Moment, histories};
use crate::link::Link;
use crate::program::PROGRAM;
use crate::target::Target;

/// Lists the points of the volumes of these names and their copies; the last name may be that of a target. Without a
/// target, copies on this machine are listed.
pub(crate) fn list(names: &[String], form: Form, session: &Session<'_>) -> anyhow::Result<()> {
    let volumes = LogicalVolume::list()?;
    let (target, named) = look_up(names, &volumes)?;
    let of: Vec<String> = named.iter().map(|volume| volume.uuid.clone()).collect();
    let is_wanted = |listed: &Particulars| of.is_empty() || of.contains(&listed.of);
    let mut points = local_points(&volumes);
    points.retain(is_wanted);
    let text = target.as_ref().map(ToString::to_string);
    let copies = match &target {
        Some(target) => {
            let copies = ask(target, &of, session).with_context(|| target.to_string())?;
            // It may say more than it was asked for.
            copies.into_iter().filter(is_wanted).map(|copy| (target.to_string(), copy)).collect()
        }
        None => {
            let pool = |copy: &Particulars| {
                let volume = volumes.iter().find(|volume| volume.uuid == copy.uuid);
                let pool = volume.and_then(|volume| Some((&volume.group, volume.pool.as_ref()?)));
                pool.map_or_else(String::new, |(group, pool)| format!("{group}/{pool}"))
            };
            let copies = local_copies(&volumes).into_iter().filter(is_wanted);
            copies.map(|copy| (pool(&copy), copy)).collect::<Vec<_>>()
        }
    };
    // A target alone is asked what it has.
    if named.is_empty() && target.is_some() {
        points.retain(|point| copies.iter().any(|(_, copy)| copy.of == point.of));
    }
    let names = volumes.iter().map(|volume| (volume.uuid.as_str(), volume.full_name())).collect();
    let all = histories(&points, &copies, &names, text.as_deref());
    let now = Timestamp::from_second((session.clock)().cast_signed())?;
    match form {
        Form::Json => {
            let text = cli::json_text(&serde_json::json!({ "volumes": all }))?;
            cli::print(|out| out.write_all(text.as_bytes()))
        }
        Form::Table { wide } => cli::print(|out| print(&all, wide, now, &TimeZone::system(), out)),
    }
}

/// The target, if there is one, and the volumes.
fn look_up<'v>(
    names: &[String],
    volumes: &'v [LogicalVolume],
) -> anyhow::Result<(Option<Target>, Vec<&'v LogicalVolume>)> {
    let (mut target, mut found) = (None, Vec::new());
    for (number, name) in names.iter().enumerate() {
        let is_last = number + 1 == names.len();
        if name.contains(':') {
            if !is_last {
                return Err(usage(format!("{name:?}: a target is named last, after the volumes")));
            }
            target = Some(Target::parse(name)?);
            continue;
        }
        let volume = VolumeName::parse(name)?.find(volumes, &Scope::default())?;
        if volume.segment_type == SegmentType::ThinPool && is_last {
            target = Some(Target::parse(&volume.full_name())?);
        } else if volume.thin_id.is_some() {
            found.push(volume);
        } else {
            return Err(usage(format!("{} is not a thin volume", volume.full_name())));
        }
    }
    Ok((target, found))
}

fn ask(target: &Target, of: &[String], session: &Session<'_>) -> anyhow::Result<Vec<Particulars>> {
    let (link, mut connection) = Link::open(target, session.interrupt)?;
    connection.greet(PROGRAM)?;
    let copies = connection.copies(of.to_vec())?;
    link.close(connection)?;
    Ok(copies)
}

const COLUMNS: [Column; 10] = [
    Column::number("#"),
    Column::text("TIME"),
    Column::number("SIZE"),
    Column::text("WHERE"),
    Column::text("BASE"),
    Column::text("VERIFIED"),
    Column::text("POINT").wide(),
    Column::text("COPY").wide(),
    Column::text("TAGS").wide(),
    Column::text("NOTES"),
];

fn print(
    all: &[History],
    wide: bool,
    now: Timestamp,
    zone: &TimeZone,
    mut out: impl Write,
) -> io::Result<()> {
    for (number, history) in all.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        let volume = escaped(&history.volume);
        match &history.target {
            Some(target) => writeln!(out, "{volume} -> {}", escaped(target))?,
            None => writeln!(out, "{volume}")?,
        }
        let cells = |number| cells(history, number, now, zone);
        table::print(COLUMNS, (0..history.points.len()).map(cells), wide, &mut out)?;
    }
    out.flush()
}

/// A row. Whatever another machine says is escaped.
fn cells(
    history: &History,
    number: usize,
    now: Timestamp,
    zone: &TimeZone,
) -> [String; COLUMNS.len()] {
    let moment = &history.points[number];
    let none = || "-".to_owned();
    let verified = moment.copy.as_ref().and_then(|copy| copy.verified_at).map(|at| {
        u64::try_from(now.as_second().saturating_sub(at)).map_or_else(|_| none(), age_text)
    });
    let side = |listed: &Option<Particulars>| {
        let text =
            |listed: &Particulars| format!("{} {}", escaped(&listed.name), escaped(&listed.uuid));
        listed.as_ref().map_or_else(none, text)
    };
    let tags = |listed: &Option<Particulars>| {
        listed.iter().flat_map(|listed| listed.tags.clone()).collect::<Vec<_>>()
    };
    let tags = [tags(&moment.point), tags(&moment.copy)].concat();
    [
        (number + 1).to_string(),
        time(moment.at, zone),
        moment.either().map_or_else(none, |listed| human(listed.size)),
        match (&moment.point, &moment.copy) {
            (Some(_), Some(_)) => "both",
            (Some(_), None) => "point",
            (None, _) => "copy",
        }
        .into(),
        base(history, moment),
        verified.unwrap_or_else(none),
        side(&moment.point),
        side(&moment.copy),
        escaped(&tags.join(",")),
        notes(moment).join(" "),
    ]
}

/// The number of the copy that a copy was made from.
fn base(history: &History, moment: &Moment) -> String {
    let is_base = |other: &Moment| {
        let base = moment.copy.as_ref().and_then(|copy| copy.base.as_ref());
        base.is_some() && other.copy.as_ref().map(|copy| &copy.uuid) == base
    };
    let number = history.points.iter().position(is_base);
    number.map_or("-".into(), |number| format!("#{}", number + 1))
}

fn notes(moment: &Moment) -> Vec<&'static str> {
    let has = |what: fn(&Particulars) -> bool| {
        [&moment.point, &moment.copy].into_iter().flatten().any(what)
    };
    let notes = [
        (has(|listed| listed.is_partial), "partial"),
        (has(|listed| !listed.holds.is_empty()), "held"),
        (has(|listed| listed.is_pinned), "pinned"),
        (has(|listed| listed.promoted.is_some()), "promoted"),
    ];
    notes.into_iter().filter_map(|(is_so, note)| is_so.then_some(note)).collect()
}

/// A time as people read it here; no time is too strange to be shown.
fn time(at: i64, zone: &TimeZone) -> String {
    let at = Timestamp::from_second(at).map(|at| zone.to_datetime(at));
    at.map_or_else(|_| "?".into(), |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(all: &[History], wide: bool) -> String {
        let now = Timestamp::from_second(1_795_219_200).unwrap();
        let mut text = Vec::new();
        print(all, wide, now, &TimeZone::UTC, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    fn history() -> History {
        let point = |uuid: &str, at| Particulars {
            of: "V".into(),
            source: uuid.into(),
            uuid: uuid.into(),
            at,
            name: format!("vg0/{uuid}"),
            size: 1023 << 30,
            ..Particulars::default()
        };
        let first = Particulars {
            name: "vg1/a".into(),
            uuid: "a".into(),
            holds: vec!["nightly".into()],
            is_pinned: true,
            promoted: Some("N".into()),
            verified_at: Some(1_795_219_200 - 47 * 3600),
            ..point("A", 1_795_000_000)
        };
        let second =
            Particulars { uuid: "b".into(), base: Some("a".into()), ..point("B", 1_795_086_400) };
        let part = Particulars {
            uuid: "c".into(),
            is_partial: true,
            base: Some("b".into()),
            ..point("C", 1_795_172_800)
        };
        let moment = |point, copy: Option<Particulars>, at| Moment { at, point, copy };
        History {
            volume: "vg0/db".into(),
            uuid: "V".into(),
            target: Some("root@b:vg1/pool0".into()),
            points: vec![
                moment(None, Some(first), 1_795_000_000),
                moment(Some(point("B", 1_795_086_400)), Some(second), 1_795_086_400),
                moment(Some(point("C", 1_795_172_800)), Some(part), 1_795_172_800),
                moment(Some(point("D", 1_795_172_801)), None, 1_795_172_801),
            ],
        }
    }

    #[test]
    fn a_table_fits_a_terminal() {
        let text = shown(&[history()], false);
        let expected = "\
vg0/db -> root@b:vg1/pool0
#  TIME                       SIZE  WHERE  BASE  VERIFIED  NOTES
1  2026-11-18 11:06:40  1023.0 GiB  copy   -     47h       held pinned promoted
2  2026-11-19 11:06:40  1023.0 GiB  both   #1    -
3  2026-11-20 11:06:40  1023.0 GiB  both   #2    -         partial
4  2026-11-20 11:06:41  1023.0 GiB  point  -     -
";
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| line.len() <= 80));
        assert!(shown(&[history()], true).contains("vg1/a a"));
        assert_eq!(shown(&[], false), "");
    }

    #[test]
    fn what_another_machine_says_is_shown_escaped() {
        let copy = Particulars {
            name: "vg1/\x1b[2J".into(),
            uuid: "\n\u{202e}".into(),
            tags: vec!["\x07".into()],
            at: i64::MAX,
            verified_at: Some(i64::MIN),
            size: u64::MAX,
            ..Particulars::default()
        };
        let history = History {
            volume: "\x1bvol".into(),
            uuid: "\x1b".into(),
            target: Some("b:vg1/pool0".into()),
            points: vec![Moment { at: i64::MAX, point: None, copy: Some(copy) }],
        };
        let text = shown(&[history], true);
        assert!(
            text.chars().all(|character| character == '\n' || !flow::is_obeyed(character)),
            "{text:?}"
        );
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains(" ? "), "{text}");
    }
}
