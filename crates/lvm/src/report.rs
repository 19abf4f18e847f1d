//! [`LogicalVolume`]: what `lvs` says of one.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;

use crate::characters::has_lvm_characters;
use crate::error::Result;
use crate::{DeviceNumber, Error, SegmentType, command, owner};

/// A logical volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogicalVolume {
    /// The volume group's name, which another group can have, too.
    pub group: String,
    /// The volume group's UUID, as LVM prints it.
    pub group_uuid: String,
    /// Its name.
    pub name: String,
    /// Its UUID, as LVM prints it.
    pub uuid: String,
    /// Its size, in bytes; a classic snapshot's is that of its origin, not that of its COW device.
    pub size: u64,
    /// The unit of sizes in its volume group, in bytes.
    pub extent_size: u64,
    /// Its segment type.
    pub segment_type: SegmentType,
    /// The name of its thin pool, where it is a thin volume.
    pub pool: Option<String>,
    /// The UUID of its thin pool.
    pub pool_uuid: Option<String>,
    /// Its thin id, where it is a thin volume.
    pub thin_id: Option<u32>,
    /// The chunk size in bytes, where it is a thin pool; 0 elsewhere.
    pub chunk_size: u64,
    /// Device-mapper's name of it.
    pub dm_name: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// The name of the volume that it is a snapshot of, while that is there.
    pub origin: Option<String>,
    /// The UUID of that.
    pub origin_uuid: Option<String>,
    /// When it was made, in seconds since 1970-01-01 00:00 UTC, where LVM knows.
    pub created: Option<u64>,
    /// Whether LVM activates it by itself, when its group's disks appear; LVM knows since 2.03.12.
    pub autoactivation: Option<bool>,
    /// How many disks its volume group has, missing ones included, where LVM said so.
    pub disk_count: Option<usize>,
}

const FIELDS: &str = "vg_extent_size,vg_name,lv_name,lv_uuid,lv_size,segtype,pool_lv,thin_id,\
                      chunk_size,lv_dm_path,lv_tags,origin,lv_time,lv_attr,origin_size,\
                      vg_uuid,pool_lv_uuid,origin_uuid,pv_count";

/// What LVM before 2.03.12 does not know.
const NEWER_FIELDS: &str = "lv_autoactivation";

/// Whether this LVM knows those, as far as was seen.
static KNOWS_NEWER_FIELDS: AtomicBool = AtomicBool::new(true);

/// One row of the report, all text.
#[derive(Deserialize)]
struct Row {
    vg_extent_size: String,
    vg_name: String,
    lv_name: String,
    lv_uuid: String,
    lv_size: String,
    segtype: String,
    pool_lv: String,
    thin_id: String,
    chunk_size: String,
    lv_dm_path: String,
    lv_tags: String,
    origin: String,
    lv_time: String,
    lv_attr: String,
    origin_size: String,
    vg_uuid: String,
    pool_lv_uuid: String,
    origin_uuid: String,
    #[serde(default)]
    pv_count: String,
    #[serde(default)]
    lv_autoactivation: String,
}

/// Runs `lvs` with these options.
fn report(options: &[&str]) -> Result<Vec<Row>> {
    if KNOWS_NEWER_FIELDS.load(Ordering::Relaxed) {
        match command::report("lvs", &format!("{FIELDS},{NEWER_FIELDS}"), options) {
            Err(Error::Command { message, .. }) if message.contains("nrecognised field") => {
                KNOWS_NEWER_FIELDS.store(false, Ordering::Relaxed);
            }
            done => return done,
        }
    }
    command::report("lvs", FIELDS, options)
}

/// The same for one group; for all, where that says nothing.
fn report_in(group: &str, options: &[&str]) -> Result<Vec<Row>> {
    if has_lvm_characters(group) {
        match report(&[options, &[group]].concat()) {
            Ok(rows) if !rows.is_empty() => return Ok(rows),
            Ok(_) => {}
            Err(error) => log::debug!("all groups are listed: {error}"),
        }
    }
    report(options)
}

impl LogicalVolume {
    /// All logical volumes that are not LVM's own internal ones.
    ///
    /// # Errors
    /// Where this is not root, LVM is not installed, or `lvs` fails.
    pub fn list() -> Result<Vec<Self>> {
        Self::from_rows(report(&[])?)
    }

