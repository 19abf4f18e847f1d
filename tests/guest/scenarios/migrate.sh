# A volume that is in use moves to another host, with a short stop: the README's section "Migrate a volume".
#@ guests: two
source /run/guest/lib.sh
source /run/guest/net.sh
join_network

KEPT=20

# write_files FOLDER LIST: writes files, each synced, until there is a file /tmp/stop. The list has the
# sums of those that are finished; only the last $KEPT of them are kept.
write_files() {
	local i name
	for ((i = 0; ; i++)); do
		[ ! -e /tmp/stop ] || return 0
		name=file$i
		head -c "$((RANDOM * 6))" /dev/urandom > /tmp/new
		dd if=/tmp/new of="$1/$name" bs=64K conv=fsync status=none
		(cd /tmp && sha256sum < new) | sed "s/-\$/$name/" >> "$2"
		rm -f "$1/file$((i - KEPT))"
	done
}

# step LINE: runs a line of the README's section "Migrate a volume". tests/readme.rs holds the steps against
# its code, line by line.
step() {
	run "$1"
}

# written_meanwhile: ends the scenario if the writer has finished no file since the last call.
written_meanwhile() {
	local now
	now=$(wc -l < /tmp/list)
	((now > WRITTEN)) || fail "nothing was written meanwhile"
	echo "($((now - WRITTEN)) files were written meanwhile)"
	WRITTEN=$now
}

run vgcreate -y vg0 /dev/ubda
make_pool vg0 pool0 64k 512M
step 'lvs -o chunk_size vg0/pool0'
step 'ssh root@b lvcreate --type thin-pool --chunksize 64k -l 90%FREE -n pool0 vg1'
expect_equal "$(on_b field vg1/pool0 chunk_size)" "$(field vg0/pool0 chunk_size)" "the chunk size"

run lvcreate -T vg0/pool0 -V 64M -n vol0
run mkfs.ext4 -q /dev/vg0/vol0
mkdir /tmp/mnt
run mount -o discard /dev/vg0/vol0 /tmp/mnt
run 'head -c 12000000 /dev/urandom > /tmp/mnt/large'
large=$(sha256sum < /tmp/mnt/large)
: > /tmp/list
write_files /tmp/mnt /tmp/list &
writer=$!
wait_until [ -s /tmp/list ]
WRITTEN=0

say "all of it, while files are written"
step 'lvcreate -s -n vol0-1 vg0/vol0'
written_meanwhile
step 'lvdiff vg0/vol0-1 | ssh root@b lvpatch -g vg1 -p pool0'
written_meanwhile
expect_twins vg0/vol0-1 vg1/vol0-1
sums=$SUM

say "increments, while files are written"
step 'lvcreate -s -n vol0-2 vg0/vol0'
step 'lvdiff vg0/vol0-1 vg0/vol0-2 | ssh root@b lvpatch -g vg1 -l vol0-1'
written_meanwhile
expect_twins vg0/vol0-2 vg1/vol0-2
sums+=" $SUM"
step 'lvcreate -s -n vol0-3 vg0/vol0'
step 'lvdiff vg0/vol0-2 vg0/vol0-3 | ssh root@b lvpatch -g vg1 -l vol0-2'
written_meanwhile
expect_twins vg0/vol0-3 vg1/vol0-3
sums+=" $SUM"

say "the stop, and the last increment"
begun=$EPOCHREALTIME
touch /tmp/stop
wait "$writer"
step 'umount /dev/vg0/vol0'
step 'lvcreate -s -n vol0-4 vg0/vol0'
step 'lvdiff vg0/vol0-3 vg0/vol0-4 | ssh root@b lvpatch -g vg1 -l vol0-3 vol0'
ended=$EPOCHREALTIME
echo "(the stop took $(((${ended/./} - ${begun/./}) / 1000)) ms)"
expect_twins vg0/vol0 vg1/vol0

say "the file system on b"
run ssh root@b e2fsck -fn /dev/vg1/vol0
run ssh root@b 'mkdir /tmp/copy && mount -o ro /dev/vg1/vol0 /tmp/copy'
tail -n "$KEPT" /tmp/list > /tmp/kept
run 'ssh root@b "cd /tmp/copy && sha256sum --quiet -c" < /tmp/kept'
expect_equal "$(on_b 'ls /tmp/copy')" \
	"$({ cut -d ' ' -f 3 /tmp/kept; printf '%s\n' large lost+found; } | sort)" "the files"
expect_equal "$(on_b 'sha256sum < /tmp/copy/large')" "$large" "the sum of the file of before"
run ssh root@b umount /tmp/copy

say "the bases on b are as they were copied"
now=$(on_b 'for i in 1 2 3; do sum /dev/vg1/vol0-$i; done')
expect_equal "$(xargs <<< "$now")" "$sums" "the sums of the bases"

say "when it runs on b, they may go"
moved=$(on_b sum /dev/vg1/vol0)
step 'ssh root@b lvremove -y vg1/vol0-1 vg1/vol0-2 vg1/vol0-3'
expect_equal "$(on_b sum /dev/vg1/vol0)" "$moved" "the volume on b"
no_leftovers
