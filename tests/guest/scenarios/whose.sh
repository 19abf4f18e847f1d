# An undo is for the volume that it was made on, and a volume that --device writes is known for what it is.
source /run/guest/lib.sh

make_twins 32
run lvremove -y vg1/sp0
run lvchange -ay -K vg0/sp0
run 'lvdiff -g vg0 sp0 | lvpatch -g vg1 -p pool0 mine'
run 'lvdiff -d 2 -g vg0 sp0 vol0 > change.diff'
base=$(sum /dev/vg0/sp0)
target=$(sum /dev/vg0/vol0)
base_uuid=$(field vg0/sp0 lv_uuid)
target_uuid=$(field vg0/vol0 lv_uuid)

# source_of VOLUME: the volume that it is a copy of, as its tag says.
source_of() {
	field "$1" lv_tags | grep -o 'lvpatch.source=[^,]*' | cut -d = -f 2
}

say "--device leaves a volume with the tags of what it holds now"
expect_equal "$(source_of vg1/mine)" "$base_uuid" "the tag"
run 'lvpatch --device /dev/vg1/mine --backup undo.diff -i change.diff'
expect_equal "$(sum /dev/vg1/mine)" "$target" "the volume"
expect_equal "$(source_of vg1/mine)" "$target_uuid" "the tag"
# Its tag names another volume than the stream's base, also where nothing else would tell.
run 'lvdiff -d 0 -g vg0 sp0 vol0 > unproved.diff'
remember /dev/vg1/mine
refused 3 'lvpatch --device /dev/vg1/mine -i unproved.diff'
refused 3 'lvpatch --check --device /dev/mapper/vg1-mine -i unproved.diff'
expect_text "its tag says"

say "an undo of another volume"
run lvcreate -s -kn -n other vg1/mine
run lvcreate -T vg1/pool0 -V 32M -n strange
content /dev/vg1/mine > image
remember /dev/vg1/mine /dev/vg1/other /dev/vg1/strange
for target_of in '--in-place -g vg1 -l other' '--device /dev/vg1/other' '--device image' \
	'--in-place -g vg1 -l strange'; do
	refused 3 "lvpatch $target_of -i undo.diff"
	expect_text "the undo is for the logical volume with UUID $(field vg1/mine lv_uuid)"
	refused 3 "lvpatch --check $target_of -i undo.diff"
done
expect_equal "$(sum image)" "$target" "the image"

say "its own, under another name, and not once it was written to"
run lvrename vg1/mine yours
content /dev/vg1/yours > before
fill /dev/vg1/yours 0 64 later
remember /dev/vg1/yours
refused 3 'lvpatch --in-place -g vg1 -l yours -i undo.diff'
expect_text "was written to since"
write_at /dev/vg1/yours 0 64 < before
# A new volume of it, too; there it is the base that is not overwritten.
run 'lvpatch -g vg1 -l other made -i undo.diff'
run lvchange -ay -K vg1/made
expect_equal "$(sum /dev/vg1/made)" "$base" "a new volume"
run 'lvpatch --check --in-place -g vg1 -l yours -i undo.diff'
run 'lvpatch --device /dev/vg1/yours -i undo.diff'
expect_equal "$(sum /dev/vg1/yours)" "$base" "the volume, brought back"
expect_equal "$(source_of vg1/yours)" "$base_uuid" "the tag"

say "--device is killed: no tag says what is not so"
half=$(($(byte_size change.diff) / 2))
start_patch change.diff "$half" --device /dev/vg1/yours --backup half.diff
wait_until test -s half.diff
kill -KILL "$PID"
ended 5
stop_other_end
now=$(sum /dev/vg1/yours)
[ "$now" = "$base" ] || [ "$(field vg1/yours lv_tags)" = "" ] || fail "a tag says what is not so"
run 'lvpatch --device /dev/vg1/yours --partial -i half.diff'
expect_equal "$(sum /dev/vg1/yours)" "$base" "the volume, brought back"

say "where all of the volume was proved, all of it is, holes and all"
run 'lvdiff -d 3 -g vg0 sp0 vol0 > whole.diff'
run 'lvpatch --in-place -g vg1 -l yours --backup whole.undo -i whole.diff --no-base-check'
run 'lvpatch --in-place -g vg1 -l yours -i whole.undo'
run rm whole.undo
run 'lvpatch --in-place -g vg1 -l yours --backup whole.undo -i whole.diff'
fill /dev/vg1/yours 30000 64 later
remember /dev/vg1/yours
refused 3 'lvpatch --in-place -g vg1 -l yours -i whole.undo'
zero /dev/vg1/yours 30000 64
run 'lvpatch --in-place -g vg1 -l yours -i whole.undo'
expect_equal "$(sum /dev/vg1/yours)" "$base" "the volume, brought back"
no_leftovers vg0/sp0 vg1/made
