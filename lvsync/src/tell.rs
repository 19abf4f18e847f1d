//! What was pushed, told: to another lvsync, to people, in a report.

use flow::{Session, escaped, human};
use peer::Told;
use replica::Pushed;
use serde_json::Value;

/// What was pushed, as it is told to whoever asked for it.
pub(crate) fn told(pushed: Pushed) -> Told {
    Told {
        point: pushed.point,
        base: pushed.base,
        copy: pushed.copy.name,
        uuid: pushed.copy.uuid,
        data: pushed.totals.data_bytes,
        sent: pushed.sent,
        removed: pushed.removed,
    }
}

/// For the report.
pub(crate) fn json(told: &Told) -> Value {
    serde_json::json!({
        "point": told.point,
        "base": told.base,
        "copy": told.copy,
        "uuid": told.uuid,
        "sent_bytes": told.sent,
        "removed": told.removed,
    })
}

/// For people; `host` has the copy, unless it is here.
pub(crate) fn say(told: &Told, host: Option<&str>, session: &Session<'_>) {
    let host = host.map_or(String::new(), |host| format!("{host}:"));
    let from = match &told.base {
        Some(base) => format!("since {base}"),
        None => "all of it".into(),
    };
    cli::note(format_args!(
        "lvsync: {} -> {host}{}: {}, {} of data, {} sent in {:.1} s",
        escaped(&told.point),
        escaped(&told.copy),
        escaped(&from),
        human(told.data),
        human(told.sent),
        session.begun.elapsed().as_secs_f64()
    ));
    for name in &told.removed {
        let name = escaped(name);
        cli::note(format_args!("lvsync: {name} is removed: later points are on both sides"));
    }
}
