//! [`VolumeName`]: the ways in which a user names a volume, and how it is found.

use std::ops::RangeInclusive;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use crate::characters::has_lvm_characters;
use crate::error::Result;
use crate::nearest::{Nearest, did_you_mean};
use crate::{DeviceNumber, Error, LogicalVolume, SegmentType};

/// A volume's name, as a user gives it: `lv`, `vg/lv`, `/dev/vg/lv`, `/dev/mapper/vg-lv`, or any
/// other path of its device node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeName {
    group: Option<String>,
    volume: String,
}

/// Where a name is looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// In this volume group only.
    group: Option<String>,
    /// In this thin pool only.
    pool: Option<String>,
}

impl Scope {
    /// Reads a volume group's name, and a thin pool's in any form of a volume's name.
    ///
    /// # Errors
    /// [`Error::Name`] where the pool's name cannot be one, or says another group.
    pub fn new(group: Option<&str>, pool: Option<&str>) -> Result<Self> {
        let Some(pool) = pool else {
            return Ok(Self { group: group.map(Into::into), pool: None });
        };
        let name = VolumeName::parse(pool)?;
        if let (Some(named), Some(given)) = (name.group(), group)
            && named != given
        {
            return Err(Error::Name(format!(
                "pool {named}/{} is not in volume group {given}, which was named as well",
                name.volume
            )));
        }
        Ok(Self { group: name.group.or(group.map(Into::into)), pool: Some(name.volume) })
    }

    /// The volume group that it names.
    pub fn group(&self) -> Option<&str> {
        self.group.as_deref()
    }

    /// The one thin pool that it names.
    ///
    /// # Errors
    /// [`Error::NotFound`], with what was found, where it names none or there is none, or more than
    /// one.
    pub fn only_pool<'v>(&self, volumes: &'v [LogicalVolume]) -> Result<&'v LogicalVolume> {
        match self.pools(volumes)?.as_slice() {
            [one] if self.pool.is_some() || self.group.is_some() => {
                check_group(one, volumes)?;
                Ok(one)
            }
            several => Err(several
                .iter()
                .find_map(|pool| check_group(pool, volumes).err())
                .unwrap_or_else(|| {
                    let name = self.pool.as_deref().unwrap_or("of a pool");
                    Error::NotFound(format!(
                        "the name {name} is ambiguous: there {}; name its volume group as well",
                        list("is", several.iter().copied())
                    ))
                })),
        }
    }

    /// The thin pools in it.
    ///
    /// # Errors
    /// [`Error::NotFound`], with what was found, where the group or pool that it names is not there.
    pub fn pools<'v>(&self, volumes: &'v [LogicalVolume]) -> Result<Vec<&'v LogicalVolume>> {
        if let Some(group) = self.group() {
            check_group_exists(group, volumes)?;
        }
        let in_group = |volume: &&LogicalVolume| {
            volume.segment_type == SegmentType::ThinPool
                && self.group().is_none_or(|group| volume.group == group)
        };
        let mut pools: Vec<_> = volumes.iter().filter(in_group).collect();
        if let Some(pool) = &self.pool {
            let names: Vec<_> = pools.iter().map(|pool| pool.full_name()).collect();
            pools.retain(|volume| &volume.name == pool);
            if pools.is_empty() {
                let nearest = Nearest { name: pool, group: self.group(), pool: None };
                let others = nearest.pools(volumes).unwrap_or_else(|| match names.as_slice() {
                    [] => "there are no thin pools".into(),
                    names => format!("the thin pools there: {}", names.join(", ")),
                });
                let place = describe(self.group(), None);
                return Err(Error::NotFound(format!(
                    "there is no thin pool {pool} in {place}; {others}"
                )));
            }
        }
        Ok(pools)
    }
}

impl VolumeName {
    /// Reads a name. Only a path that is none of LVM's makes it look at the file system.
    ///
    /// # Errors
    /// [`Error::Name`] where it cannot be a volume's name.
    pub fn parse(text: &str) -> Result<Self> {
        let name = match text.strip_prefix('/') {
            None => Self::from_relative(text),
            // LVM's own paths say the names; any other path must be a device node's.
            Some(path) => match path.strip_prefix("dev/") {
                Some(path) if path.starts_with("mapper/") => Self::from_dm_name(&path[7..]),
                Some(path) if path.contains('/') && Self::from_relative(path).is_some() => {
                    Self::from_relative(path)
                }
                _ => Self::from_node(text)?,
            },
        };
        name.ok_or_else(|| Error::Name(format!("{text:?} is not the name of a logical volume")))
    }

