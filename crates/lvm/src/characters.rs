//! [`has_lvm_characters`]: what LVM's names are made of.

/// Whether LVM's names can be made of these characters.
pub(crate) fn has_lvm_characters(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+_.-".contains(&byte);
    !name.is_empty()
        && name.len() <= 127
        && !name.starts_with('-')
        && !matches!(name, "." | "..")
        && name.bytes().all(allowed)
}
