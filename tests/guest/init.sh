# The guest's first process. Its settings stand above this line: shares, out, host, scenario,
# terminal (/dev/ttyS0, or /dev/tty0 for a person), TERM and size (rows and columns, or empty).
# The root is the host's file system, or a folder of it with another release; read-only, so what must
# be writable is a tmpfs.

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/lvm /run/udev /run/lvmconf /run/home /run/out /dev/pts
mount -t devpts devpts /dev/pts
ln -sf /proc/self/fd /dev/fd
echo "$host" > /proc/sys/kernel/hostname

# host_folder FOLDER TARGET [OPTION]: mounts a folder of the host. Where mount and Linux (6.11 and later) both
# know the new way to mount, the folder is an option with a name.
host_folder() {
	mount ${3:-} -t hostfs none "$2" -o "$1" 2> /dev/null ||
		mount ${3:-} -t hostfs none "$2" -o "hostfs=$1"
}

# Folders of the host come before /tmp is covered: they may lie there.
host_folder "$out" /run/out
for share in "${shares[@]}"; do
	mkdir -p "/run/${share%%=*}"
	host_folder "${share#*=}" "/run/${share%%=*}" -r
done
mount -t tmpfs tmpfs /tmp

export PATH=/run/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/run/home TMPDIR=/tmp LC_ALL=C.UTF-8 RUST_BACKTRACE=1 TERM
cd /tmp

modules=/usr/lib/uml/modules/$(uname -r)/kernel/drivers
for module in md/dm-mod md/dm-bufio md/dm-bio-prison md/persistent-data/dm-persistent-data \
	md/dm-thin-pool md/dm-snapshot md/dm-flakey md/dm-dust md/dm-delay \
	block/loop; do
	insmod "$modules/$module.ko" || echo "init: no module $module" > /dev/console
done

# No udev and no daemons: LVM makes the device nodes itself. Memory locked in advance and archives
# of old metadata cost a third of a command's time, and mean nothing here. LVM looks at every node
# in /dev: the 500 legacy terminals go.
rm -f /dev/pty[a-z]? /dev/tty[a-z]?
export DM_DISABLE_UDEV=1 LVM_SYSTEM_DIR=/run/lvmconf LVM_SUPPRESS_FD_WARNINGS=1
cat > /run/lvmconf/lvm.conf <<'CONF'
activation { udev_sync=0 udev_rules=0 monitoring=0 reserved_memory=0 reserved_stack=0 }
devices { use_devicesfile=0 }
backup { archive=0 }
CONF

# Scenarios write to a pipe: a program on a terminal draws progress bars, and some refuse it.
# Whoever is still running when the scenario is done holds the pipe: cat gets two seconds.
if [ "$terminal" = /dev/ttyS0 ]; then
	stty -F "$terminal" raw -echo
	exec < /dev/null > >(exec cat > "$terminal") 2>&1
	cat=$!
	bash "/run/guest/$scenario"
	echo $? > /run/out/status
	exec > /dev/null 2>&1
	for ((i = 0; i < 20; i++)); do
		kill -0 "$cat" || break
		sleep 0.1
	done
else
	[ -z "$size" ] || stty -F "$terminal" rows "${size% *}" cols "${size#* }"
	exec < "$terminal" > "$terminal" 2>&1
	bash "/run/guest/$scenario"
	echo $? > /run/out/status
fi
sync
echo o > /proc/sysrq-trigger
while :; do sleep 1; done
