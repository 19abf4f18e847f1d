# Streams of other tools, made by themselves: each makes of the base what it was made of. A wrong base
# is refused where the stream can tell it, a cut where the format can, and nothing is left behind.
#@ test: guests.rs
source /run/guest/lib.sh

# copy_image DEVICE: the base, and holes stay holes.
copy_image() {
	echo "(copy base.img to $1)"
	dd if=base.img of="$1" bs=64K conv=sparse,notrunc,fsync status=none
}

cd /run/out
make_vgs
make_pool vg0 pool0 64k 256M
run lvcreate -T vg0/pool0 -V 64M -n base
copy_image /dev/vg0/base
run lvcreate -T vg0/pool0 -V 64M -n wrong
copy_image /dev/vg0/wrong
fill /dev/vg0/wrong 0 64 wrong
expected=$(sum new.img)
before=$(sum base.img)

say "what the original lvdiff made"
for level in 0 1 2 3; do
	run "lvpatch -g vg0 -l base new$level < hyperlayer-1.0-d$level.diff"
	expect_text "no checksums"
	expect_equal "$(sum /dev/vg0/new$level)" "$expected" "level $level"
	expect_equal "$(field vg0/new$level lv_tags)" \
		lvpatch.source=oklnYd-csbs-fF5B-UjTK-gKwW-qZdc-xX97it "the tags"
done
run 'lvpatch -g vg0 -l base < hyperlayer-1.0-d3.diff' # its name is in the stream
expect_equal "$(sum /dev/vg0/new)" "$expected" "the volume of the stream's name"

say "what thin_send made"
run 'cat thin_send-1.1-incremental.stream | lvpatch -g vg0 -l base sent'
expect_equal "$(sum /dev/vg0/sent)" "$expected" "thin_send, incremental"
run 'lvpatch -g vg0 -p pool0 --size 64M full < thin_send-1.1-full.stream'
expect_equal "$(sum /dev/vg0/full)" "$expected" "thin_send, full"
expect_equal "$(field vg0/full data_percent)" "$(field vg0/sent data_percent)" "what both take"
expect_equal "$(sum /dev/vg0/base)" "$before" "the base"

say "onto a volume itself, and back"
run lvcreate -s -kn -n again vg0/base
run lvpatch --in-place -g vg0 -l again --backup /tmp/undo -i thin_send-1.1-incremental.stream
expect_equal "$(sum /dev/vg0/again)" "$expected" "in place"
run lvpatch --in-place -g vg0 -l again -i /tmp/undo
expect_equal "$(sum /dev/vg0/again)" "$before" "back again"

say "a wrong base"
remember /dev/vg0/base /dev/vg0/wrong
for level in 1 2 3; do
	refused 3 "lvpatch -g vg0 -l wrong other < hyperlayer-1.0-d$level.diff"
	expect_text "CRC-32"
	refused 3 "lvpatch --check -g vg0 -l wrong other < hyperlayer-1.0-d$level.diff"
done

say "a cut"
for stream in hyperlayer-1.0-d0.diff hyperlayer-1.0-d3.diff thin_send-1.1-incremental.stream; do
	for bytes in 20 100000 $(($(stat -c %s $stream) - 1)); do
		head -c $bytes $stream > /tmp/cut
		refused 4 'lvpatch -g vg0 -l base other < /tmp/cut'
		refused 4 'cat /tmp/cut | lvpatch -g vg0 -l base other'
	done
done

say "what must be said"
refused 2 'lvpatch -g vg0 -l base < thin_send-1.1-incremental.stream'
expect_text "does not name the new volume"
refused 2 'lvpatch -g vg0 other < thin_send-1.1-incremental.stream'
expect_text "the base with -l"
refused 2 'lvpatch -g vg0 other < hyperlayer-1.0-d0.diff'
refused 2 'lvpatch -g vg0 -p pool0 other < thin_send-1.1-full.stream'
expect_text "--size"
refused 4 'lvpatch --strict -g vg0 -l base other < thin_send-1.1-incremental.stream'

say "a stream that does not say how much it takes, in a pool that has less"
run lvcreate -y --type thin-pool -n small -c 64k -L 4M vg1
run lvcreate -T vg1/small -V 64M -n base
copy_image /dev/vg1/base # 14 chunks of 64
run lvcreate -T vg1/small -V 4M -n filler
fill /dev/vg1/filler 0 2880 # 45 more: 5 are free
remember /dev/vg1/base
for stream in thin_send-1.1-incremental.stream hyperlayer-1.0-d0.diff; do
	refused 7 "lvpatch -g vg1 -l base other < $stream"
done

say "what lvmsync made, onto a volume that is not thin, and back"
run lvcreate -y -L 64M -n thick vg1
run dd if=thick-base.img of=/dev/vg1/thick bs=1M oflag=direct status=none
run 'lvpatch --in-place -g vg1 -l thick < lvmsync-3-thick.stream'
expect_equal "$(sum /dev/vg1/thick)" "$(sum thick-new.img)" "lvmsync"
run lvpatch --in-place -g vg1 -l thick -i lvmsync-3-snapback.stream
expect_equal "$(sum /dev/vg1/thick)" "$(sum thick-base.img)" "lvmsync, back"
no_leftovers
