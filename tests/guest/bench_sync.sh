source /run/guest/lib.sh
source /run/guest/pairs.sh
# Measures lvsync against the pair with its steps by hand, for `cargo xtask bench`, which reads the lines that begin with
# `pair` (name, their nanoseconds, ours) and `commands` (name, what LVM's commands ours ran: in all, and in how many
# kinds). Each has a volume of its own, written to alike, and a pool of its own for the copies.

size=512 # MiB

# rewrite SEED: a hundredth of both volumes, in single chunks all over them.
rewrite() {
	local volume chunk
	for volume in theirs ours; do
		for ((chunk = $1 % 100; chunk < size * 16; chunk += 100)); do
			echo "$chunk"
		done | while read -r chunk; do
			dd if=/dev/urandom of="/dev/vg0/$volume" bs=64k count=1 seek="$chunk" conv=notrunc oflag=direct status=none
		done
	done
	sync
}

# both NAME: theirs and ours once, of what is in the volumes now.
both() {
	local number=$2 before=$(($2 - 1)) theirs
	sleep 1.1 # lvsync takes one point a second at the most.
	took "lvcreate -qq -s -pr -n theirs$number vg0/theirs &&
		lvdiff -q vg0/theirs$before vg0/theirs$number | lvpatch -q -g vg1 -l theirs$before theirs$number"
	theirs=$TOOK
	took "lvsync push -q vg0/ours vg2/pool0"
	echo "pair $1 $theirs $TOOK"
}

run pvcreate -q /dev/ubda /dev/ubdb
run vgcreate -q vg0 /dev/ubdc
run vgcreate -q vg1 /dev/ubdd
run vgcreate -q vg2 /dev/ubde
make_pool vg0 pool0 64k "$((size * 3))M"
make_pool vg1 pool0 64k "$((size * 2))M"
make_pool vg2 pool0 64k "$((size * 2))M"
for volume in theirs ours; do
	run lvcreate -T vg0/pool0 -V "${size}M" -n "$volume"
	run "head -c ${size}M /dev/zero | openssl enc -aes-128-ctr -K 00 -iv 01 2> /dev/null |
		dd of=/dev/vg0/$volume bs=1M iflag=fullblock oflag=direct status=none"
done
run lvcreate -qq -s -pr -n theirs0 vg0/theirs
run 'lvdiff -q vg0/theirs0 | lvpatch -q -g vg1 -p pool0 theirs0'
run lvsync push -q vg0/ours vg2/pool0

number=1
for ((round = 0; round <= RUNS; round++)); do
	rewrite "$number"
	name=changed
	[ "$round" -gt 0 ] || name=warm
	both "$name" "$number"
	number=$((number + 1))
done
for ((round = 0; round <= RUNS; round++)); do
	name=nothing
	[ "$round" -gt 0 ] || name=warm
	both "$name" "$number"
	number=$((number + 1))
done

sleep 1.1
lvsync push -vv vg0/ours vg2/pool0 2> /tmp/log > /dev/null
sed -nE 's/^lvsync: ((lv|vg|pv)[a-z]+) .*/\1/p' /tmp/log > /tmp/names
echo "ran: $(sort /tmp/names | uniq -c | tr -s ' \n' ' ')"
echo "commands lvsync $(wc -l < /tmp/names) $(sort -u /tmp/names | wc -l)"
