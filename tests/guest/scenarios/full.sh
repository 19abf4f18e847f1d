# Not enough space: in the pool, in its metadata, and where the stream is written to. What can be
# known is said before anything is written, what cannot is undone.
source /run/guest/lib.sh

make_vgs
make_pool vg0 pool0 64k 24M
# 256 chunks, of which the base takes 128.
make_pool vg1 pool0 64k 16M --poolmetadatasize 4M
run lvcreate -T vg0/pool0 -V 32M -n vol0
fill /dev/vg0/vol0 0 8128 base
fill /dev/vg0/vol0 32704 64 base
run lvcreate -T vg1/pool0 -V 32M -n sp0
copy_volume /dev/vg0/vol0 /dev/vg1/sp0
run lvcreate -s -n sp0 vg0/vol0
fill /dev/vg0/vol0 4096 8192 new
discard /dev/vg0/vol0 0 1024
run 'lvdiff vg0/sp0 vol0 > /tmp/stream'
run 'lvpatch --info < /tmp/stream'
expect_text "8388608 bytes"
expected=$(sum /dev/vg0/vol0)
expect_equal "$(pool_status vg1/pool0 used_data)" 128/256 "chunks in use"

# One chunk less than is needed, then just enough.
run lvcreate -T vg1/pool0 -V 64k -n one
fill /dev/vg1/one 0 64

say "one chunk is missing: exit 7, and the header was all it took to know"
remember /dev/vg1/sp0
refused 7 'lvpatch -g vg1 -l sp0 < /tmp/stream'
expect_text "127 free chunks (7.9 MiB)"
expect_text "128 (8.0 MiB)"
expect_text "lvextend"
run 'mangle boundaries < /tmp/stream'
read -r _ _ begin length <<< "$(grep BASE <<< "$OUTPUT")"
head -c $((begin + length)) /tmp/stream > /tmp/head
refused 7 'lvpatch -g vg1 -l sp0 < /tmp/head'
refused 7 'lvpatch -g vg1 -l sp0 --no-base-check < /tmp/stream'

say "just enough"
run lvremove -y vg1/one
run 'lvpatch -g vg1 -l sp0 < /tmp/stream'
expect_equal "$(sum /dev/vg1/vol0)" "$expected" "the new volume"
run lvremove -y vg1/vol0
no_leftovers

pool_is_full() {
	[ "$(pool_status vg1/pool0 mode)" = out_of_data_space ]
}

# fills_up SECONDS: somebody else writes while the stream arrives, and takes what it needs; lvpatch
# ends within SECONDS after that, and before the pool is full. With space again it succeeds.
fills_up() {
	remember /dev/vg1/sp0
	start_patch /tmp/stream 3000000 -g vg1 -l sp0
	wait_until written_now vg1
	run lvcreate -T vg1/pool0 -V 16M -n greedy
	fill /dev/vg1/greedy 0 4096
	go_on
	ended "$1"
	stop_other_end
	[ "$STATUS" = 7 ] || fail "exit status $STATUS"
	expect_text "pool vg1-pool0-tpool would become full"
	run lvremove -y vg1/greedy
	unchanged
	run 'lvpatch -g vg1 -l sp0 < /tmp/stream'
	expect_equal "$(sum /dev/vg1/vol0)" "$expected" "the new volume"
	run lvremove -y vg1/vol0
	unchanged
}

say "the pool fills up meanwhile, and waits for space (LVM's default), though not for long"
echo 3 > /sys/module/dm_thin_pool/parameters/no_space_timeout
fills_up 30

say "the pool fills up meanwhile, and says so at once"
run lvchange --errorwhenfull y vg1/pool0
fills_up 10

say "a pool that is full: exit 7, and it is still full"
run lvcreate -T vg1/pool0 -V 16M -n greedy
fill /dev/vg1/greedy 0 16384 || true
wait_until pool_is_full
run dmsetup status vg1-pool0-tpool
remember /dev/vg1/sp0
refused 7 'lvpatch -g vg1 -l sp0 < /tmp/stream'
expect_text "0 free chunks"

say "after lvextend it succeeds"
run lvextend -L +16M vg1/pool0
run 'lvpatch -g vg1 -l sp0 < /tmp/stream'
expect_equal "$(sum /dev/vg1/vol0)" "$expected" "the new volume"
run lvremove -y vg1/vol0 vg1/greedy
no_leftovers

say "too little metadata: thin devices that LVM knows nothing of take a block each"
free_blocks() {
	local used
	used=$(pool_status vg1/pool0 used_metadata)
	echo "$((${used#*/} - ${used%/*}))"
}
id=100000
while free=$(free_blocks) && ((free > 25)); do
	for ((last = id + (free > 100 ? 50 : 1); id < last; id++)); do
		dmsetup message vg1-pool0-tpool 0 "create_thin $id"
	done
done
remember /dev/vg1/sp0
refused 7 'lvpatch -g vg1 -l sp0 < /tmp/stream'
expect_text "$free free metadata blocks"
expect_text "lvextend --poolmetadatasize"
run lvextend --poolmetadatasize +4M vg1/pool0
run 'lvpatch -g vg1 -l sp0 < /tmp/stream'
expect_equal "$(sum /dev/vg1/vol0)" "$expected" "the new volume"
no_leftovers

say "where the stream is written to"
mkdir /tmp/small
run mount -t tmpfs -o size=1M none /tmp/small
remember
refused 7 'lvdiff vg0/sp0 vg0/vol0 > /dev/full'
refused 7 'lvdiff -o /dev/full vg0/sp0 vg0/vol0'
refused 7 'lvdiff -o /tmp/small/diff vg0/sp0 vg0/vol0'
expect_equal "$(ls -A /tmp/small)" "" "the folder"
refused 7 'lvdiff --list vg0/sp0 vg0/vol0 > /dev/full'
echo kept > /tmp/small/diff
refused 7 'lvdiff -o /tmp/small/diff vg0/sp0 vg0/vol0'
expect_equal "$(cat /tmp/small/*)" kept "the file that was there"
run umount /tmp/small
no_leftovers

say "lvdiff needs no space in the pool; for --snapshot LVM wants some"
run lvcreate -s -kn -n vol1 vg0/sp0
fill /dev/vg0/vol1 64 64 other
run 'lvdiff vg0/sp0 vg0/vol1 | mangle records > /tmp/vol1.records'
run lvcreate -T vg0/pool0 -V 16M -n greedy
run lvchange --errorwhenfull y vg0/pool0
fill /dev/vg0/greedy 0 16384 || true
run dmsetup status vg0-pool0-tpool
expect_text "out_of_data_space"
remember
run 'lvdiff vg0/sp0 vg0/vol1 | mangle records | cmp - /tmp/vol1.records'
unchanged
refused 7 'lvdiff --snapshot vg0/sp0 vg0/vol1 > /tmp/full'
expect_text "lvcreate"
expect_text "thin_pool_autoextend_threshold"

# The kernel refuses a flush of a volume that has no first chunk, while its pool is full.
say "nor does it of a volume whose beginning is a hole"
run 'mangle records < /tmp/stream > /tmp/stream.records'
run 'lvdiff vg0/sp0 vg0/vol0 | mangle records | cmp - /tmp/stream.records'
unchanged