    /// The volume group, where the name says it.
    pub fn group(&self) -> Option<&str> {
        self.group.as_deref()
    }

    /// The volume's name within its group.
    pub fn volume(&self) -> &str {
        &self.volume
    }

    /// The volumes among which the names are looked up: those of one group, where all names, or the scope, say the same
    /// one; else all.
    ///
    /// # Errors
    /// As [`LogicalVolume::list`].
    pub fn candidates(names: &[&Self], scope: &Scope) -> Result<Vec<LogicalVolume>> {
        let mut groups: Vec<_> = names.iter().map(|name| name.group().or(scope.group())).collect();
        if names.is_empty() {
            groups.push(scope.group());
        }
        groups.dedup();
        let [Some(group)] = groups.as_slice() else { return LogicalVolume::list() };
        LogicalVolume::list_in(group)
    }

    /// Finds the one volume that has this name.
    ///
    /// # Errors
    /// [`Error::NotFound`], with what was found, where there is none or more than one;
    /// [`Error::Name`] where the name contradicts the scope.
    pub fn find<'a>(
        &self,
        volumes: &'a [LogicalVolume],
        scope: &Scope,
    ) -> Result<&'a LogicalVolume> {
        let in_pool = scope.pool.as_deref();
        if let (Some(named), Some(given)) = (self.group(), scope.group())
            && named != given
        {
            return Err(Error::Name(format!(
                "{named}/{} is not in volume group {given}, which was named as well",
                self.volume
            )));
        }
        let group = self.group().or(scope.group());
        let in_scope = |volume: &&LogicalVolume| {
            group.is_none_or(|group| volume.group == group)
                && in_pool.is_none_or(|pool| volume.pool.as_deref() == Some(pool))
        };
        let there: Vec<_> = volumes.iter().filter(in_scope).collect();
        let found: Vec<_> =
            there.iter().filter(|volume| volume.name == self.volume).copied().collect();
        match found.as_slice() {
            [one] => check_group(one, volumes).map(|()| *one),
            [] => {
                let nearest = Nearest { name: &self.volume, group, pool: in_pool };
                let others = match nearest.volumes(volumes) {
                    Some(question) => question,
                    None => {
                        group.map_or(Ok(()), |group| check_group_exists(group, volumes))?;
                        let thin = there.iter().filter(|volume| volume.thin_id.is_some());
                        format!("there {}", list("is", thin.copied()))
                    }
                };
                Err(Error::NotFound(format!(
                    "there is no volume {} in {}; {others}",
                    self.volume,
                    describe(group, in_pool)
                )))
            }
            several => {
                // With another group of the same name, naming the group cannot help.
                several.iter().try_for_each(|volume| check_group(volume, volumes))?;
                Err(Error::NotFound(format!(
                    "the name {} is ambiguous: there {}; name its volume group as well",
                    self.volume,
                    list("is", several.iter().copied())
                )))
            }
        }
    }

    /// `lv` or `vg/lv`.
    fn from_relative(text: &str) -> Option<Self> {
        let (group, volume) = match text.split_once('/') {
            Some((group, volume)) => (Some(group), volume),
            None => (None, text),
        };
        let sound = group.is_none_or(has_lvm_characters) && has_lvm_characters(volume);
        sound.then(|| Self { group: group.map(Into::into), volume: volume.into() })
    }

    /// Device-mapper's form: every hyphen inside a name is doubled, one hyphen parts the two.
    fn from_dm_name(name: &str) -> Option<Self> {
        let bytes = name.as_bytes();
        let mut place = 0;
        while place < bytes.len() {
            match (bytes[place], bytes.get(place + 1)) {
                (b'-', Some(b'-')) => place += 2,
                (b'-', _) => break,
                _ => place += 1,
            }
        }
        let volume = name.get(place + 1..)?;
        if volume.replace("--", "").contains('-') {
            return None; // one of LVM's own, such as vg-pool-tpool
        }
        let (group, volume) = (name[..place].replace("--", "-"), volume.replace("--", "-"));
        let sound = has_lvm_characters(&group) && has_lvm_characters(&volume);
        sound.then_some(Self { group: Some(group), volume })
    }

    /// Any other path of a volume's device node.
    fn from_node(path: &str) -> Result<Option<Self>> {
        let metadata = match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            metadata => metadata.map_err(|error| Error::Io(path.into(), error))?,
        };
        if !metadata.file_type().is_block_device() {
            return Ok(None);
        }
        let name = DeviceNumber::from_rdev(metadata.rdev()).dm_name();
        Ok(name.as_deref().and_then(Self::from_dm_name))
    }
}