    /// The same of one group, which costs a host with many volumes in others much less; all, where that says
    /// nothing: LVM answers for a name that one group has, and for no other.
    ///
    /// # Errors
    /// As for [`Self::list`].
    pub fn list_in(group: &str) -> Result<Vec<Self>> {
        Self::from_rows(report_in(group, &[])?)
    }

    /// The classic snapshots that are being merged into their origins, or will be once these are
    /// activated next: LVM hides them from its lists.
    ///
    /// # Errors
    /// As for [`Self::list`].
    pub fn merging() -> Result<Vec<Self>> {
        Self::merging_of(report(&["-a"])?)
    }

    /// The same of one group, and with them what [`Self::list_in`] lists, at one moment.
    pub(crate) fn list_with_merging(group: &str) -> Result<(Vec<Self>, Vec<Self>)> {
        Self::apart(report_in(group, &["-a"])?)
    }

    /// Those that are being merged, and those that LVM lists without being asked for its own.
    fn apart(rows: Vec<Row>) -> Result<(Vec<Self>, Vec<Self>)> {
        let uuids = |is: &dyn Fn(&Row) -> bool| -> HashSet<String> {
            rows.iter().filter(|row| is(row)).map(|row| row.lv_uuid.clone()).collect()
        };
        let merging = uuids(&|row| row.lv_attr.starts_with('S'));
        let hidden = uuids(&|row| row.lv_name.starts_with('['));
        let all = Self::from_rows(rows)?;
        let of =
            |is: &dyn Fn(&Self) -> bool| all.iter().filter(|volume| is(volume)).cloned().collect();
        Ok((
            of(&|volume| merging.contains(&volume.uuid)),
            of(&|volume| !hidden.contains(&volume.uuid)),
        ))
    }

    fn merging_of(mut rows: Vec<Row>) -> Result<Vec<Self>> {
        // Selected here: LVM 2.03.16 crashes where log/report_command_log meets a selection.
        // lvs(8): the first character of lv_attr is S.
        rows.retain(|row| row.lv_attr.starts_with('S'));
        Self::from_rows(rows)
    }

    /// Parses the report, as `lvs` writes it in JSON; a volume of several segments has several rows, of
    /// which the first counts.
    ///
    /// # Errors
    /// [`Error::Parse`] where it is none.
    pub fn from_json(json: &[u8]) -> Result<Vec<Self>> {
        Self::from_rows(command::rows("lvs", json)?)
    }

    fn from_rows(rows: Vec<Row>) -> Result<Vec<Self>> {
        let mut known = HashSet::new();
        let mut volumes = Vec::new();
        for row in rows {
            let volume = Self::from_row(row)?;
            if known.insert(volume.uuid.clone()) {
                volumes.push(volume);
            }
        }
        Ok(volumes)
    }

    fn from_row(row: Row) -> Result<Self> {
        let number = |text: &str| {
            let text = if text.is_empty() { "0" } else { text };
            text.parse::<u64>()
                .map_err(|_| Error::Parse { what: "a number from `lvs`", found: text.into() })
        };
        let thin_id = match row.thin_id.as_str() {
            "" => None,
            id => Some(
                id.parse()
                    .map_err(|_| Error::Parse { what: "a thin id from `lvs`", found: id.into() })?,
            ),
        };
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        // lvs(8), lv_attr: a snapshot, or one that is being merged. Thin ones have a V.
        let is_snapshot = row.lv_attr.starts_with(['s', 'S']);
        let (size, segment_type) = match is_snapshot {
            true => (number(&row.origin_size)?, SegmentType::Snapshot),
            false => (number(&row.lv_size)?, SegmentType::from(row.segtype.as_str())),
        };
        // LVM puts the names of hidden volumes into brackets.
        let name = row.lv_name.trim_matches(['[', ']']);
        let dm_name = row.lv_dm_path.strip_prefix("/dev/mapper/").unwrap_or(&row.lv_dm_path);
        Ok(Self {
            size,
            extent_size: number(&row.vg_extent_size)?,
            chunk_size: number(&row.chunk_size)?,
            pool: some(row.pool_lv),
            pool_uuid: some(row.pool_lv_uuid),
            thin_id,
            dm_name: dm_name.into(),
            tags: row.lv_tags.split(',').filter(|tag| !tag.is_empty()).map(Into::into).collect(),
            origin: some(row.origin),
            origin_uuid: some(row.origin_uuid),
            created: row.lv_time.parse().ok(),
            // The report says 0 or 1: see `command::report`.
            autoactivation: match row.lv_autoactivation.as_str() {
                "0" => Some(false),
                "1" => Some(true),
                _ => None,
            },
            disk_count: row.pv_count.parse().ok(),
            group: row.vg_name,
            group_uuid: row.vg_uuid,
            name: name.into(),
            uuid: row.lv_uuid,
            segment_type,
        })
    }

