# A thin volume with classic snapshots: its device is their origin's, and the volume is a layer below.
source /run/guest/lib.sh

make_twins 16
run 'lvdiff -q vg0/sp0 vg0/vol0 > changes'
run lvcreate -q -y -s -L 8M -n thick vg0/vol0
run lvcreate -q -y -s -L 8M -n thick vg1/sp0
expect_equal "$(dmsetup table vg0-vol0 | cut -d ' ' -f 3)" snapshot-origin "the target of vg0/vol0"
fill /dev/vg0/vol0 4096 512 later
EXPECTED=$(sum /dev/vg0/vol0)
KEPT=$(sum /dev/vg0/thick)

say "what changed is read through it"
run 'lvdiff -q --list vg0/sp0 vg0/vol0 | rows'
expect_text "4194304 524288 changed"
for options in "-d 3" "-d 2 --snapshot"; do
	run "lvdiff -q $options vg0/sp0 vg0/vol0 > got"
	run lvpatch -q --check -g vg1 -l sp0 new -i got
	run lvpatch -q -g vg1 -l sp0 new -i got
	expect_equal "$(sum /dev/vg1/new)" "$EXPECTED" "the new volume"
	run lvremove -q -y vg1/new
done
run lvdiff --list --json -g vg0
expect_text '"name":"vg0/vol0","pool":"pool0"'
run 'lvdiff -q -d 3 vg0/vol0 vg0/sp0 > back'
run 'lvdiff -q vg0/vol0 > full'
run lvpatch -q -g vg1 -p pool0 full -i full
expect_equal "$(sum /dev/vg1/full)" "$EXPECTED" "the volume of the full stream"

say "it is not written itself"
remember /dev/vg1/sp0 /dev/vg1/thick
refused 2 lvpatch --in-place -g vg1 -l sp0 -i changes
expect_text "vg1/sp0 has a classic snapshot, vg1/thick"
refused 2 lvpatch --check --in-place -g vg1 -l sp0 -i changes
refused 2 lvpatch --device /dev/vg1/sp0 -i changes
expect_text "/dev/vg1/sp0 has a classic snapshot"
run lvremove -q -y vg1/thick
run lvpatch --in-place -q -g vg1 -l sp0 -i got
expect_equal "$(sum /dev/vg1/sp0)" "$EXPECTED" "in place"

say "the classic snapshot itself"
run 'lvdiff -q --list vg0/thick | rows'
expect_text "4194304 524288 changed"
expect_equal "$(sum /dev/vg0/thick)" "$KEPT" "what it keeps"
no_leftovers