/// Refuses a group of which there are no volumes, whether it exists or not.
fn check_group_exists(group: &str, volumes: &[LogicalVolume]) -> Result<()> {
    let mut groups: Vec<_> = volumes.iter().map(|volume| volume.group.as_str()).collect();
    if groups.contains(&group) {
        return Ok(());
    }
    groups.sort_unstable();
    groups.dedup();
    let others = did_you_mean(group, groups.iter().copied());
    let others = others.unwrap_or_else(|| match groups.as_slice() {
        [] => "there are none at all".into(),
        groups => format!("there are some in {}", groups.join(", ")),
    });
    Err(Error::NotFound(format!("there are no logical volumes in volume group {group}; {others}")))
}

/// Refuses a volume whose group shares its name with another one: LVM's commands go by names.
fn check_group(volume: &LogicalVolume, volumes: &[LogicalVolume]) -> Result<()> {
    let group = &volume.group;
    let mut uuids: Vec<_> = volumes.iter().filter(|other| &other.group == group).collect();
    uuids.sort_by(|one, other| one.group_uuid.cmp(&other.group_uuid));
    uuids.dedup_by(|one, other| one.group_uuid == other.group_uuid);
    if uuids.len() < 2 {
        return Ok(());
    }
    let with_one =
        |volume: &&LogicalVolume| format!("{} (with {})", volume.group_uuid, volume.name);
    let uuids = uuids.iter().map(with_one).collect::<Vec<_>>().join(", ");
    Err(Error::NotFound(format!(
        "there is more than one volume group {group}, with the UUIDs {uuids}: LVM's commands cannot \
         tell them apart; `vgrename UUID NEW` gives one of them another name"
    )))
}

/// The name of a temporary volume in a group, and how many of its letters say so; the tag says it as
/// well.
const TEMPORARY: &str = "lvdiff_tmp_";
/// The same where the group's name leaves little room.
const SHORT: &str = "lvd";

/// Draws a name for a temporary volume in this group, which fits beside the group's name: of that LVM
/// and device-mapper leave 7 letters at least, where there can be a thin pool.
pub(crate) fn temporary_name(group: &str) -> String {
    let drawn = format!("{:016x}", rand::random::<u64>());
    let fits = |name: &str| check_length(name, group);
    let lengths = (4..=drawn.len()).rev();
    let names = lengths.map(|length| format!("{TEMPORARY}{}", &drawn[..length]));
    let short = format!("{SHORT}{}", &drawn[..4]);
    names.into_iter().find(|name| fits(name)).unwrap_or(short)
}

/// What the names of temporary volumes can begin with.
pub(crate) const TEMPORARY_BEGINNINGS: [&str; 2] = [TEMPORARY, SHORT];

/// Whether [`temporary_name`] could have drawn this name. No other volume gets such a one, for it would
/// be taken for a leftover if it had the tag.
pub(crate) fn is_temporary_name(name: &str) -> bool {
    let is_drawn = |rest: &str, lengths: RangeInclusive<usize>| {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        lengths.contains(&rest.len()) && rest.bytes().all(is_digit)
    };
    name.strip_prefix(TEMPORARY).is_some_and(|rest| is_drawn(rest, 4..=16))
        || name.strip_prefix(SHORT).is_some_and(|rest| is_drawn(rest, 4..=4))
}

/// Whether a name fits beside the group's: what LVM 2.03 makes of it, and the limit of device-mapper's
/// names.
fn check_length(name: &str, group: &str) -> bool {
    let doubled = name.matches('-').count() + group.matches('-').count();
    let both = name.len() + group.len();
    both <= 124 && both + doubled < 127
}

