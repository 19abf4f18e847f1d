source /run/guest/lib.sh
source /run/guest/pairs.sh
# Measures with real volumes, for `cargo xtask bench`, which reads the lines that begin with `pair`
# (name, their nanoseconds, ours), `rate` (name, bytes, nanoseconds) and `size` (name, their bytes,
# ours).

RATE=$(cat /run/out/rate) # bytes in a second, of a disk
size=768                  # MiB

# parts WHOLE [NAME COMMAND]…: each command in turn with the whole, which it is a part of.
parts() {
	local number whole=$1 took_whole
	shift
	for ((number = 0; number <= RUNS; number++)); do
		took "$whole"
		took_whole=$TOOK
		local part=("$@")
		while [ "${#part[@]}" -gt 0 ]; do
			took "${part[1]}"
			[ "$number" = 0 ] || echo "pair part-${part[0]} $TOOK $took_whole"
			part=("${part[@]:2}")
		done
	done
}

# rate NAME COMMAND: how fast a command moves as many bytes as a volume has.
rate() {
	took "$2"
	echo "rate $1 $((size << 20)) $TOOK"
}

# random DEVICE MIB SEED: data that does not compress, the same each time.
random() {
	head -c "${2}M" /dev/zero | openssl enc -aes-128-ctr -K 00 -iv "$(printf %02x "$3")" 2> /dev/null |
		dd of="$1" bs=1M iflag=fullblock oflag=direct status=none
}

# limit_disks DEVICE…: makes a cgroup in which disks have a disk's rate. Bios that device-mapper
# passes on stay in the cgroup of whoever made them, so that the limit holds below a thin volume;
# only the pool's own metadata is not limited.
limit_disks() {
	local disk
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	echo +io > /sys/fs/cgroup/cgroup.subtree_control
	mkdir /sys/fs/cgroup/disk
	for disk; do
		echo "$(< "/sys/class/block/${disk##*/}/dev") rbps=$RATE wbps=$RATE" > /sys/fs/cgroup/disk/io.max
	done
}

# at memory|disk: what is run from here on has disks of that rate.
at() {
	local cgroup=/sys/fs/cgroup
	[ "$1" = memory ] || cgroup=$cgroup/$1
	echo $$ > "$cgroup/cgroup.procs"
}

# The guest's own two disks are too small for this.
run vgcreate -y vg0 /dev/ubdc
run vgcreate -y vg1 /dev/ubdd
make_pool vg0 pool0 64k "$((size * 2 + 200))M"
make_pool vg1 pool0 64k "$((size * 3 + 200))M"
run lvcreate -T vg0/pool0 -V "${size}M" -n vol0
run lvcreate -T vg1/pool0 -V "${size}M" -n vol0
random /dev/vg0/vol0 "$size" 1
random /dev/vg1/vol0 "$size" 1
run lvcreate -s -kn -ay -n sp0 vg0/vol0
run lvcreate -s -kn -ay -n sp0 vg1/vol0
random /dev/vg0/vol0 "$size" 2

limit_disks /dev/ubdc /dev/ubdd
dd_in="dd if=/dev/vg0/vol0 iflag=direct bs=1M status=none"
dd_out="dd of=/dev/vg1/new oflag=direct iflag=fullblock bs=1M conv=fsync status=none"
dd_base="dd if=/dev/vg0/sp0 iflag=direct bs=1M status=none of=/dev/null"
lvdiff="lvdiff -q -g vg0 sp0 vol0 -d"
make_new="lvcreate -qq -s -kn -ay -n new vg1/sp0 > /dev/null"

for where in disk memory; do
	at "$where"
	pairs "$where-read" "$dd_in > /dev/null" "$lvdiff 0 > /dev/null"
	pairs "$where-level-3" "$lvdiff 0 > /dev/null; $dd_base" "$lvdiff 3 > /dev/null"
	pairs "$where-copy" "$make_new; $dd_in | $dd_out" \
		"$lvdiff 0 | lvpatch -q -g vg1 -l sp0 new" "lvremove -y vg1/new"
	if command -v thin_send thin_recv > /dev/null; then
		pairs "$where-send" "$make_new; thin_send vg0/sp0 vg0/vol0 | thin_recv vg1/new" \
			"$lvdiff 0 | lvpatch -q -g vg1 -l sp0 new" "lvremove -y vg1/new"
	fi
	# What dd reaches without LVM's commands: where the disks have a rate, this is it.
	bash -c "$make_new"
	rate "$where-read" "$dd_in > /dev/null"
	rate "$where-write" "head -c ${size}M /dev/zero | $dd_out"
	run lvremove -y vg1/new
done
parts "$lvdiff 0 > /dev/null" \
	lvs "lvs > /dev/null" \
	list "lvdiff --list -g vg0 sp0 vol0 > /dev/null" \
	dd "$dd_in > /dev/null" \
	dd-pipe "$dd_in | cat > /dev/null" \
	no-sha1 "$lvdiff 0 --no-sha1 > /dev/null"
run lvremove -y vg0/vol0 vg0/sp0 vg1/sp0 vg1/vol0

# Random writes of 4 KiB: how much the stream holds with and without looking inside the chunks.
for chunk in 64 512; do
	make_pool vg0 "pool$chunk" "${chunk}k" 400M
	run lvcreate -T "vg0/pool$chunk" -V 256M -n "vol$chunk"
	random "/dev/vg0/vol$chunk" 256 3
	run lvcreate -s -kn -ay -n "sp$chunk" "vg0/vol$chunk"
	for ((number = 0; number < 100; number++)); do
		# One in each of a hundred chunks.
		place=$((number * 524288 / 4096 + number * 37 % 128))
		head -c 4096 /dev/urandom | dd of="/dev/vg0/vol$chunk" bs=4096 seek="$place" \
			conv=notrunc status=none
	done
	sync
	whole=$(lvdiff -q -d 0 -g vg0 "sp$chunk" "vol$chunk" | wc -c)
	blocks=$(lvdiff -q -d 0 --granularity 4K -g vg0 "sp$chunk" "vol$chunk" | wc -c)
	echo "size granularity-$chunk $whole $blocks"
	run lvremove -y "vg0/vol$chunk" "vg0/sp$chunk" "vg0/pool$chunk"
done
