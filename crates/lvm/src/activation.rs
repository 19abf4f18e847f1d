//! [`Activation`]: a volume that is active for the time of a run.
//!
//! LVM makes snapshots with "activation skipped" by default, so most bases are inactive. Two runs
//! can need the same one: they share a lock on it, and the last of them puts it back as it was.
//!
//! The lock file says which activation is ours, by what no later one has. A volume that somebody
//! deactivated after a run was killed, and activated again, is his: it stays active.

use std::path::Path;
use std::time::SystemTime;

use crate::error::Result;
use crate::instance::{Instance, boot_id};
use crate::lock::{Joined, KeepWaiting, LockFile, pause};
use crate::merge::NoMerge;
use crate::not_activated::not_activated;
use crate::suspension::wait_for_volume;
use crate::{DeviceMapper, LogicalVolume, command};

/// A volume that is active, and inactive again afterwards if a run of ours made it active.
pub struct Activation {
    volume: String,
    uuid: String,
    /// Shared by all runs of ours that need the volume; none where it was active before them.
    lock: Option<LockFile>,
    /// The device that is to go; none where there was none to be seen yet.
    instance: Option<Instance>,
}

impl Activation {
    /// Makes the volume active, if it is not. One that is suspended is waited for.
    ///
    /// # Errors
    /// Where LVM fails to do it, or does not do it and reports success; [`crate::Error::State`] where
    /// that would carry out a merge; where waiting, for another run say, is given up.
    pub fn ensure(
        dm: &DeviceMapper,
        volume: &LogicalVolume,
        keep_waiting: KeepWaiting<'_>,
    ) -> Result<Self> {
        // LVM is asked by name: this refuses where that is another volume's device.
        wait_for_volume(dm, volume, keep_waiting)?;
        let object = format!("{}.active", volume.dm_name);
        let boot = boot_id()?;
        let now = || match dm.device_of(volume)? {
            Some(device) => Instance::now(device.number),
            None => Ok(None),
        };
        let guard = |lock, instance| Self {
            volume: volume.full_name(),
            uuid: volume.uuid.clone(),
            lock,
            instance,
        };
        loop {
            match LockFile::join(&object)? {
                Joined::Alone(lock) => {
                    let instance = now()?;
                    if let Some(instance) = &instance {
                        let record = lock.record()?;
                        let told = lock.last_written()?;
                        if !was_left_by_a_run(&record, told, instance, &boot) {
                            if !record.is_empty() {
                                log::info!(
                                    "{} stays active: it may not have been activated by a run \
                                     that was killed",
                                    volume.full_name()
                                );
                            }
                            lock.remove();
                            return Ok(guard(None, None));
                        }
                    }
                    let mut guard = guard(Some(lock), instance);
                    if guard.begin(volume, &boot, now)? && guard.instance == now()? {
                        return Ok(guard);
                    }
                    // Another run came in between, and may have deactivated it: look again.
                    guard.lock = None;
                }
                Joined::Shared(lock) => {
                    if let Some(instance) = now()?
                        && lock.record()? == activated(&instance)
                    {
                        return Ok(guard(Some(lock), Some(instance)));
                    }
                }
                Joined::Busy => {}
            }
            pause(Path::new(&volume.full_name()), keep_waiting)?;
        }
    }

    /// Activates the volume, records it, and lets other runs share. False where the lock was lost,
    /// or the volume was deactivated at once.
    fn begin(
        &mut self,
        volume: &LogicalVolume,
        boot: &str,
        now: impl Fn() -> Result<Option<Instance>>,
    ) -> Result<bool> {
        let Some(lock) = &self.lock else { return Ok(true) };
        if self.instance.is_none() {
            let volume = NoMerge::of(volume)?;
            // That took a while. What somebody else has activated meanwhile is not ours.
            if now()?.is_some() {
                return Ok(false);
            }
            lock.set_record(&asked(boot))?;
            let done = activate(&volume, lock);
            // Whatever a command that failed has made goes, too.
            self.instance = now()?;
            done?;
            if self.instance.is_none() {
                // Once is enough: LVM would say the same again.
                NoMerge::of(volume.volume())?;
                return Err(not_activated(&self.volume));
            }
        }
        let Some(instance) = &self.instance else { return Ok(false) };
        lock.set_record(&activated(instance))?;
        Ok(lock.share()? && lock.is_current())
    }