/// Says why `name` cannot be the name of a new volume in a group whose volumes are `volumes`.
///
/// # Errors
/// [`Error::Name`] where LVM's rules forbid it (lvm(8), VALID NAMES), or where it is taken.
pub fn check_new_name(name: &str, group: &str, volumes: &[LogicalVolume]) -> Result<()> {
    const RESERVED_BEGINNINGS: [&str; 2] = ["snapshot", "pvmove"];
    const RESERVED_PARTS: [&str; 14] = [
        "_cdata", "_cmeta", "_corig", "_cpool", "_cvol", "_imeta", "_iorig", "_mimage", "_mlog",
        "_pmspare", "_rimage", "_rmeta", "_tdata", "_tmeta",
    ];
    const RESERVED_VDO: [&str; 3] = ["_vdata", "_vorigin", "_wcorig"];
    let refused =
        |why: String| Err(Error::Name(format!("{name:?} cannot be a volume's name: {why}")));
    if !has_lvm_characters(name) {
        return refused(
            "a name consists of letters, digits and + _ . -, and does not begin with \
             a hyphen"
                .into(),
        );
    }
    if !check_length(name, group) {
        return refused("it is too long".into());
    }
    if let Some(word) = RESERVED_BEGINNINGS.iter().find(|word| name.starts_with(**word)) {
        return refused(format!("LVM reserves names that begin with {word}"));
    }
    if let Some(word) =
        RESERVED_PARTS.iter().chain(&RESERVED_VDO).find(|word| name.contains(**word))
    {
        return refused(format!("LVM reserves names with {word} in them"));
    }
    if is_temporary_name(name) {
        return refused("such names are reserved for incomplete volumes".into());
    }
    if volumes.iter().any(|volume| volume.group == group && volume.name == name) {
        return Err(Error::Name(format!(
            "{group}/{name} already exists; choose another name for the new volume, or remove \
             that one"
        )));
    }
    Ok(())
}

/// Device-mapper's name of a volume.
pub(crate) fn dm_name(group: &str, volume: &str) -> String {
    format!("{}-{}", group.replace('-', "--"), volume.replace('-', "--"))
}

fn describe(group: Option<&str>, pool: Option<&str>) -> String {
    let group = group.map_or("any volume group".into(), |group| format!("volume group {group}"));
    match pool {
        Some(pool) => format!("pool {pool} of {group}"),
        None => group,
    }
}

fn list<'a>(verb: &str, volumes: impl Iterator<Item = &'a LogicalVolume>) -> String {
    const MOST: usize = 20;
    let names: Vec<_> = volumes.map(LogicalVolume::full_name).collect();
    match names.len() {
        0 => "are no thin volumes".into(),
        1 => format!("{verb} {}", names[0]),
        count if count <= MOST => format!("are {}", names.join(", ")),
        count => format!("are {} and {} more", names[..MOST].join(", "), count - MOST),
    }
}

/// A thin volume, for tests.
#[cfg(test)]
pub(crate) fn example(group: &str, name: &str, pool: &str) -> LogicalVolume {
    LogicalVolume {
        group: group.into(),
        group_uuid: format!("uuid-of-{group}"),
        name: name.into(),
        uuid: format!("{group}-{name}"),
        size: 0,
        extent_size: 0,
        segment_type: SegmentType::Thin,
        pool: Some(pool.into()),
        pool_uuid: Some(format!("{group}-{pool}")),
        thin_id: Some(1),
        chunk_size: 0,
        dm_name: String::new(),
        tags: vec![],
        origin: None,
        origin_uuid: None,
        created: None,
        autoactivation: None,
        disk_count: None,
    }
}

#[cfg(test)]
mod tests {
    use super::example as volume;
    use super::*;

    #[test]
    fn every_form_of_a_name() {
        for (text, group, name) in [
            ("vol0", None, "vol0"),
            ("vm-100-disk-0", None, "vm-100-disk-0"),
            ("vg-a/vm-100-disk-0", Some("vg-a"), "vm-100-disk-0"),
            ("/dev/vg-a/vm-100-disk-0", Some("vg-a"), "vm-100-disk-0"),
            ("/dev/mapper/vg--a-vm--100--disk--0", Some("vg-a"), "vm-100-disk-0"),
            ("/dev/mapper/vg0-vol0", Some("vg0"), "vol0"),
        ] {
            let parsed = VolumeName::parse(text).unwrap();
            assert_eq!((parsed.group(), parsed.volume()), (group, name), "{text}");
        }
    }

