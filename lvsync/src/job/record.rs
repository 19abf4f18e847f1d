//! [`Record`]: what a run comes to, for whoever watches.

use std::fs::{DirBuilder, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use flow::Aside;
use jiff::Timestamp;
use replica::{JobReport, VolumeReport};

/// Where the reports are.
pub(super) const FOLDER: &str = "/var/lib/lvsync";

/// Longer files are no reports.
const LARGEST: u64 = 16 << 20;

/// The report of a run that is under way.
pub(super) struct Record {
    path: PathBuf,
    report: JobReport,
    earlier: JobReport,
}

impl Record {
    /// Begins a report; what the last one says of successes stays true.
    pub(super) fn begin(folder: &Path, job: &str, now: Timestamp) -> Self {
        let path = folder.join(format!("{job}.json"));
        let earlier = read(&path).unwrap_or_default();
        let report = JobReport {
            job: job.into(),
            last_try: now.as_second(),
            last_success: earlier.last_success,
            ..JobReport::default()
        };
        Self { path, report, earlier }
    }

    /// Notes what came of a volume and a target. What `new` does not know, the report before says.
    pub(super) fn note(&mut self, new: VolumeReport) {
        let is_it = |old: &&VolumeReport| old.uuid == new.uuid && old.target == new.target;
        let old = self.earlier.volumes.iter().find(is_it).cloned().unwrap_or_default();
        let is_sent = new.error.is_none();
        self.report.volumes.push(VolumeReport {
            last_try: self.report.last_try,
            last_success: if is_sent { Some(self.report.last_try) } else { old.last_success },
            point_at: new.point_at.or(old.point_at),
            sent_bytes: if is_sent { new.sent_bytes } else { old.sent_bytes },
            seconds: if is_sent { new.seconds } else { old.seconds },
            verified_at: old.verified_at,
            verification: old.verification,
            ..new
        });
    }

    /// Puts the report into the place of the one before.
    pub(super) fn write(mut self, failure: Option<(u8, String)>) -> anyhow::Result<()> {
        match failure {
            None => self.report.last_success = Some(self.report.last_try),
            Some((code, text)) => {
                (self.report.exit_code, self.report.error) = (code, Some(text));
                if self.report.volumes.is_empty() {
                    // Nothing was tried: what is known of the copies stays known.
                    self.report.volumes = self.earlier.volumes;
                }
            }
        }
        let about = || self.path.display().to_string();
        if let Some(folder) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o755).create(folder).with_context(about)?;
        }
        let text = serde_json::to_string_pretty(&self.report)?;
        let aside = Aside::new(&self.path, ".lvsync-").with_context(about)?;
        // Monitoring is often no root, and nothing in it is secret.
        aside.file().set_permissions(Permissions::from_mode(0o644)).with_context(about)?;
        let written = writeln!(aside.file(), "{text}").and_then(|()| aside.replace());
        written.with_context(about)
    }
}

/// The report before; none if there is none, or it cannot be understood.
fn read(path: &Path) -> Option<JobReport> {
    let about = path.metadata().ok()?;
    if about.len() > LARGEST {
        return None;
    }
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(error: Option<&str>, point_at: Option<i64>) -> VolumeReport {
        VolumeReport {
            uuid: "u".into(),
            target: "t".into(),
            error: error.map(Into::into),
            point_at,
            sent_bytes: 7,
            ..VolumeReport::default()
        }
    }

    #[test]
    fn what_succeeded_last_stays_known() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        let begin = |at| Record::begin(&folder, "x", Timestamp::from_second(at).unwrap());
        let report = || read(&folder.join("x.json")).unwrap();
        let mut first = begin(10);
        first.note(volume(None, Some(11)));
        first.write(None).unwrap();
        assert_eq!((report().last_success, report().exit_code), (Some(10), 0));
        let mut second = begin(20);
        second.note(volume(Some("away"), None));
        second.write(Some((8, "one failed".into()))).unwrap();
        let JobReport { last_try, last_success, error, exit_code, volumes, .. } = report();
        assert_eq!((last_try, last_success, exit_code), (20, Some(10), 8));
        assert_eq!(error.as_deref(), Some("one failed"));
        let of = &volumes[0];
        assert_eq!((of.last_try, of.last_success, of.point_at), (20, Some(10), Some(11)));
        assert_eq!((of.error.as_deref(), of.sent_bytes), (Some("away"), 7));
        begin(30).write(Some((1, "a hook".into()))).unwrap();
        assert_eq!((report().last_try, report().volumes), (30, volumes));
        // Whatever is there instead is no reason to fail.
        std::fs::write(folder.join("x.json"), "{").unwrap();
        begin(40).write(None).unwrap();
        assert_eq!(report().last_success, Some(40));
    }
}