    /// Gives the volume these tags, and takes all others from it.
    ///
    /// # Errors
    /// Where LVM fails to do it.
    pub fn change_tags(&mut self, tags: &[String]) -> Result<()> {
        let name = self.full_name();
        let mut arguments = Vec::new();
        for tag in self.tags.iter().filter(|tag| !tags.contains(tag)) {
            arguments.extend(["--deltag", tag]);
        }
        for tag in tags.iter().filter(|tag| !self.tags.contains(tag)) {
            arguments.extend(["--addtag", tag]);
        }
        if !arguments.is_empty() {
            arguments.push(&name);
            command::run("lvchange", &arguments)?;
            self.tags = tags.to_vec();
        }
        Ok(())
    }

    /// True where it is a volume in this thin pool.
    pub fn is_in(&self, pool: &Self) -> bool {
        self.pool_uuid.as_ref() == Some(&pool.uuid)
    }

    /// True where it is a snapshot of that volume.
    pub fn is_snapshot_of(&self, origin: &Self) -> bool {
        self.origin_uuid.as_ref() == Some(&origin.uuid)
    }

    /// True where its own device has this number.
    pub fn is_device(&self, number: DeviceNumber) -> bool {
        number.dm_uuid().is_some_and(|uuid| uuid == self.dm_uuid(""))
    }

    /// Device-mapper's UUID of its device, or of the layer of it that LVM calls so.
    pub(crate) fn dm_uuid(&self, layer: &str) -> String {
        owner::dm_uuid(&self.group_uuid, &self.uuid, layer)
    }

    /// `vg/lv`, as LVM's commands take it.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &[u8] = br#"
  {
      "report": [
          {
              "lv": [
                  {"vg_extent_size":"4194304", "vg_name":"vg-a", "vg_uuid":"VVV", "lv_name":"pool0", "lv_uuid":"AAA", "lv_size":"419430400", "segtype":"thin-pool", "pool_lv":"", "pool_lv_uuid":"", "thin_id":"", "chunk_size":"65536", "lv_dm_path":"/dev/mapper/vg--a-pool0", "lv_tags":"", "origin":"", "origin_uuid":"", "lv_time":"", "lv_attr":"-wi-a-----", "origin_size":""},
                  {"vg_extent_size":"4194304", "vg_name":"vg-a", "vg_uuid":"VVV", "lv_name":"vm-1", "lv_uuid":"BBB", "lv_size":"67108864", "segtype":"thin", "pool_lv":"pool0", "pool_lv_uuid":"AAA", "thin_id":"7", "chunk_size":"0", "lv_dm_path":"/dev/mapper/vg--a-vm--1", "lv_tags":"a,b", "origin":"vm-0", "origin_uuid":"OOO", "lv_time":"1795219200", "lv_attr":"-wi-a-----", "origin_size":"", "lv_autoactivation":"0", "pv_count":"2"},
                  {"vg_extent_size":"4194304", "vg_name":"vg-a", "vg_uuid":"VVV", "lv_name":"two", "lv_uuid":"CCC", "lv_size":"8388608", "segtype":"linear", "pool_lv":"", "pool_lv_uuid":"", "thin_id":"", "chunk_size":"0", "lv_dm_path":"/dev/mapper/vg--a-two", "lv_tags":"", "origin":"", "origin_uuid":"", "lv_time":"", "lv_attr":"-wi-a-----", "origin_size":""},
                  {"vg_extent_size":"4194304", "vg_name":"vg-a", "vg_uuid":"VVV", "lv_name":"two", "lv_uuid":"CCC", "lv_size":"8388608", "segtype":"linear", "pool_lv":"", "pool_lv_uuid":"", "thin_id":"", "chunk_size":"0", "lv_dm_path":"/dev/mapper/vg--a-two", "lv_tags":"", "origin":"", "origin_uuid":"", "lv_time":"", "lv_attr":"-wi-a-----", "origin_size":""}
              ]
          }
      ]
  }"#;