    /// Puts the volume back as it was, unless another run of ours still needs it.
    ///
    /// # Errors
    /// None at present. A volume that cannot be deactivated (somebody else has opened it
    /// meanwhile) makes nothing wrong that was read from it: it stays active, and a warning says so.
    pub fn release(self) -> Result<()> {
        Ok(())
    }

    fn undo(&mut self) -> Result<()> {
        let Some(lock) = self.lock.take() else { return Ok(()) };
        if !lock.try_exclusive()? || !lock.is_current() {
            return Ok(()); // the one that shares it will do it
        }
        let done = self.deactivate();
        lock.remove();
        done
    }

    fn deactivate(&self) -> Result<()> {
        let Some(instance) = &self.instance else { return Ok(()) };
        if Instance::now(instance.number())?.as_ref() != Some(instance) {
            return Ok(()); // it is gone, or somebody else has activated it since
        }
        // Another volume may have its name by now.
        let selection = format!("lv_uuid={}", self.uuid);
        // LVM 2.03.16 crashes where it is to report what it does with a selection (seen).
        let form = ["--config", "log { report_command_log=0 }"];
        let arguments = ["-an", "--select", &selection, &self.volume];
        command::run("lvchange", &[&form[..], &arguments].concat()).map(|_| ())
    }
}

impl Drop for Activation {
    fn drop(&mut self) {
        if let Err(error) = self.undo() {
            log::warn!(
                "{} stays active: {error}; `lvchange -an {}` deactivates it",
                self.volume,
                self.volume
            );
        }
    }
}

/// The only place that activates a volume that already exists.
fn activate(volume: &NoMerge<'_>, lock: &LockFile) -> Result<()> {
    let name = volume.volume().full_name();
    // -K: also where activation is skipped by default.
    lock.run("lvchange", &["-ay", "-K", "--select", &volume.selection(), &name])
}

/// The record before LVM is asked, followed by what LVM tells of its steps: a run that is killed leaves
/// the command running, and cannot see any more what it made.
fn asked(boot: &str) -> String {
    format!("activating for the time of a run: boot {boot}\n")
}

fn activated(instance: &Instance) -> String {
    format!("activated for the time of a run: {instance}\n")
}

/// Whether a record that nobody holds speaks of this activation. Where the kernel cannot tell it
/// from another one it counts as somebody's. `told` is when the last was written to the record.
fn was_left_by_a_run(record: &str, told: SystemTime, instance: &Instance, boot: &str) -> bool {
    if record.starts_with(&asked(boot)) {
        return was_made_meanwhile(instance.made(), told);
    }
    instance.is_unique() && record == activated(instance)
}

/// Whether a device is the one that LVM was asked for. LVM tells a last step once that is made, so
/// whatever was made later, by anybody, is another one.
fn was_made_meanwhile(made: Option<SystemTime>, told: SystemTime) -> bool {
    made.is_some_and(|made| made <= told)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::DeviceNumber;

    #[test]
    fn only_the_very_activation_of_the_record_is_taken_over() {
        let instance =
            |sequence| Instance::example(DeviceNumber { major: 254, minor: 5 }, sequence);
        let ours = instance(Some(12));
        let record = activated(&ours);
        let told = SystemTime::now();
        let was_left =
            |record: &str, instance: &Instance| was_left_by_a_run(record, told, instance, "b0");
        assert!(was_left(&record, &ours));
        assert!(!was_left(&record, &instance(Some(13))));
        assert!(!was_left("", &ours));
        let unknown = instance(None);
        assert!(!was_left(&activated(&unknown), &unknown));
        // There is no such device here, so nobody knows when it was made.
        assert!(!was_left(&asked("b0"), &ours));
        assert!(!was_left(&asked("b1"), &ours));
    }

    #[test]
    fn only_what_was_made_before_lvms_last_word_was_asked_for() {
        let told = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let moment = Duration::from_nanos(1);
        assert!(was_made_meanwhile(Some(told), told));
        assert!(was_made_meanwhile(Some(told - moment), told));
        assert!(!was_made_meanwhile(Some(told + moment), told));
        assert!(!was_made_meanwhile(None, told));
    }
}
