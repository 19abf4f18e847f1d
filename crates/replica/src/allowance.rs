//! [`Allowance`]: what the other side may do with the copies here.

use flow::{Refusal, escaped};

/// What the other side may do with the copies here. Whatever it asks for, the one who serves decides this: by the
/// forced command of its key, for example.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    prefix: String,
    only_adds: bool,
    /// The names of the volumes whose copies are wanted; none for any.
    volumes: Option<Vec<String>>,
}

impl Allowance {
    /// `prefix`: its copies have names that begin like this, and it sees no other ones. So several machines can have
    /// copies of volumes of the same name in one pool, each behind its own key. `only_adds`: nothing that is there is
    /// removed or replaced for it.
    ///
    /// # Errors
    /// [`lvm::Error::Name`] if no volume's name can begin like this.
    pub fn new(prefix: Option<&str>, only_adds: bool) -> Result<Self, lvm::Error> {
        if let Some(prefix) = prefix {
            lvm::check_new_name(prefix, "", &[])?;
        }
        Ok(Self { prefix: prefix.unwrap_or_default().into(), only_adds, volumes: None })
    }

    /// Copies of the volumes of these names, without their group, and no others: for whoever asked for them.
    pub fn of_volumes(volumes: Vec<String>) -> Self {
        Self { volumes: Some(volumes), ..Self::default() }
    }

    /// Must be asked before a copy is made of the volume of this name.
    ///
    /// # Errors
    /// A refusal if nobody asked for it.
    pub fn may_add(&self, volume: &str) -> Result<(), Refusal> {
        match self.volumes.as_ref().is_none_or(|wanted| wanted.iter().any(|name| name == volume)) {
            true => Ok(()),
            false => Err(Refusal::usage(format!("nobody asked for {}", escaped(volume)))),
        }
    }

    /// What a copy of the point of this name is called, without its group.
    pub fn copy_name(&self, point: &str) -> String {
        format!("{}{point}", self.prefix)
    }

    /// Whether the other side may know about the volume of this name, without its group.
    pub fn sees(&self, name: &str) -> bool {
        name.starts_with(&self.prefix)
    }

    /// Must be asked before anything is removed or replaced for the other side: `what`, for the message.
    ///
    /// # Errors
    /// A refusal if it may only add.
    pub fn may_remove(&self, what: &str) -> Result<(), Refusal> {
        match self.only_adds {
            false => Ok(()),
            true => Err(Refusal::unfit(format!(
                "{what} stays as it is: over this connection, copies are added, and none is removed or replaced"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_begin_with_the_prefix_are_seen() {
        let allowance = Allowance::new(Some("a-"), false).unwrap();
        assert_eq!(allowance.copy_name("vol0"), "a-vol0");
        assert!(allowance.sees("a-vol0"));
        for other in ["vol0", "b-vol0", "a", "ba-vol0", "A-vol0"] {
            assert!(!allowance.sees(other), "{other}");
        }
        let anything = Allowance::default();
        assert_eq!(anything.copy_name("vol0"), "vol0");
        assert!(anything.sees("a-vol0") && anything.sees("vol0"));
    }

    #[test]
    fn a_prefix_is_the_beginning_of_a_name() {
        for prefix in ["", "-a", "a/", "a b", "a\n", "..", "snapshot", "ä"] {
            assert!(Allowance::new(Some(prefix), false).is_err(), "{prefix:?}");
        }
    }

    #[test]
    fn only_what_was_asked_for_is_taken() {
        let asked_for = Allowance::of_volumes(vec!["vol0".into(), "vol1".into()]);
        asked_for.may_add("vol1").unwrap();
        for other in ["vol", "vol00", "", "vol2"] {
            asked_for.may_add(other).unwrap_err();
        }
        Allowance::default().may_add("vol2").unwrap();
    }

    #[test]
    fn one_that_only_adds_removes_nothing() {
        Allowance::new(Some("a-"), false).unwrap().may_remove("vg1/x").unwrap();
        Allowance::default().may_remove("vg1/x").unwrap();
        let refused = Allowance::new(None, true).unwrap().may_remove("vg1/x").unwrap_err();
        assert!(refused.to_string().starts_with("vg1/x stays as it is"), "{refused}");
    }
}
