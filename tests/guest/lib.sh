# Helpers for scenarios. The first line of a scenario is `source /run/guest/lib.sh`.
#
# The log of a scenario is what a person reads when it fails: commands are shown with `$ ` in front
# and their output below. Where a function takes a COMMAND, it is either words (run lvs -a), or one
# word that is a line of shell, with pipes and redirections (run 'lvdiff sp0 vol0 > test.diff').

set -Eeuo pipefail
trap 'where "$BASH_COMMAND"' ERR

# where WHAT [SKIP]: says what failed, and the lines that led there.
where() {
	local i
	echo "FAILED: $1"
	for ((i = ${2:-1}; i < ${#BASH_SOURCE[@]}; i++)); do
		echo "  at ${BASH_SOURCE[i]##*/} line ${BASH_LINENO[i - 1]}"
	done
}

# say TEXT…: a heading in the log.
say() {
	echo
	echo "== $*"
}

# fail REASON…: ends the scenario.
fail() {
	trap - ERR
	where "$*" 2
	exit 1
}

# show COMMAND…: prints a command as one would type it.
show() {
	if [ $# = 1 ]; then
		printf '$ %s\n' "$1"
	else
		local line
		printf -v line ' %q' "$@"
		printf '$%s\n' "$line"
	fi
}

# plain COMMAND…: runs it; a line of shell runs in a shell of its own.
plain() {
	if [ $# = 1 ]; then
		bash -o pipefail -c "$1"
	else
		"$@"
	fi
}

# run COMMAND…: shows it and runs it; the scenario ends where it fails.
run() {
	expect_exit 0 "$@"
}

# expect_exit N COMMAND…: shows it, runs it, and ends the scenario if its status is not N.
# What it printed is in the log, and stays in $OUTPUT, both streams.
expect_exit() {
	local expected=$1 status=0
	shift
	show "$@"
	plain "$@" < /dev/null > /tmp/.output 2>&1 || status=$?
	OUTPUT=$(tr -d '\0' < /tmp/.output)
	[ -z "$OUTPUT" ] || echo "$OUTPUT"
	[ "$status" = "$expected" ] || fail "exit status $status, expected $expected: $*"
	[ "$status" = 0 ] || echo "(exit status $status, as expected)"
}

# expect_text TEXT: ends the scenario if the output of the last run or expect_exit lacks TEXT.
expect_text() {
	[[ $OUTPUT == *"$1"* ]] || fail "the output lacks: $1"
}

# expect_equal A B WHAT…: ends the scenario if two texts differ.
expect_equal() {
	local a=$1 b=$2
	shift 2
	[ "$a" = "$b" ] || fail "$*: '$a' is not '$b'"
}

# lvresize, lvreduce: LVM from 2.03.17 on looks for a file system before it makes a volume smaller, unless it is
# told not to, in words that LVM before that does not know.
lvresize() {
	command lvresize $(fs_ignore) "$@"
}
lvreduce() {
	command lvreduce $(fs_ignore) "$@"
}
fs_ignore() {
	[[ $(lvm lvreduce --help 2>&1) != *" --fs "* ]] || echo "--fs ignore"
}
export -f lvresize lvreduce fs_ignore

# rows: the rows of a list of extents, each as OFFSET LENGTH KIND: lvdiff -q --list … | rows.
rows() {
	awk 'NR > 1 { print $1, $2, $3 }'
}
export -f rows

# make_vgs [VG_A [VG_B]]: two volume groups, vg0 on /dev/ubda and vg1 on /dev/ubdb.
make_vgs() {
	run vgcreate -y "${1:-vg0}" /dev/ubda
	run vgcreate -y "${2:-vg1}" /dev/ubdb
}

# make_pool VG POOL CHUNK SIZE [OPTION…]: a thin pool, for example make_pool vg0 pool0 64k 1G.
make_pool() {
	local vg=$1 pool=$2 chunk=$3 size=$4
	shift 4
	run lvcreate -y --type thin-pool -n "$pool" -c "$chunk" -L "$size" "$@" "$vg"
}

# sum DEVICE: the sha256 of what is on the device, past the page cache, or in the file.
sum() {
	content "$1" | sha256sum | cut -d ' ' -f 1
}

# content DEVICE: what is on the device, past the page cache, or in the file.
content() {
	if [ -b "$1" ]; then
		dd if="$1" bs=1M iflag=direct status=none
	else
		cat "$1"
	fi
}

# fill DEVICE OFFSET_KIB LENGTH_KIB [SEED]: the same bytes for the same SEED, written and synced.
fill() {
	local device=$1 offset=$2 length=$3 seed=${4:-seed}
	echo "(fill $device at $offset KiB, $length KiB, seed $seed)"
	{ yes "$seed $offset and some more text, so that a block is no run of one short line" || :; } |
		write_at "$device" "$offset" "$length"
}

# zero DEVICE OFFSET_KIB LENGTH_KIB: writes zeros, which keeps the chunks mapped.
zero() {
	echo "(zeros on $1 at $2 KiB, $3 KiB)"
	write_at "$1" "$2" "$3" < /dev/zero
}

# write_at DEVICE OFFSET_KIB LENGTH_KIB: writes standard input there, and syncs.
write_at() {
	dd of="$1" bs=64K seek="${2}K" count="${3}K" iflag=fullblock,count_bytes oflag=seek_bytes \
		conv=notrunc,fsync status=none
}

# discard DEVICE OFFSET_KIB LENGTH_KIB: unmaps the whole chunks in the range.
discard() {
	run blkdiscard -o "$(($2 * 1024))" -l "$(($3 * 1024))" "$1"
}

# field VG/LV NAME: one field of lvs, for example field vg0/vol0 data_percent.
field() {
	lvs --noheadings --units b --nosuffix -o "$2" "$1" | tr -d ' '
}

# pool_status VG/POOL NAME: one field of the pool's status in the kernel: transaction,
# used_metadata, used_data (both of the form USED/TOTAL), held (- without a metadata snapshot),
# mode.
pool_status() {
	local name words
	name=$(dm_name "${1%%/*}" "${1#*/}")
	read -r -a words < <(dmsetup status "$name-tpool")
	case $2 in
	transaction) echo "${words[3]}" ;;
	used_metadata) echo "${words[4]}" ;;
	used_data) echo "${words[5]}" ;;
	held) echo "${words[6]}" ;;
	mode) echo "${words[7]}" ;;
	*) fail "pool_status knows no $2" ;;
	esac
}

