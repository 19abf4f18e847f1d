//! [`Target`]: where copies go.

use flow::usage;

/// Where copies go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// As ssh takes it, `[user@]host`; none for this machine.
    pub(crate) host: Option<String>,
    /// `vg/pool`.
    pub(crate) pool: String,
}

impl Target {
    /// Reads `[user@]host:vg/pool` or `vg/pool`. An IPv6 address stands in brackets.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let refused = || {
            usage(format!(
                "{text:?} is not a target: expected [user@]host:vg/pool, or vg/pool on this machine"
            ))
        };
        let (host, pool) = match text.rsplit_once(':') {
            Some((host, pool)) => (Some(host), pool),
            None => (None, text),
        };
        let is_name = |name: &str| {
            let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || b"+_.-".contains(&byte);
            !name.is_empty() && !name.starts_with('-') && name.bytes().all(is_sound)
        };
        let is_pool =
            pool.split_once('/').is_some_and(|(group, pool)| is_name(group) && is_name(pool));
        // ssh would take it for an option.
        let is_host = host.is_none_or(|host| {
            let is_sound =
                |byte: u8| byte.is_ascii_graphic() && !b"'\"\\`$;&|<>()*?#~!{}".contains(&byte);
            !host.is_empty() && !host.starts_with('-') && host.bytes().all(is_sound)
        });
        if !is_pool || !is_host {
            return Err(refused());
        }
        let host = host.map(|host| host.replace(['[', ']'], ""));
        Ok(Self { host, pool: pool.into() })
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.host {
            Some(host) => write!(formatter, "{host}:{}", self.pool),
            None => formatter.write_str(&self.pool),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_pool_here_or_on_a_host() {
        let parse = |text: &str| Target::parse(text).ok().map(|target| (target.host, target.pool));
        let there = |host: &str, pool: &str| Some((Some(host.to_owned()), pool.to_owned()));
        assert_eq!(parse("vg1/pool0"), Some((None, "vg1/pool0".into())));
        assert_eq!(parse("root@b:vg1/pool0"), there("root@b", "vg1/pool0"));
        assert_eq!(parse("root@[fe80::1%eth0]:vg1/p"), there("root@fe80::1%eth0", "vg1/p"));
        for text in [
            "",
            "pool0",
            "b:pool0",
            "b:",
            ":vg1/pool0",
            "b:vg1/",
            "b:/pool0",
            "-oProxyCommand=x:vg1/p",
            "b:vg1/-p",
            "b:vg1/a/b",
            "b;x:vg1/p",
            "b:vg1/$(x)",
            "a b:vg1/p",
            "/dev/vg1/pool0",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
