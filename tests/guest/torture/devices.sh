# Devices of device-mapper that fail, and pools that are read-only or need a check.

# become DEVICE TARGET [ARGUMENT…]: a device of device-mapper, which is linear, becomes another target's
# on the same sectors.
become() {
	local device=$1 target=$2 table
	shift 2
	read -r -a table < <(dmsetup table "$device")
	[ "${table[2]}" = linear ] || fail "$device is not linear: ${table[*]}"
	LIFT+=("$device ${table[*]}")
	echo "($device becomes $target $*)"
	swap_table "$device" "0 ${table[1]} $target ${table[3]} ${table[4]} $*"
}

# lift: all that became something else is what it was.
lift() {
	local line
	for line in "${LIFT[@]}"; do
		echo "(${line%% *} is what it was)"
		swap_table "${line%% *}" "${line#* }"
	done
	LIFT=()
}
LIFT=()

swap_table() {
	dmsetup suspend "$1"
	dmsetup load "$1" --table "$2"
	dmsetup resume "$1"
}

# bad_blocks DEVICE BLOCKS: some of the first so many blocks of 4 KiB cannot be read.
bad_blocks() {
	local i block table
	read -r -a table < <(dmsetup table "$1")
	become "$1" dust 4096
	for ((i = 0; i < 40; i++)); do
		draw block "$2"
		# dm-dust counts from the beginning of the device below.
		block=$((block + table[4] / 8))
		# One that is drawn twice is refused.
		dmsetup message "$1" 0 addbadblock "$block" > /dev/null 2>&1 || true
	done
	run dmsetup message "$1" 0 countbadblocks
	[[ $OUTPUT == *": "[1-9]*" badblock"* ]] || fail "$1 has no bad block"
	run dmsetup message "$1" 0 enable
}

# revive VG: a pool that had an error of its metadata, or whose metadata was full, is checked by
# hand as lvmthin(7) says, and is what it was. What was active is active again. It succeeds if there was
# nothing to do.
revive() {
	local status active volume tmeta table
	status=$(dmsetup status "$1-pool0-tpool")
	[[ $status == *needs_check* || $status != *" rw "* ]] || return 0
	echo "($status)"
	active=$(lvs --noheadings -o lv_full_name -S lv_active=active "$1")
	run vgchange -q -an "$1"
	tmeta=$1-pool0_tmeta
	run lvchange -q -y -ay "$1/pool0_tmeta"
	table=$(dmsetup table "$tmeta")
	run lvchange -q -an "$1/pool0_tmeta"
	dmsetup create torture_fix --table "$table"
	run thin_check -q --clear-needs-check-flag /dev/mapper/torture_fix
	dmsetup remove torture_fix
	run lvchange -q -ay "$1/pool0"
	for volume in $active; do
		run lvchange -q -K -ay "$volume"
	done
	return 1
}

# read_only VG: the pool's table says that it is read-only; READ_WRITE is what it was.
read_only() {
	local words
	READ_WRITE=$(dmsetup table "$1-pool0-tpool")
	read -r -a words <<< "$READ_WRITE"
	swap_table "$1-pool0-tpool" "${words[*]:0:7} $((${words[7]:-0} + 1)) read_only ${words[*]:8}"
	expect_equal "$(pool_status "$1/pool0" mode)" ro "the pool's mode"
}

# needs_check VG: the pool could not write its metadata when something was written.
needs_check() {
	become "$1-pool0_tmeta" flakey 0 1000 1 error_writes
	run lvs -o lv_name "$1"
	fill "/dev/$1/spoiled" 0 64 lost 2> /dev/null || true
	lift
	[[ $(dmsetup status "$1-pool0-tpool") == *needs_check* ]] || fail "the pool needs no check"
}
