//! [`DeviceMapper`]: tables, status and messages of devices.

use std::fs::{File, OpenOptions};
use std::io;

use nix::errno::Errno;
use zerocopy::{FromBytes, IntoBytes};

use crate::error::Result;
use crate::ioctl::{self, DmIoctl, HEADER_BYTES, Request};
use crate::name::dm_name;
use crate::{DeviceNumber, DeviceStatus, Error, LogicalVolume, whose};

const CONTROL: &str = "/dev/mapper/control";

/// The kernel's device-mapper, through its control device.
pub struct DeviceMapper {
    control: File,
}

/// One line of a table or of a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) kind: String,
    pub(crate) text: String,
}

// Flags of struct dm_ioctl.
const READ_ONLY: u32 = 1 << 0;
const STATUS_TABLE: u32 = 1 << 4;
const BUFFER_FULL: u32 = 1 << 8;

impl DeviceMapper {
    /// Opens the control device.
    ///
    /// # Errors
    /// Where this is not root, or the kernel has no device-mapper.
    pub fn open() -> Result<Self> {
        match OpenOptions::new().read(true).write(true).open(CONTROL) {
            Ok(control) => Ok(Self { control }),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(Error::NeedsRoot("device-mapper".into()))
            }
            Err(error) => {
                Err(Error::Io(format!("{CONTROL} cannot be opened (module dm-mod loaded?)"), error))
            }
        }
    }

    /// The volume's own device; `None` where there is none: an inactive volume has no device.
    ///
    /// # Errors
    /// [`Error::State`] where another volume's device has its name; [`Error::Dm`].
    pub fn device_of(&self, volume: &LogicalVolume) -> Result<Option<DeviceStatus>> {
        self.layer_of(volume, "")
    }

    /// The same of one of its layers, which LVM calls `-tpool`, `-real`, `-cow` …
    ///
    /// # Errors
    /// As for [`Self::device_of`].
    pub(crate) fn layer_of(
        &self,
        volume: &LogicalVolume,
        layer: &str,
    ) -> Result<Option<DeviceStatus>> {
        let uuid = volume.dm_uuid(layer);
        let name = format!("{}{layer}", volume.dm_name);
        match self.find(Address::Name(&name))? {
            Some(found) if found.uuid == uuid => Ok(Some(found)),
            Some(found) => Err(whose::foreign(&found, volume)),
            // It keeps its name where its group was renamed behind its back.
            None => self.find(Address::Uuid(&uuid)),
        }
    }

    /// Makes sure that LVM's commands can mean the volume by its name: no other volume's device has it,
    /// nor that of its pool.
    ///
    /// # Errors
    /// As for [`Self::device_of`].
    pub fn check_names(&self, volume: &LogicalVolume) -> Result<()> {
        self.devices_of(volume).map(drop)
    }

    /// What is active of a volume: its own device, and its pool's.
    pub(crate) fn devices_of(&self, volume: &LogicalVolume) -> Result<Vec<DeviceStatus>> {
        let mut devices = Vec::from_iter(self.device_of(volume)?);
        if let (Some(name), Some(uuid)) = (&volume.pool, &volume.pool_uuid) {
            let dm_name = dm_name(&volume.group, name);
            let (name, uuid) = (name.clone(), uuid.clone());
            let pool = LogicalVolume { name, uuid, dm_name, ..volume.clone() };
            devices.extend(self.layer_of(&pool, "-tpool")?);
        }
        Ok(devices)
    }

    /// Makes sure that no device has the name that a new volume's would have: a disk that was pulled can
    /// have left one.
    ///
    /// # Errors
    /// [`Error::State`] where one has; [`Error::Dm`].
    pub fn check_free(&self, group: &str, volume: &str) -> Result<()> {
        match self.find(Address::Name(&dm_name(group, volume)))? {
            None => Ok(()),
            Some(found) => Err(Error::State(format!(
                "device {} already exists (UUID {:?}), but LVM lists no volume {group}/{volume}: \
                 its disk may be gone. If nothing needs the device, `dmsetup remove {}` removes \
                 it; otherwise choose another name for the new volume",
                found.name, found.uuid, found.name
            ))),
        }
    }

    fn find(&self, address: Address<'_>) -> Result<Option<DeviceStatus>> {
        let answer = self.call(Request::DevStatus, "find", address, 0, &[]);
        match answer {
            Ok(answer) => device_status(&answer).map(Some),
            Err(Error::Dm { source, .. }) if is(&source, Errno::ENXIO) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The device that has the name of a volume; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Dm`].
    pub(crate) fn device_named(&self, volume: &LogicalVolume) -> Result<Option<DeviceStatus>> {
        self.find(Address::Name(&volume.dm_name))
    }

    /// The device of that number.
    ///
    /// # Errors
    /// [`Error::Dm`], also where there is none.
    pub fn device_by_number(&self, number: DeviceNumber) -> Result<DeviceStatus> {
        let answer = self.call(Request::DevStatus, "find", Address::Number(number), 0, &[])?;
        device_status(&answer)
    }

    /// The only line of the device's table, which must be of the target type `kind`.
    pub(crate) fn table(&self, device: &DeviceStatus, kind: &'static str) -> Result<String> {
        self.only_target(device.address(), kind, "read the table of", STATUS_TABLE)
    }

    /// The only line of the device's table; `None` where its targets are not one of type `kind`.
    pub(crate) fn table_of_kind(
        &self,
        device: &DeviceStatus,
        kind: &str,
    ) -> Result<Option<String>> {
        let targets = self.targets(device.address(), "read the table of", STATUS_TABLE)?;
        Ok(match targets.as_slice() {
            [target] if target.kind == kind => Some(target.text.clone()),
            _ => None,
        })
    }

    /// The only line of the device's status, which must be of the target type `kind`.
    pub(crate) fn status(&self, device: Address<'_>, kind: &'static str) -> Result<String> {
        self.only_target(device, kind, "read the status of", 0)
    }

    /// Sends a message to the device's target.
    pub(crate) fn message(&self, device: Address<'_>, message: &str) -> Result<()> {
        // struct dm_target_msg: the sector it goes to, then the text and its NUL.
        let mut data = 0_u64.to_le_bytes().to_vec();
        data.extend_from_slice(message.as_bytes());
        data.push(0);
        self.call(Request::TargetMsg, "send a message to", device, 0, &data)?;
        Ok(())
    }

    fn only_target(
        &self,
        device: Address<'_>,
        kind: &'static str,
        action: &'static str,
        flags: u32,
    ) -> Result<String> {
        let targets = self.targets(device, action, flags)?;
        match targets.as_slice() {
            [target] if target.kind == kind => Ok(target.text.clone()),
            _ => {
                let kinds: Vec<_> = targets.iter().map(|target| target.kind.as_str()).collect();
                Err(Error::State(format!(
                    "device {device} has the targets [{}], expected one of type {kind}",
                    kinds.join(", ")
                )))
            }
        }
    }

    fn targets(
        &self,
        device: Address<'_>,
        action: &'static str,
        flags: u32,
    ) -> Result<Vec<Target>> {
        let answer = self.call(Request::TableStatus, action, device, flags, &[])?;
        targets(&answer)
    }

    /// One ioctl, with a buffer that grows until the answer fits.
    fn call(
        &self,
        request: Request,
        action: &'static str,
        address: Address<'_>,
        flags: u32,
        data: &[u8],
    ) -> Result<Vec<u64>> {
        let mut words = (HEADER_BYTES + data.len()).next_multiple_of(4096) / size_of::<u64>();
        loop {
            let mut buffer = vec![0_u64; words];
            let size = size_of_val(buffer.as_slice());
            let bytes = buffer.as_mut_bytes();
            let mut header =
                DmIoctl::read_from_bytes(&[0; HEADER_BYTES]).expect("the size is right");
            header.version = [4, 0, 0];
            header.data_size = u32::try_from(size).expect("the buffer stays below 16 MiB");
            header.data_start = HEADER_BYTES as u32;
            header.flags = flags;
            match address {
                // One byte stays 0, as the end.
                Address::Name(name) if name.len() < header.name.len() => {
                    header.name[..name.len()].copy_from_slice(name.as_bytes());
                }
                Address::Name(name) => {
                    return Err(Error::Name(format!("{name} is too long for a device name")));
                }
                Address::Uuid(uuid) | Address::Device { uuid, .. }
                    if !uuid.is_empty() && uuid.len() < header.uuid.len() =>
                {
                    header.uuid[..uuid.len()].copy_from_slice(uuid.as_bytes());
                }
                Address::Device { number, .. } | Address::Number(number) => {
                    header.dev = number.encoded();
                }
                Address::Uuid(uuid) => {
                    let found = uuid.into();
                    return Err(Error::Parse { what: "a device's UUID", found });
                }
            }
            bytes[..HEADER_BYTES].copy_from_slice(header.as_bytes());
            bytes[HEADER_BYTES..HEADER_BYTES + data.len()].copy_from_slice(data);
            ioctl::call(&self.control, request, &mut buffer).map_err(|source| Error::Dm {
                action,
                device: address.to_string(),
                source,
            })?;
            if header_of(&buffer).flags & BUFFER_FULL == 0 {
                return Ok(buffer);
            }
            words *= 4;
            if words > 1 << 20 {
                let found = format!("more than {size} bytes");
                return Err(Error::Parse { what: "device-mapper's answer", found });
            }
        }
    }
}

/// How a device is meant.
#[derive(Clone, Copy)]
pub(crate) enum Address<'a> {
    Name(&'a str),
    Uuid(&'a str),
    Number(DeviceNumber),
    /// One that was found: by its UUID, or by its number if it has none. Its name is for messages.
    Device {
        name: &'a str,
        uuid: &'a str,
        number: DeviceNumber,
    },
}

impl DeviceStatus {
    pub(crate) fn address(&self) -> Address<'_> {
        Address::Device { name: &self.name, uuid: &self.uuid, number: self.number }
    }
}

impl std::fmt::Display for Address<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) | Self::Device { name, .. } => formatter.write_str(name),
            Self::Uuid(uuid) => write!(formatter, "the device with the UUID {uuid}"),
            Self::Number(number) => write!(formatter, "device {number}"),
        }
    }
}

fn header_of(answer: &[u64]) -> DmIoctl {
    DmIoctl::read_from_prefix(answer.as_bytes()).expect("every buffer begins with a header").0
}

fn device_status(answer: &[u64]) -> Result<DeviceStatus> {
    let header = header_of(answer);
    Ok(DeviceStatus {
        name: text(&header.name)?,
        uuid: text(&header.uuid)?,
        number: DeviceNumber::decoded(header.dev),
        open_count: header.open_count,
        read_only: header.flags & READ_ONLY != 0,
        events: header.event_nr,
    })
}

/// The lines of an answer: struct dm_target_spec (40 bytes: u64 start, u64 length, i32 status,
/// u32 next, char type[16]) and a text each; `next` counts from the beginning of the data.
fn targets(answer: &[u64]) -> Result<Vec<Target>> {
    let header = header_of(answer);
    let not_understood =
        || Error::Parse { what: "device-mapper's answer", found: "a target outside of it".into() };
    let data = answer.as_bytes().get(header.data_start as usize..).ok_or_else(not_understood)?;
    let mut targets = Vec::new();
    let mut begin = 0;
    for _ in 0..header.target_count {
        let spec = data.get(begin..begin + 40).ok_or_else(not_understood)?;
        let rest = &data[begin + 40..];
        targets.push(Target { kind: text(&spec[24..40])?, text: text(rest)? });
        let next = spec[20..24].first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        begin = next.ok_or_else(not_understood)? as usize;
    }
    Ok(targets)
}

fn text(bytes: &[u8]) -> Result<String> {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8(bytes[..end].to_vec()).map_err(|_| Error::Parse {
        what: "a string from device-mapper",
        found: bytes[..end].escape_ascii().to_string(),
    })
}

pub(crate) fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(specs: &[(&str, &str)]) -> Vec<u64> {
        let mut bytes = vec![0; HEADER_BYTES];
        let mut data = Vec::new();
        for (kind, line) in specs {
            let mut spec = [0; 40];
            spec[24..24 + kind.len()].copy_from_slice(kind.as_bytes());
            let next = (data.len() + 40 + line.len() + 1).next_multiple_of(8);
            spec[20..24].copy_from_slice(&(next as u32).to_le_bytes());
            data.extend_from_slice(&spec);
            data.extend_from_slice(line.as_bytes());
            data.resize(next, 0);
        }
        bytes[16..20].copy_from_slice(&(HEADER_BYTES as u32).to_le_bytes());
        bytes[20..24].copy_from_slice(&(specs.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes.chunks(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap())).collect()
    }

    #[test]
    fn every_line_of_a_table_is_read() {
        let answer = answer(&[("thin", "254:2 1"), ("linear", "8:0 2048")]);
        let lines: Vec<_> = targets(&answer).unwrap();
        assert_eq!(lines[0], Target { kind: "thin".into(), text: "254:2 1".into() });
        assert_eq!(lines[1], Target { kind: "linear".into(), text: "8:0 2048".into() });
    }

    #[test]
    fn a_target_outside_the_answer_is_an_error() {
        let mut answer = answer(&[("thin", "254:2 1"), ("thin", "254:2 2")]);
        let first_spec = &mut answer.as_mut_bytes()[HEADER_BYTES..];
        first_spec[20..24].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(targets(&answer).is_err());
    }
}