    #[test]
    fn a_report_is_read_and_segments_are_one_volume() {
        let volumes = LogicalVolume::from_json(JSON).unwrap();
        let names: Vec<_> = volumes.iter().map(|volume| volume.name.as_str()).collect();
        assert_eq!(names, ["pool0", "vm-1", "two"]);
        assert_eq!(volumes[0].chunk_size, 65536);
        let thin = &volumes[1];
        assert_eq!((thin.pool.as_deref(), thin.thin_id), (Some("pool0"), Some(7)));
        assert_eq!((thin.dm_name.as_str(), thin.size), ("vg--a-vm--1", 67_108_864));
        assert_eq!(thin.tags, ["a", "b"]);
        assert_eq!((thin.origin.as_deref(), thin.created), (Some("vm-0"), Some(1_795_219_200)));
        assert_eq!((&volumes[2].origin, volumes[2].created), (&None, None));
        let autoactivation = volumes.iter().map(|volume| volume.autoactivation);
        assert_eq!(autoactivation.collect::<Vec<_>>(), [None, Some(false), None]);
        assert_eq!((thin.full_name().as_str(), thin.group_uuid.as_str()), ("vg-a/vm-1", "VVV"));
        assert_eq!((thin.disk_count, volumes[0].disk_count), (Some(2), None));
        assert!(thin.is_in(&volumes[0]) && !volumes[2].is_in(&volumes[0]));
        assert_eq!(thin.origin_uuid.as_deref(), Some("OOO"));
    }

    #[test]
    fn a_classic_snapshot_is_told_by_its_attributes_and_has_its_origins_size() {
        let row = |name: &str, attr: &str| {
            format!(
                r#"{{"vg_name":"vg0", "vg_uuid":"V", "lv_name":"{name}", "lv_uuid":"{name}", "lv_size":"16777216",
                "vg_extent_size":"4194304", "segtype":"linear", "pool_lv":"", "pool_lv_uuid":"", "thin_id":"", "chunk_size":"4096",
                "lv_dm_path":"/dev/mapper/vg0-snap", "lv_tags":"", "origin":"lv", "origin_uuid":"lv", "lv_time":"",
                "lv_attr":"{attr}", "origin_size":"33554432"}}"#
            )
        };
        let (snap, merging, other) =
            (row("snap", "swi-a-s---"), row("[merging]", "Swi-a-s---"), row("cache", "Cwi-a-C---"));
        let json = format!(r#"{{"report":[{{"lv":[{snap},{merging},{other}]}}]}}"#);
        let (hidden, listed) =
            LogicalVolume::apart(command::rows("lvs", json.as_bytes()).unwrap()).unwrap();
        let names = |volumes: &[LogicalVolume]| {
            volumes.iter().map(|volume| volume.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            (names(&hidden), names(&listed)),
            (vec!["merging".into()], vec!["snap".into(), "cache".into()])
        );
        let volumes = LogicalVolume::from_json(json.as_bytes()).unwrap();
        for (volume, name) in volumes.iter().zip(["snap", "merging"]) {
            assert_eq!(
                (volume.name.as_str(), &volume.segment_type),
                (name, &SegmentType::Snapshot)
            );
            assert_eq!((volume.size, volume.origin.as_deref()), (33_554_432, Some("lv")));
        }
        assert_eq!((volumes[2].size, &volumes[2].segment_type), (16_777_216, &SegmentType::Linear));
    }

    #[test]
    fn what_is_no_report_is_an_error() {
        let json = String::from_utf8_lossy(JSON);
        let without = json.replace("vg_uuid", "xx");
        assert!(LogicalVolume::from_json(without.as_bytes()).is_err());
        for text in ["", "{}", r#"{"report":[{"lv":[{}]}]}"#] {
            assert!(LogicalVolume::from_json(text.as_bytes()).is_err(), "{text}");
        }
        let negative = String::from_utf8_lossy(JSON).replace("\"419430400\"", "\"-1\"");
        assert!(LogicalVolume::from_json(negative.as_bytes()).is_err());
    }
}