# dm_name VG LV: their name in device-mapper, with every hyphen doubled.
dm_name() {
	echo "${1//-/--}-${2//-/--}"
}

# expect_same A B: ends the scenario if two devices or files differ, and says where.
expect_same() {
	local size_a size_b
	size_a=$(byte_size "$1")
	size_b=$(byte_size "$2")
	[ "$size_a" = "$size_b" ] || fail "$1 has $size_a bytes, $2 has $size_b"
	if [ "$(sum "$1")" != "$(sum "$2")" ]; then
		cmp <(content "$1") <(content "$2") || :
		fail "$1 and $2 differ"
	fi
	echo "($1 and $2 are the same)"
}

# byte_size FILE: the size of a device or file in bytes.
byte_size() {
	if [ -b "$1" ]; then
		blockdev --getsize64 "$1"
	else
		stat -L -c %s "$1"
	fi
}

# check_pool VG/POOL…: deactivates the volume groups, and has thin_check look at the pools' metadata.
check_pool() {
	local pool
	for pool in "$@"; do
		run vgchange -q -an "${pool%%/*}"
		run lvchange -q -y -ay "${pool}_tmeta"
		run thin_check -q "/dev/mapper/$(dm_name "${pool%%/*}" "${pool#*/}_tmeta")"
		run lvchange -q -an "${pool}_tmeta"
	done
}

