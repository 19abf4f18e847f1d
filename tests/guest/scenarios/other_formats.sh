# Maps and streams in other tools' formats, of a live pool, against the tools' own ways.
#@ also on: debian-13
source /run/guest/lib.sh

make_vgs
make_pool vg0 pool0 64k 192M
run lvcreate -T vg0/pool0 -V 32M -n vol0
fill /dev/vg0/vol0 0 3072 base
run lvcreate -s -kn -ay -n base vg0/vol0
fill /dev/vg0/vol0 1024 256 new
zero /dev/vg0/vol0 4096 128
discard /dev/vg0/vol0 2048 512
fill /dev/vg0/vol0 32640 128 end
run lvcreate -s -kn -ay -n new vg0/vol0

say "the map is that of thin_delta"
base_id=$(field vg0/base thin_id) new_id=$(field vg0/new thin_id)
run dmsetup message vg0-pool0-tpool 0 reserve_metadata_snap
run "thin_delta -m --snap1 $base_id --snap2 $new_id /dev/mapper/vg0-pool0_tmeta > /tmp/theirs"
run dmsetup message vg0-pool0-tpool 0 release_metadata_snap
run 'lvdiff --list --map thin-delta vg0/base vg0/new > /tmp/ours'
# From 1.0 on it leaves out the last line feed.
run "sed -i '\$a\\' /tmp/theirs"
run cmp /tmp/ours /tmp/theirs
no_leftovers

say "HYPERLAYER/1.0: headers name the volumes; written as its lines say, the base becomes the target"
run 'lvdiff --format hyperlayer-1.0 -d 3 --pair "Day: one" vg0/base vg0/new > /tmp/old.diff'
run 'head -n 10 /tmp/old.diff'
expect_text "Name: new"
expect_text "Volume size: 33554432"
expect_text "VolumeUUID: $(field vg0/new lv_uuid)"
expect_text "Backing volumeUUID: $(field vg0/base lv_uuid)"
expect_text "Day: one"
run 'cat /dev/vg0/base > /tmp/image'
write() { # OFFSET LENGTH, in sectors, of what is next on fd 3
	dd of=/tmp/image bs=512 seek="$1" count="$2" conv=notrunc status=none <&3
}
exec 3< /tmp/old.diff
for part in header proofs; do
	line=$part
	while [ -n "$line" ]; do read -r line <&3; done
done
count=0
while read -r word offset length <&3; do
	[ "$word" = W ] || fail "a line that begins with $word"
	write $((16#$offset)) $((16#$length))
	read -r line <&3
	[ -z "$line" ] || fail "no line feed behind the content of $offset"
	count=$((count + 1))
done
expect_equal "$(sum /tmp/image)" "$(sum /dev/vg0/new)" "the image"
expect_equal "$(grep -a '^Delta blocks' /tmp/old.diff)" "Delta blocks: $count" "the count"
no_leftovers

say "thin_send: the same, by its headers"
run 'lvdiff --format thin-send vg0/base vg0/new > /tmp/new.stream'
run 'cat /dev/vg0/base > /tmp/image'
exec 3< /tmp/new.stream
count=0 command=0
while [ "$command" != 3 ]; do
	header=$(dd bs=28 count=1 status=none <&3 | od -An -v -tx1 | tr -d ' \n')
	expect_equal "${header:0:16}" 24c4f02aae2e4fa9 "the magic number"
	offset=$((16#${header:16:16} / 512)) length=$((16#${header:32:16} / 512))
	command=$((16#${header:48:8})) count=$((count + 1))
	case $command in
	0) write "$offset" "$length" ;;
	1) dd if=/dev/zero of=/tmp/image bs=512 seek="$offset" count="$length" conv=notrunc status=none ;;
	2) expect_equal "$count" 1 "the place of the beginning" ;;
	esac
done
expect_equal "$((16#$(dd bs=8 count=1 status=none <&3 | od -An -tx1 | tr -d ' \n')))" "$count" "the count"
expect_equal "$(sum /tmp/image)" "$(sum /dev/vg0/new)" "the image"
no_leftovers