    #[test]
    fn device_mappers_names_are_read_as_they_are_made() {
        let name = dm_name("vg-a", "vm-1");
        assert_eq!(name, "vg--a-vm--1");
        let parsed = VolumeName::from_dm_name(&name).unwrap();
        assert_eq!((parsed.group(), parsed.volume()), (Some("vg-a"), "vm-1"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "--foo",
            "-l",
            "a/b/c",
            "vg/",
            "/lv",
            "../x",
            ".",
            "a b",
            "vg0/--foo",
            "/dev/mapper/vg0",
            "/dev/mapper/vg0-pool0-tpool",
            "/dev/null",
            "/tmp",
            "vol\n",
        ] {
            assert!(VolumeName::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_found_in_its_scope() {
        let volumes =
            [volume("vg0", "a", "p0"), volume("vg1", "a", "p0"), volume("vg1", "b", "p1")];
        let find = |name: &str, scope: Scope| {
            VolumeName::parse(name).unwrap().find(&volumes, &scope).map(LogicalVolume::full_name)
        };
        let in_group = |group| Scope::new(Some(group), None).unwrap();
        assert_eq!(find("b", Scope::default()).unwrap(), "vg1/b");
        assert_eq!(find("a", in_group("vg0")).unwrap(), "vg0/a");
        assert_eq!(find("vg1/a", Scope::default()).unwrap(), "vg1/a");
        let error = find("a", Scope::default()).unwrap_err().to_string();
        assert!(error.contains("ambiguous") && error.contains("vg0/a, vg1/a"), "{error}");
        let error = find("xyz", in_group("vg1")).unwrap_err().to_string();
        assert!(error.contains("no volume xyz") && error.contains("vg1/a, vg1/b"), "{error}");
        let error = find("vg1/bb", Scope::default()).unwrap_err().to_string();
        assert_eq!(error, "there is no volume bb in volume group vg1; did you mean vg1/b?");
        let error = find("vg2/xyz", Scope::default()).unwrap_err().to_string();
        let no_group = "there are no logical volumes in volume group vg2";
        assert_eq!(error, format!("{no_group}; did you mean vg0 or vg1?"));
        let error = find("data/xyz", Scope::default()).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{}; there are some in vg0, vg1", no_group.replace("vg2", "data"))
        );
        assert!(find("b", Scope::new(None, Some("p0")).unwrap()).is_err());
        assert!(find("vg1/b", in_group("vg0")).is_err());
    }

    #[test]
    fn a_scope_has_its_pools() {
        let pool = |group: &str, name: &str| LogicalVolume {
            segment_type: SegmentType::ThinPool,
            pool: None,
            thin_id: None,
            ..volume(group, name, "")
        };
        let volumes =
            [pool("vg0", "p"), volume("vg0", "v", "p"), pool("vg1", "p"), pool("vg1", "q")];
        let pools = |group, pool| {
            let pools = Scope::new(group, pool)?.pools(&volumes)?;
            Ok::<_, Error>(pools.into_iter().map(LogicalVolume::full_name).collect::<Vec<_>>())
        };
        assert_eq!(pools(None, None).unwrap(), ["vg0/p", "vg1/p", "vg1/q"]);
        assert_eq!(pools(Some("vg1"), None).unwrap(), ["vg1/p", "vg1/q"]);
        assert_eq!(pools(None, Some("p")).unwrap(), ["vg0/p", "vg1/p"]);
        assert_eq!(pools(Some("vg1"), Some("q")).unwrap(), ["vg1/q"]);
        let error = pools(Some("vg0"), Some("v")).unwrap_err().to_string();
        assert!(error.contains("no thin pool v") && error.contains("vg0/p"), "{error}");
        let error = pools(Some("vg2"), None).unwrap_err().to_string();
        assert!(error.contains("vg2") && error.contains("vg0 or vg1?"), "{error}");
        let error = pools(Some("vg1"), Some("qq")).unwrap_err().to_string();
        assert_eq!(error, "there is no thin pool qq in volume group vg1; did you mean vg1/q?");
    }

    #[test]
    fn a_pool_can_say_its_group() {
        let scope = |group, pool| Scope::new(group, Some(pool));
        for pool in ["vg1/p", "/dev/vg1/p", "/dev/mapper/vg1-p"] {
            assert_eq!(scope(None, pool).unwrap(), scope(Some("vg1"), "p").unwrap(), "{pool}");
        }
        let error = scope(Some("vg0"), "vg1/p").unwrap_err().to_string();
        assert!(error.contains("vg1/p") && error.contains("vg0"), "{error}");
        assert!(scope(None, "a b").is_err());
        let volumes = [volume("vg0", "v", "p"), volume("vg1", "v", "p")];
        let find = |name: &str, pool| {
            let found = VolumeName::parse(name)?.find(&volumes, &scope(None, pool)?);
            found.map(LogicalVolume::full_name)
        };
        assert_eq!(find("v", "vg1/p").unwrap(), "vg1/v");
        assert!(find("vg0/v", "vg1/p").unwrap_err().to_string().contains("vg1, which"));
    }

    #[test]
    fn two_groups_of_one_name_are_told_apart_by_their_uuids() {
        let other = |name: &str| LogicalVolume {
            group_uuid: "uuid-of-another".into(),
            uuid: "x".into(),
            ..volume("vg0", name, "p")
        };
        let volumes = [volume("vg0", "a", "p"), other("b"), volume("vg1", "a", "p")];
        let find = |name: &str| {
            let name = VolumeName::parse(name).unwrap();
            name.find(&volumes, &Scope::default()).map(LogicalVolume::full_name)
        };
        assert_eq!(find("vg1/a").unwrap(), "vg1/a");
        for name in ["vg0/a", "b", "a"] {
            let error = find(name).unwrap_err().to_string();
            let both = "uuid-of-another (with b), uuid-of-vg0 (with a)";
            assert!(error.contains(both), "{error}");
            assert!(error.contains("vgrename UUID NEW") && !error.contains("as well"), "{error}");
        }
    }

    #[test]
    fn temporary_names_fit_beside_every_group() {
        for (length, expected) in [(3, 27), (97, 27), (98, 26), (109, 15), (110, 7), (117, 7)] {
            let group = "g".repeat(length);
            let name = temporary_name(&group);
            assert_eq!(name.len(), expected, "{length}");
            assert!(has_lvm_characters(&name) && check_length(&name, &group), "{name}");
            assert!(TEMPORARY_BEGINNINGS.iter().any(|begin| name.starts_with(begin)), "{name}");
            assert!(is_temporary_name(&name), "{name}");
            assert!(check_new_name(&name, &group, &[]).is_err(), "{name}");
        }
        assert_eq!(temporary_name(&"a-".repeat(50)).len(), 7);
    }

    #[test]
    fn only_what_can_be_drawn_is_a_temporary_name() {
        for name in ["lvd12af", "lvdbeef", "lvdiff_tmp_0123", "lvdiff_tmp_0123456789abcdef"] {
            assert!(is_temporary_name(name), "{name}");
        }
        let more = ["lvdata", "lvdb", "lvdocker", "lvd12afx", "lvd12AF", "lvdiff_tmp_x123", "lvd"];
        for name in more.into_iter().chain(["lvdiff_tmp_", "lvdiff_tmp_0123456789abcdef0", "vol"]) {
            assert!(!is_temporary_name(name), "{name}");
        }
    }

    #[test]
    fn new_names_follow_lvms_rules() {
        let volumes = [volume("vg0", "taken", "p")];
        assert!(check_new_name("vol0.2026-11-21+x_y", "vg0", &volumes).is_ok());
        assert!(check_new_name("taken", "vg1", &volumes).is_ok());
        let long = "x".repeat(200);
        for name in [
            "taken",
            "",
            "--foo",
            "../x",
            "a/b",
            "a b",
            "pool_tdata",
            "pvmove0",
            "snapshot1",
            &long,
        ] {
            assert!(check_new_name(name, "vg0", &volumes).is_err(), "{name}");
        }
    }
}