# no_leftovers [VG/LV…]: ends the scenario if something of ours is still there: a volume or a tag
# that begins with lvdiff_ or lvpatch_, a metadata snapshot, a lock file, or an active volume that
# LVM would not activate by itself, unless it is one of those named.
no_leftovers() {
	local name tags active skip allowed=" $* "
	while IFS='|' read -r name tags active skip; do
		[[ ${name#*/} != @(\[|)@(lvdiff_|lvpatch_)* ]] || fail "a volume was left behind: $name"
		[[ ,$tags != *,@(lvdiff_|lvpatch_)* ]] || fail "a tag was left behind: $name has $tags"
		if [ -n "$skip" ] && [ "$active" = active ] && [[ $allowed != *" $name "* ]]; then
			fail "a snapshot was left active: $name"
		fi
	done < <(lvs -a --noheadings --separator '|' -o lv_full_name,lv_tags,lv_active,lv_skip_activation |
		sed 's/^ *//')
	while read -r name _ _ _ _ _ _ held _; do
		[ "$held" = - ] || fail "a metadata snapshot was left behind: $name holds $held"
	done < <(dmsetup status --target thin-pool | grep -v '^No devices' || true)
	! compgen -G '/run/lock/lvdiff.*' || fail "a lock file was left behind"
	echo "(nothing left behind)"
}

# copy_volume FROM TO: the same bytes, and holes stay holes.
copy_volume() {
	echo "(copy $1 to $2)"
	dd if="$1" of="$2" bs=64K iflag=direct conv=sparse,notrunc,fsync status=none
}

# make_twins MIB: pools of 64 KiB chunks in vg0 and vg1, and volumes of MIB (4 or more):
#   vg0/sp0   the base, inactive: 1.5 MiB of data in two places, and zeros in a chunk
#   vg0/vol0  since then changed, zeroed, discarded, and filled where there was nothing
#   vg1/sp0   the base's twin, active; it has a hole for the zeros
make_twins() {
	make_vgs
	make_pool vg0 pool0 64k 256M
	make_pool vg1 pool0 64k 256M
	run lvcreate -T vg0/pool0 -V "$1M" -n vol0
	fill /dev/vg0/vol0 0 1024 base
	fill /dev/vg0/vol0 2048 512 base
	zero /dev/vg0/vol0 1536 64
	run lvcreate -T vg1/pool0 -V "$1M" -n sp0
	copy_volume /dev/vg0/vol0 /dev/vg1/sp0
	run lvcreate -s -n sp0 vg0/vol0
	fill /dev/vg0/vol0 256 128 new
	zero /dev/vg0/vol0 512 64
	discard /dev/vg0/vol0 768 128
	fill /dev/vg0/vol0 3072 64 new
}

# footprint [DEVICE…]: all that a run may not change that ends with an error: the volumes, whether
# they are active or open, the kernel's tables, what is in use of the pools, metadata snapshots, lock
# files, and the bytes of the devices.
footprint() {
	lvs -a --noheadings -o lv_full_name,lv_uuid,lv_size,lv_attr,lv_tags
	dmsetup table | sort
	# A metadata snapshot keeps old metadata blocks: their number means nothing then.
	dmsetup status --target thin-pool |
		awk '{ print $1, "metadata", $8 == "-" ? $6 : "?", "data", $7, "held", $8, "mode", $9 }'
	compgen -G '/run/lock/lvdiff.*' || true
	local device
	for device; do
		echo "$device has $(sum "$device")"
	done
}

# remember [DEVICE…]: notes the footprint for unchanged and refused.
remember() {
	REMEMBERED=("$@")
	FOOTPRINT=$(footprint "$@")
}

# unchanged: ends the scenario if the footprint is not the one noted.
unchanged() {
	local now
	now=$(footprint "${REMEMBERED[@]}")
	[ "$now" = "$FOOTPRINT" ] && return
	diff <(echo "$FOOTPRINT") <(echo "$now") || true
	fail "it did not leave everything as it was"
}

# refused N COMMAND…: as expect_exit, and nothing may have come of it. What the run itself left
# behind is not hidden by a later one that clears it away.
refused() {
	expect_exit "$@"
	[[ $OUTPUT != *"left by a run that was killed"* ]] || fail "the run before left something behind"
	unchanged
}

# io_stat DEVICE N: the Nth number of a block device's statistics, from 1 (Documentation/block/stat.rst).
# That does not open it.
io_stat() {
	local number
	number=$(($(stat -L -c 0x%t "$1"))):$(($(stat -L -c 0x%T "$1")))
	awk -v n="$2" '{ print $n }' "/sys/dev/block/$number/stat"
}

# wait_until COMMAND…: ends the scenario if it has not succeeded within a minute.
wait_until() {
	local i
	for ((i = 0; i < 1200; i++)); do
		! "$@" > /dev/null 2>&1 || return 0
		sleep 0.05
	done
	fail "it never came to be: $*"
}

# temporary_volume VG: succeeds if a run has a volume of its own in the group, active or not.
temporary_volume() {
	[[ $(lvs --noheadings -o lv_full_name "$1") == *"$1/lvdiff_tmp_"* ]]
}

# device_of_temporary VG: the name of the device of a run's own volume there.
device_of_temporary() {
	dmsetup ls | sed -n "s/^\($1-lvdiff_tmp_[^[:space:]]*\).*/\1/p"
}

# written_now VG: succeeds if a run writes to its own volume there: it keeps that open from the beginning,
# and opens it once more to write.
written_now() {
	local device
	device=$(device_of_temporary "$1")
	[ -n "$device" ] && [ "$(dmsetup info -c --noheadings -o open "$device")" = 2 ]
}

# held VG/POOL: succeeds if the pool's metadata snapshot is held.
held() {
	[ "$(pool_status "$1" held)" != - ]
}

# writes_into FOLDER: succeeds if $PID has a file open there, with a name or without.
writes_into() {
	find "/proc/$PID/fd" -lname "$1/*" | grep -q .
}

# unignored COMMAND…: becomes it. A script's background processes ignore SIGINT, and so would what
# they become. Only for the background.
unignored() {
	exec env --default-signal "$@"
}

# start_diff ARGUMENT…: starts lvdiff with a reader that takes 100 kB and then nothing, but holds
# the pipe, and returns when it has these. lvdiff is $PID, and what it says is in /tmp/.said. It
# is in the middle for certain if its stream has 10 MB or more: it can write 8 MiB ahead.
start_diff() {
	stop_other_end
	rm -f /tmp/.pipe /tmp/.taken
	mkfifo /tmp/.pipe
	{
		head -c 100000 > /tmp/.taken
		touch /tmp/.stopped
		until [ -e /tmp/.go ]; do sleep 0.05; done
		cat >> /tmp/.taken
	} < /tmp/.pipe &
	OTHER_END=$!
	show "lvdiff $* | (a reader that stops)"
	unignored lvdiff "$@" > /tmp/.pipe 2> /tmp/.said &
	PID=$!
	wait_until [ -e /tmp/.stopped ]
}

# start_patch STREAM BYTES ARGUMENT…: starts lvpatch, with a writer that writes so many bytes of
# the stream and then nothing, but holds the pipe. lvpatch is $PID, and what it says is in
# /tmp/.said.
start_patch() {
	local stream=$1 bytes=$2
	shift 2
	stop_other_end
	rm -f /tmp/.pipe
	mkfifo /tmp/.pipe
	{
		# lvpatch may have ended before it has read so much.
		head -c "$bytes" "$stream" || true
		touch /tmp/.stopped
		until [ -e /tmp/.go ]; do sleep 0.05; done
		tail -c "+$((bytes + 1))" "$stream" || true
	} > /tmp/.pipe &
	OTHER_END=$!
	show "(a writer that stops after $bytes bytes) | lvpatch $*"
	unignored lvpatch "$@" < /tmp/.pipe 2> /tmp/.said &
	PID=$!
	wait_until [ -e /tmp/.stopped ]
}

# go_on: the other end of the pipe goes on to the end.
go_on() {
	touch /tmp/.go
}

# stop_other_end: the other end of the pipe goes away, if there is one.
stop_other_end() {
	[ -z "${OTHER_END:-}" ] || kill "$OTHER_END" 2> /dev/null || true
	OTHER_END=
	rm -f /tmp/.go /tmp/.stopped
}

# ended SECONDS: waits for the end of $PID. Its status is in $STATUS, what it said in $OUTPUT and in
# the log. The scenario ends if it takes longer.
ended() {
	local begun=$EPOCHREALTIME
	until ! kill -0 "$PID" 2> /dev/null; do
		sleep 0.02
		((${EPOCHREALTIME/./} - ${begun/./} < $1 * 1000000)) || fail "it still runs after $1 s"
	done
	STATUS=0
	wait "$PID" || STATUS=$?
	OUTPUT=$(tr -d '\0' < /tmp/.said)
	echo "$OUTPUT"
	echo "(exit status $STATUS, after $(((${EPOCHREALTIME/./} - ${begun/./}) / 1000)) ms)"
}

# slow DEVICE MS: each read of a device of device-mapper takes so much longer, until it is made quick.
slow() {
	echo "(reads of $1 take $2 ms)"
	reload "$1" delay "$2"
}

# quick DEVICE: it is as it was.
quick() {
	reload "$1" linear
}

reload() {
	local table below
	read -r -a table < <(dmsetup table "$1")
	below="${table[3]} ${table[4]}"
	[ "$2" = linear ] || below="$below $3 $below 0"
	dmsetup suspend "$1"
	dmsetup load "$1" --table "0 ${table[1]} $2 $below"
	dmsetup resume "$1"
}
