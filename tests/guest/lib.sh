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

# sum DEVICE: the sha256 of what is on the device, past the page cache.
sum() {
	dd if="$1" bs=1M iflag=direct status=none | sha256sum | cut -d ' ' -f 1
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

# no_leftovers [VG/LV…]: ends the scenario if something of ours is still there: a volume or a tag
# that begins with lvdiff_ or lvpatch_, a metadata snapshot, or an active volume that LVM would
# not activate by itself, unless it is one of those named.
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
	echo "(nothing left behind)"
}
