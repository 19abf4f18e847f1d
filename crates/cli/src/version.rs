//! [`version`]: what `--version` says.

use std::sync::LazyLock;

/// The version of the programs, and the one of the streams that they read and write: two hosts
/// understand each other if the latter is the same.
pub fn version() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let stream = String::from_utf8_lossy(hyperlayer::MAGIC.trim_ascii_end());
        format!("{} ({stream})", env!("CARGO_PKG_VERSION"))
    });
    &TEXT
}
