//! [`text`]: metrics for the textfile collector of Prometheus's node_exporter.
//!
//! The format: <https://prometheus.io/docs/instrumenting/exposition_formats/>, version 0.0.4. All metrics are gauges: each says
//! how it was at the last run. A time is told and no age, because the file is read later than it is written.

use std::fmt::Write;

use replica::{JobReport, VolumeReport};

use super::reports::Report;

/// A metric of something.
struct Metric<T> {
    name: &'static str,
    help: &'static str,
    /// None where it is not known.
    value: fn(&T) -> Option<f64>,
}

const OF_JOBS: [Metric<Report>; 4] = [
    Metric {
        name: "lvsync_job_report_readable",
        help: "Whether the job has left a report that can be read.",
        value: |report| Some(truth(report.read.is_ok())),
    },
    Metric {
        name: "lvsync_job_last_try_timestamp_seconds",
        help: "When the last run began.",
        value: |report| job(report).map(|job| job.last_try as f64),
    },
    Metric {
        name: "lvsync_job_last_success_timestamp_seconds",
        help: "When the last run that succeeded began.",
        value: |report| job(report)?.last_success.map(|at| at as f64),
    },
    Metric {
        name: "lvsync_job_exit_code",
        help: "What the last run ended with; 0 is success.",
        value: |report| job(report).map(|job| f64::from(job.exit_code)),
    },
];

const OF_VOLUMES: [Metric<VolumeReport>; 11] = [
    Metric {
        name: "lvsync_newest_copy_timestamp_seconds",
        help: "When the newest point was taken that the target has.",
        value: |volume| volume.point_at.map(|at| at as f64),
    },
    Metric {
        name: "lvsync_last_try_timestamp_seconds",
        help: "When the volume was last tried.",
        value: |volume| Some(volume.last_try as f64),
    },
    Metric {
        name: "lvsync_last_try_succeeded",
        help: "Whether the last try succeeded.",
        value: |volume| Some(truth(volume.error.is_none())),
    },
    Metric {
        name: "lvsync_last_success_timestamp_seconds",
        help: "When the volume was last brought to the target.",
        value: |volume| volume.last_success.map(|at| at as f64),
    },
    Metric {
        name: "lvsync_last_sent_bytes",
        help: "How many bytes were sent at the last try.",
        value: |volume| Some(volume.sent_bytes as f64),
    },
    Metric {
        name: "lvsync_last_duration_seconds",
        help: "How long the last try took.",
        value: |volume| Some(volume.seconds),
    },
    Metric {
        name: "lvsync_partial_timestamp_seconds",
        help: "When the point was taken of which the target has an incomplete copy.",
        value: |volume| volume.partial_at.map(|at| at as f64),
    },
    Metric {
        name: "lvsync_verified_timestamp_seconds",
        help: "When a copy was last verified.",
        value: |volume| volume.verified_at.map(|at| at as f64),
    },
    Metric {
        name: "lvsync_verified_equal",
        help: "Whether that found the copy to be the same.",
        value: |volume| volume.verification.as_ref().map(|found| truth(found == "equal")),
    },
    Metric {
        name: "lvsync_pool_data_used_ratio",
        help: "How much of the target's pool is in use.",
        value: |volume| volume.pool_data_percent.map(|percent| percent / 100.0),
    },
    Metric {
        name: "lvsync_pool_metadata_used_ratio",
        help: "How much of the metadata of the target's pool is in use.",
        value: |volume| volume.pool_metadata_percent.map(|percent| percent / 100.0),
    },
];

/// The text of a file.
pub(crate) fn text(reports: &[Report]) -> String {
    let mut text = String::new();
    for metric in &OF_JOBS {
        let labels = |report: &Report| vec![("job", report.job.clone())];
        family(metric, reports.iter().map(|report| (labels(report), report)), &mut text);
    }
    let volumes = || {
        let of_job = |job: &JobReport| job.job.clone();
        reports.iter().filter_map(job).flat_map(move |job| {
            let labels = move |volume: &VolumeReport| {
                vec![
                    ("job", of_job(job)),
                    ("volume", volume.volume.clone()),
                    ("target", volume.target.clone()),
                ]
            };
            job.volumes.iter().map(move |volume| (labels(volume), volume))
        })
    };
    for metric in &OF_VOLUMES {
        family(metric, volumes(), &mut text);
    }
    text
}

