//! [`Report`]: what the runs of a job left behind, as far as it can be read.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context;
use flow::{error_text, escaped};
use replica::JobReport;

use crate::job_name::is_job;

/// Longer ones are no reports.
const LONGEST: u64 = 16 << 20;
/// The end of a report's name.
const ENDING: &str = ".json";

/// What the runs of a job left behind.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) job: String,
    /// The report, or why there is none.
    pub(crate) read: Result<JobReport, String>,
}

/// The reports of these jobs, or all in the folder; in the order of the jobs' names.
///
/// # Errors
/// If the folder cannot be read. One that is not there has no reports.
pub(crate) fn read(folder: &Path, jobs: &[String]) -> anyhow::Result<Vec<Report>> {
    let mut names: BTreeSet<String> = jobs.iter().cloned().collect();
    if names.is_empty() {
        names = in_folder(folder).with_context(|| folder.display().to_string())?;
    }
    let report = |job: String| {
        let path = folder.join(format!("{job}{ENDING}"));
        let read = read_one(&path, &job);
        let read = read.map_err(|error| format!("{}: {}", path.display(), error_text(&error)));
        Report { job, read }
    };
    Ok(names.into_iter().map(report).collect())
}

fn in_folder(folder: &Path) -> io::Result<BTreeSet<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries?,
    };
    let mut names = BTreeSet::new();
    for entry in entries {
        let name = entry?.file_name();
        let job = name.to_str().and_then(|name| name.strip_suffix(ENDING));
        names.extend(job.filter(|job| is_job(job)).map(Into::into));
    }
    Ok(names)
}

fn read_one(path: &Path, job: &str) -> anyhow::Result<JobReport> {
    let metadata = match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            anyhow::bail!("it is not there: the job has not run on this machine")
        }
        metadata => metadata?,
    };
    anyhow::ensure!(metadata.is_file(), "it is not a regular file");
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    anyhow::ensure!(bytes.len() as u64 <= LONGEST, "it has more than {LONGEST} bytes");
    parse(&bytes, job)
}

fn parse(bytes: &[u8], job: &str) -> anyhow::Result<JobReport> {
    let report: JobReport = serde_json::from_slice(bytes).context("it is no report")?;
    anyhow::ensure!(report.job == job, "it is of another job, {}", escaped(&report.job));
    let mut known = BTreeSet::new();
    for one in &report.volumes {
        let is_new = known.insert((&one.volume, &one.target));
        let (volume, target) = (escaped(&one.volume), escaped(&one.target));
        anyhow::ensure!(is_new, "it names {volume} and {target} twice");
    }
    Ok(report)
}

#[cfg(test)]
pub(crate) mod testing {
    use replica::{JobReport, VolumeReport};

    use super::Report;

    /// A time.
    pub(crate) const NOW: i64 = 1_795_219_200;

    /// A report of one volume, where all is well, five hours old.
    pub(crate) fn sound() -> JobReport {
        let at = NOW - 5 * 3600;
        let volume = VolumeReport {
            volume: "vg0/db".into(),
            uuid: "cKI9Ru-wSyt-h0Dw-2yXy-KcTr-0nYh-zFHvAJ".into(),
            target: "root@b:vg1/pool0".into(),
            last_try: at,
            last_success: Some(at),
            point_at: Some(at),
            sent_bytes: 12_900_000,
            seconds: 1.5,
            verified_at: Some(at - 3600),
            verification: Some("equal".into()),
            pool_data_percent: Some(41.5),
            pool_metadata_percent: Some(10.0),
            ..VolumeReport::default()
        };
        let (job, volumes) = ("nightly".into(), vec![volume]);
        JobReport { job, last_try: at, last_success: Some(at), volumes, ..JobReport::default() }
    }

    /// As it is read.
    pub(crate) fn report(read: JobReport) -> Report {
        Report { job: read.job.clone(), read: Ok(read) }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::sound;
    use super::*;

    #[test]
    fn a_report_is_read_as_it_was_agreed() {
        let text = br#"{"job": "nightly", "last_try": 5, "last_success": null, "error": "text", "exit_code": 8,
            "later": {}, "volumes": [{"volume": "vg0/db", "uuid": "u", "target": "root@b:vg1/pool0",
            "last_try": 1, "last_success": 2, "point_at": 3, "sent_bytes": 4, "seconds": 0.5, "error": null,
            "partial_at": null, "verified_at": 6, "verification": "differs", "pool_data_percent": null,
            "pool_metadata_percent": 1.5, "later": 1}]}"#;
        let report = parse(text, "nightly").unwrap();
        assert_eq!((report.last_try, report.last_success, report.exit_code), (5, None, 8));
        let [volume] = report.volumes.as_slice() else { panic!("{report:?}") };
        assert_eq!((volume.point_at, volume.sent_bytes, volume.seconds), (Some(3), 4, 0.5));
        assert_eq!(volume.verification.as_deref(), Some("differs"));
        assert_eq!(parse(&serde_json::to_vec(&sound()).unwrap(), "nightly").unwrap(), sound());
    }

    #[test]
    fn what_is_no_report_of_the_job_is_refused() {
        let twice = JobReport { volumes: [sound().volumes, sound().volumes].concat(), ..sound() };
        let twice = serde_json::to_string(&twice).unwrap();
        let other = serde_json::to_string(&sound()).unwrap().replace("nightly", "other\\u001b");
        for (text, why) in [
            ("", "no report"),
            ("{}", "no report"),
            (twice.as_str(), "twice"),
            (other.as_str(), "of another job"),
        ] {
            let error = format!("{:#}", parse(text.as_bytes(), "nightly").unwrap_err());
            assert!(error.contains(why) && !error.contains('\x1b'), "{text}: {error}");
        }
    }

    #[test]
    fn a_folder_may_have_other_files_or_not_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("nightly.json"), serde_json::to_vec(&sound()).unwrap()).unwrap();
        std::fs::write(at("broken.json"), "{").unwrap();
        std::fs::write(at(".hidden.json"), "{").unwrap();
        std::fs::write(at("other.txt"), "{").unwrap();
        std::fs::create_dir(at("folder.json")).unwrap();
        let shown = |reports: Vec<Report>| {
            let shown = |report: Report| format!("{} {}", report.job, report.read.is_ok());
            reports.into_iter().map(shown).collect::<Vec<_>>()
        };
        let all = read(folder.path(), &[]).unwrap();
        assert_eq!(shown(all), ["broken false", "folder false", "nightly true"]);
        let named = read(folder.path(), &["nightly".into(), "never".into()]).unwrap();
        assert_eq!(shown(named), ["never false", "nightly true"]);
        assert!(read(&at("nowhere"), &[]).unwrap().is_empty());
    }
}
