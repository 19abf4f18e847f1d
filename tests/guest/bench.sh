source /run/guest/lib.sh
# Measures with real volumes, for `cargo xtask bench`, which reads the lines that begin with `pair`
# (name, their nanoseconds, ours) and `size` (name, their bytes, ours).

RUNS=$(cat /run/out/runs)
size=768 # MiB

# took COMMAND: runs a line of shell, and sets TOOK to its nanoseconds.
took() {
	local begin end
	begin=$(date +%s%N)
	bash -o pipefail -c "$1"
	end=$(date +%s%N)
	TOOK=$((end - begin))
}

# pairs NAME THEIRS OURS [AFTER]: both in turn; what was made is undone by AFTER, untimed. The
# first pair warms up.
pairs() {
	local number theirs
	for ((number = 0; number <= RUNS; number++)); do
		took "$2"
		theirs=$TOOK
		[ -z "${4:-}" ] || bash -c "$4" > /dev/null
		took "$3"
		[ -z "${4:-}" ] || bash -c "$4" > /dev/null
		[ "$number" = 0 ] || echo "pair $1 $theirs $TOOK"
	done
}

# random DEVICE BYTES: data that does not compress, the same each time.
random() {
	openssl enc -aes-128-ctr -K 00 -iv "$(printf %02x "$3")" -in /dev/zero 2> /dev/null |
		dd of="$1" bs=1M count="$2" iflag=fullblock oflag=direct status=none || :
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

direct="iflag=direct bs=1M status=none"
pairs read "dd if=/dev/vg0/vol0 $direct of=/dev/null" \
	"lvdiff -q -d 0 -g vg0 sp0 vol0 > /dev/null"
pairs read-no-sha1 "dd if=/dev/vg0/vol0 $direct of=/dev/null" \
	"lvdiff -q --no-sha1 -d 0 -g vg0 sp0 vol0 > /dev/null"
pairs level-3 "lvdiff -q -d 0 -g vg0 sp0 vol0 > /dev/null; dd if=/dev/vg0/sp0 $direct of=/dev/null" \
	"lvdiff -q -d 3 -g vg0 sp0 vol0 > /dev/null"
pairs copy "lvcreate -qq -s -kn -ay -n new vg1/sp0 > /dev/null; dd if=/dev/vg0/vol0 $direct |
	dd of=/dev/vg1/new oflag=direct iflag=fullblock bs=1M conv=fsync status=none" \
	"lvdiff -q -d 0 -g vg0 sp0 vol0 | lvpatch -q -g vg1 -l sp0 new" \
	"lvremove -y vg1/new"
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