/// The lines of a metric; none if nobody knows it.
fn family<'a, T: 'a>(
    metric: &Metric<T>,
    of: impl Iterator<Item = (Vec<(&'static str, String)>, &'a T)>,
    text: &mut String,
) {
    let mut lines = String::new();
    for (labels, one) in of {
        let Some(value) = (metric.value)(one) else { continue };
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", quoted(value))).collect();
        // Writing to a string cannot fail.
        _ = writeln!(lines, "{}{{{}}} {value}", metric.name, labels.join(","));
    }
    if !lines.is_empty() {
        let Metric { name, help, .. } = metric;
        _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{lines}");
    }
}

/// A label's value between quotes.
fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn job(report: &Report) -> Option<&JobReport> {
    report.read.as_ref().ok()
}

fn truth(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::reports::testing::{NOW, report, sound};
    use super::*;

    /// Reads a text as the format's description has it, and nothing looser: the values by name and labels.
    fn parsed(text: &str) -> BTreeMap<String, BTreeMap<Vec<(String, String)>, f64>> {
        assert!(text.is_empty() || text.ends_with('\n'), "the last line must end");
        let mut families: BTreeMap<String, BTreeMap<_, _>> = BTreeMap::new();
        let (mut helped, mut current) = (None, None);
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, text) = help.split_once(' ').unwrap();
                assert!(is_name(name) && !text.is_empty(), "{line}");
                assert!(!families.contains_key(name), "a second group of {name}");
                helped = Some(name);
                continue;
            }
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert_eq!((helped, kind), (Some(name), "gauge"), "{line}");
                families.insert(name.into(), BTreeMap::new());
                current = Some(name);
                continue;
            }
            let (name, rest) = line.split_once('{').unwrap();
            assert_eq!(Some(name), current, "{line}");
            let mut labels = Vec::new();
            let mut rest = rest;
            loop {
                let (label, after) = rest.split_once("=\"").unwrap();
                assert!(is_name(label) && !label.contains(':'), "{line}");
                let (mut value, mut characters) = (String::new(), after.chars());
                loop {
                    match characters.next().unwrap() {
                        '"' => break,
                        '\\' => value.push(match characters.next().unwrap() {
                            'n' => '\n',
                            sign @ ('\\' | '"') => sign,
                            other => panic!("\\{other} in {line}"),
                        }),
                        other => value.push(other),
                    }
                }
                labels.push((label.to_owned(), value));
                rest = characters.as_str();
                match rest.split_at(1) {
                    (",", after) => rest = after,
                    ("}", after) => break rest = after,
                    _ => panic!("{line}"),
                }
            }
            let names: BTreeSet<_> = labels.iter().map(|(name, _)| name).collect();
            assert_eq!(names.len(), labels.len(), "a label twice: {line}");
            let value: f64 = rest.strip_prefix(' ').unwrap().parse().unwrap();
            let before = families.get_mut(name).unwrap().insert(labels, value);
            assert_eq!(before, None, "the same twice: {line}");
        }
        families.retain(|_, values| !values.is_empty());
        families
    }

    fn is_name(name: &str) -> bool {
        let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || b"_:".contains(&byte);
        !name.starts_with(|first: char| first.is_ascii_digit()) && name.bytes().all(is_sound)
    }

    #[test]
    fn what_a_report_says_is_in_the_text() {
        let families = parsed(&text(&[report(sound())]));
        let of_volume = vec![
            ("job".to_owned(), "nightly".to_owned()),
            ("volume".to_owned(), "vg0/db".to_owned()),
            ("target".to_owned(), "root@b:vg1/pool0".to_owned()),
        ];
        let value = |name: &str| families[name][&of_volume];
        let at = (NOW - 5 * 3600) as f64;
        assert_eq!(value("lvsync_newest_copy_timestamp_seconds"), at);
        assert_eq!(value("lvsync_verified_timestamp_seconds"), at - 3600.0);
        assert_eq!(value("lvsync_last_sent_bytes"), 12_900_000.0);
        assert_eq!(value("lvsync_last_duration_seconds"), 1.5);
        assert_eq!(value("lvsync_pool_data_used_ratio"), 0.415);
        assert_eq!(value("lvsync_last_try_succeeded"), 1.0);
        assert_eq!(value("lvsync_verified_equal"), 1.0);
        assert_eq!(families["lvsync_job_exit_code"][&of_volume[..1]], 0.0);
        // There is no partial copy.
        assert!(!families.contains_key("lvsync_partial_timestamp_seconds"));
        assert_eq!(families.len(), OF_JOBS.len() + OF_VOLUMES.len() - 1);
    }

    #[test]
    fn any_name_stays_one_label() {
        let mut strange = sound();
        strange.volumes[0].volume = "a\\b\"c\nd}é\\n".into();
        strange.volumes[0].error = Some("no".into());
        strange.volumes[0].verification = Some("differs".into());
        strange.volumes.push(sound().volumes.remove(0));
        let families = parsed(&text(&[report(strange)]));
        let labels: Vec<_> = families["lvsync_verified_equal"].iter().collect();
        assert_eq!(labels.len(), 2);
        let (labels, value) = labels[0];
        assert_eq!((labels[1].1.as_str(), *value), ("a\\b\"c\nd}é\\n", 0.0));
    }

    #[test]
    fn a_report_that_cannot_be_read_is_a_metric() {
        let broken = Report { job: "x".into(), read: Err("why".into()) };
        let families = parsed(&text(&[broken, report(sound())]));
        let values: Vec<_> = families["lvsync_job_report_readable"].values().copied().collect();
        assert_eq!(values, [1.0, 0.0]);
        assert_eq!(families["lvsync_job_exit_code"].len(), 1);
        assert_eq!(text(&[]), "");
    }

    /// The metrics that a text of PromQL names.
    fn named(text: &str) -> BTreeSet<&str> {
        let words = text.split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'));
        words.filter(|word| word.starts_with("lvsync_")).collect()
    }

    #[test]
    fn the_dashboard_shows_these_metrics_and_no_others() {
        let dashboard = include_str!("../../../docs/lvsync-grafana.json");
        let parsed: serde_json::Value = serde_json::from_str(dashboard).unwrap();
        let panels = parsed["panels"].as_array().unwrap();
        let queries: Vec<_> = panels
            .iter()
            .flat_map(|panel| panel["targets"].as_array().unwrap())
            .map(|target| target["expr"].as_str().unwrap())
            .collect();
        assert!(queries.iter().all(|query| !named(query).is_empty()), "{queries:?}");
        let shown: BTreeSet<_> = named(dashboard);
        let metrics: BTreeSet<_> = OF_JOBS
            .iter()
            .map(|one| one.name)
            .chain(OF_VOLUMES.iter().map(|one| one.name))
            .collect();
        assert_eq!(shown, metrics);
    }
}
