//! [`Target`]: where copies go.

use std::fmt;

use flow::usage;
use replica::SpotKind;

/// Where copies go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// As ssh takes it, `[user@]host`; none for this machine.
    pub(crate) host: Option<String>,
    /// What is there.
    pub(crate) place: Where,
}

/// What copies go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    /// `vg/pool`: each point becomes a volume.
    Pool(String),
    /// A device or an image that is brought from point to point.
    Spot(Offer),
}

/// A device or an image that is offered to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// Which of the two.
    pub(crate) kind: SpotKind,
    /// Its path, of characters that no shell takes apart.
    pub(crate) path: String,
    /// Where what an increment overwrites is kept, of the same characters.
    pub(crate) snapback: Option<String>,
}

impl Target {
    /// Reads `[user@]host:` and a place, or a place of this machine. An IPv6 address stands in brackets. Places are
    /// `vg/pool`, and paths: what begins with `/dev/` is a device, any other an image.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let refused = || {
            usage(format!(
                "{text:?} is not a target: expected [user@]host:vg/pool, [user@]host:/dev/vg/lv or \
                 [user@]host:/path/image, or the same without the host on this machine"
            ))
        };
        let (host, place) = match text.find(":/").filter(|_| !text.starts_with('/')) {
            Some(at) => (Some(&text[..at]), &text[at + 1..]),
            None if text.starts_with('/') => (None, text),
            None => match text.rsplit_once(':') {
                Some((host, pool)) => (Some(host), pool),
                None => (None, text),
            },
        };
        let place = if place.starts_with('/') { spot(place) } else { pool(place) };
        // ssh would take it for an option.
        let is_host = host.is_none_or(|host| {
            let is_sound =
                |byte: u8| byte.is_ascii_graphic() && !b"'\"\\`$;&|<>()*?#~!{}".contains(&byte);
            !host.is_empty() && !host.starts_with('-') && host.bytes().all(is_sound)
        });
        let (Some(place), true) = (place, is_host) else { return Err(refused()) };
        let host = host.map(|host| host.replace(['[', ']'], ""));
        Ok(Self { host, place })
    }
}

impl Where {
    /// The words with which lvsync offers this on another host.
    pub(crate) fn words(&self) -> Vec<String> {
        let words = match self {
            Self::Pool(pool) => vec!["--pool", pool],
            Self::Spot(Offer { kind, path, snapback }) => {
                let option = match kind {
                    SpotKind::Device => "--device",
                    SpotKind::Image => "--image",
                };
                let kept = snapback.iter().flat_map(|path| ["--snapback", path]);
                [option, path].into_iter().chain(kept).collect()
            }
        };
        ["serve"].into_iter().chain(words).map(String::from).collect()
    }
}

/// Whether it is a path of a file that reaches another host as one word, whatever shell there is.
pub(crate) fn is_path(text: &str) -> bool {
    let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || b"_+./@:=-".contains(&byte);
    let has_name = text.rsplit('/').next().is_some_and(|name| !matches!(name, "" | "." | ".."));
    text.starts_with('/') && has_name && text.bytes().all(is_sound)
}

fn spot(path: &str) -> Option<Where> {
    let kind = if path.starts_with("/dev/") { SpotKind::Device } else { SpotKind::Image };
    let offer = Offer { kind, path: path.into(), snapback: None };
    is_path(path).then_some(Where::Spot(offer))
}

fn pool(text: &str) -> Option<Where> {
    let is_name = |name: &str| {
        let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || b"+_.-".contains(&byte);
        !name.is_empty() && !name.starts_with('-') && name.bytes().all(is_sound)
    };
    let (group, pool) = text.split_once('/')?;
    (is_name(group) && is_name(pool)).then(|| Where::Pool(text.into()))
}

impl fmt::Display for Where {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pool(name) | Self::Spot(Offer { path: name, .. }) => formatter.write_str(name),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) => write!(formatter, "{host}:{}", self.place),
            None => write!(formatter, "{}", self.place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<(Option<String>, String)> {
        let target = Target::parse(text).ok()?;
        Some((target.host, target.place.words()[1..].join(" ")))
    }

    fn there(host: &str, words: &str) -> Option<(Option<String>, String)> {
        Some((Some(host.to_owned()), words.to_owned()))
    }

    #[test]
    fn a_target_is_a_pool_here_or_on_a_host() {
        assert_eq!(parse("vg1/pool0"), Some((None, "--pool vg1/pool0".into())));
        assert_eq!(parse("root@b:vg1/pool0"), there("root@b", "--pool vg1/pool0"));
        assert_eq!(parse("root@[fe80::1%eth0]:vg1/p"), there("root@fe80::1%eth0", "--pool vg1/p"));
    }

    #[test]
    fn a_target_is_a_device_or_an_image_here_or_on_a_host() {
        assert_eq!(parse("/dev/vg1/lv"), Some((None, "--device /dev/vg1/lv".into())));
        assert_eq!(parse("/srv/disk.img"), Some((None, "--image /srv/disk.img".into())));
        assert_eq!(parse("/device/x"), Some((None, "--image /device/x".into())));
        assert_eq!(parse("root@b:/dev/vg1/lv"), there("root@b", "--device /dev/vg1/lv"));
        assert_eq!(parse("b:/srv/a:b=c@d"), there("b", "--image /srv/a:b=c@d"));
        assert_eq!(parse("/srv/a:/b"), Some((None, "--image /srv/a:/b".into())));
        assert_eq!(parse("[fe80::1%eth0]:/srv/x"), there("fe80::1%eth0", "--image /srv/x"));
    }

    #[test]
    fn anything_else_is_no_target() {
        for text in [
            "",
            "pool0",
            "b:pool0",
            "b:",
            ":vg1/pool0",
            ":/dev/vg1/lv",
            "b:vg1/",
            "b:/",
            "b:/srv/",
            "b:/srv/..",
            "b:srv/disk/img",
            "-oProxyCommand=x:vg1/p",
            "-oProxyCommand=x:/srv/x",
            "b:vg1/-p",
            "b:vg1/a/b",
            "b;x:vg1/p",
            "b;x:/srv/x",
            "b:vg1/$(x)",
            "b:/srv/$(x)",
            "b:/srv/a b",
            "b:/srv/a;b",
            "b:/srv/a%b",
            "b:/srv/\n",
            "/srv/ä",
            "a b:vg1/p",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_kept_is_a_word_of_its_own() {
        let offer = Offer {
            kind: SpotKind::Device,
            path: "/dev/x".into(),
            snapback: Some("/srv/back".into()),
        };
        let words = Where::Spot(offer).words();
        assert_eq!(words, ["serve", "--device", "/dev/x", "--snapback", "/srv/back"]);
    }
}
