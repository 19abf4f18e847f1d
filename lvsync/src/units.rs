//! [`units`]: systemd units that run a job.

/// How a job is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) job: String,
    /// How the program is called: a path.
    pub(crate) program: String,
    /// When it runs, as OnCalendar= takes it.
    pub(crate) calendar: String,
}

/// What holds for the service. LVM needs the devices, the kernel's modules, its archive in /etc and udev's
/// semaphores, and a hook may need anything else: PrivateDevices=, DevicePolicy=, ProtectClock= (which closes the
/// devices), ProtectKernelModules=, PrivateIPC= and a list of capabilities break one or the other.
const HARDENING: &str = "\
NoNewPrivileges=yes
ProtectSystem=full
ReadWritePaths=-/etc/lvm
ProtectHome=read-only
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
UMask=0077
";

/// How a service ends: lvsync is told first, and has time to undo what is temporary. Only then its children are.
const ENDING: &str = "\
KillMode=mixed
TimeoutStopSec=5min
";

/// The units, each below a line that says where it goes.
pub(crate) fn units(settings: &Settings) -> String {
    let Settings { job, program, calendar } = settings;
    // Specifiers begin with a percent sign.
    let program = program.replace('%', "%%");
    let name = format!("lvsync-{job}");
    let description = format!("Description=Copies of the volumes of lvsync's job {job}");
    let documentation = "Documentation=man:lvsync(8)";
    format!(
        "\
# /etc/systemd/system/{name}.service
[Unit]
{description}
{documentation}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart={program} run {job}
StateDirectory=lvsync
{ENDING}Nice=10
{HARDENING}
# /etc/systemd/system/{name}.timer
[Unit]
{description}: when
{documentation}

[Timer]
OnCalendar={calendar}
Persistent=true
RandomizedDelaySec=15min

[Install]
WantedBy=timers.target
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(calendar: &str) -> String {
        let calendar = calendar.into();
        units(&Settings { job: "nightly".into(), program: "/usr/bin/lv%sync".into(), calendar })
    }

    #[test]
    fn a_timer_starts_a_service_of_its_name() {
        let text = of("22:30");
        let files: Vec<_> = text.lines().filter(|line| line.starts_with("# /")).collect();
        assert_eq!(
            files,
            [
                "# /etc/systemd/system/lvsync-nightly.service",
                "# /etc/systemd/system/lvsync-nightly.timer"
            ]
        );
        for line in [
            "Type=oneshot",
            "ExecStart=/usr/bin/lv%%sync run nightly",
            "OnCalendar=22:30",
            "Persistent=true",
            "RandomizedDelaySec=15min",
            "WantedBy=timers.target",
            "NoNewPrivileges=yes",
        ] {
            assert_eq!(text.lines().filter(|other| *other == line).count(), 1, "{line}: {text}");
        }
    }

    #[test]
    fn every_line_is_a_section_or_sets_something() {
        for line in of("daily").lines() {
            let is_setting = line.split_once('=').is_some_and(|(name, _)| {
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
            let is_other = line.is_empty() || line.starts_with('#') || line.starts_with('[');
            assert!(is_setting || is_other, "{line}");
        }
    }
}
