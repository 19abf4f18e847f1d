//! What stays, and from which age on a copy is late.

use policy::{Keep, Limits, Period};

use super::value::Value;

/// The rules by which points stay.
pub(super) fn keep(value: &Value<'_>) -> anyhow::Result<Keep> {
    let keys = ["last", "within", "hourly", "daily", "weekly", "monthly", "yearly"];
    let table = value.table("keep", &keys)?;
    let count = |key| Ok::<_, anyhow::Error>(table.optional(key, Value::count)?.unwrap_or(0));
    let keep = Keep {
        last: count("last")?,
        within: table.optional("within", period)?,
        hourly: count("hourly")?,
        daily: count("daily")?,
        weekly: count("weekly")?,
        monthly: count("monthly")?,
        yearly: count("yearly")?,
    };
    // Without any, everything stays: nobody means that who writes it down.
    match keep.is_everything() {
        true => Err(value.error("expected at least one rule")),
        false => Ok(keep),
    }
}

/// From which age on a copy is late.
pub(super) fn max_age(value: &Value<'_>) -> anyhow::Result<Limits> {
    let table = value.table("max_age", &["warn", "crit"])?;
    let limits =
        Limits { warn: table.optional("warn", period)?, crit: table.optional("crit", period)? };
    match (limits.warn, limits.crit) {
        (Some(warn), Some(crit)) if warn > crit => {
            Err(value.error(format!("warn, {warn}, is more than crit, {crit}")))
        }
        _ => Ok(limits),
    }
}

pub(super) fn period(value: &Value<'_>) -> anyhow::Result<Period> {
    value.parsed(str::parse)
}
