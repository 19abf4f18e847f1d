# The examples of the READMEs' section "Back up" and of the man pages, as they stand there.
#@ guests: two
source /run/guest/lib.sh
source /run/guest/net.sh
join_network

# step LINE: runs a line of the documents. tests/readme.rs holds the steps against the README's code, and
# the man pages' test looks for each of their examples among the steps.
step() {
	run "$1"
}

# change OFFSET WORD: writes to vg0/vol0, in chunks that no other change touches.
change() {
	fill /dev/vg0/vol0 "$1" 6144 "$2"
}

make_vgs
make_pool vg0 pool0 64k 256M
make_pool vg1 pool0 64k 256M
run lvcreate -T vg0/pool0 -V 64M -n vol0
change 0 first
# The example's time of a restore is later than those of the first streams.
run date -s '2026-11-20 22:00:00'

say "the README: back up"
mount -t tmpfs tmpfs /srv
mkdir -p /tmp/readme /srv/backup/vol0
cd /tmp/readme
step 'lvcreate -s -n mon vg0/vol0'
step 'lvdiff -o full vg0/mon'
change 8192 second
step 'lvcreate -s -n tue vg0/vol0'
step 'lvdiff -o tue.diff vg0/mon vg0/tue             # every day the same: the newest snapshot is the next base'
step 'lvpatch --info full tue.diff                   # what there is, in order, and where the chain breaks'
step 'cat full tue.diff | lvpatch --verify'
step 'cat full tue.diff | lvpatch -g vg1 -p pool0 restored'
expect_same_as_snapshot() {
	run lvchange -ay -K "$1"
	expect_same "/dev/$1" "/dev/$2"
	run lvchange -an "$1"
}
expect_same_as_snapshot vg0/tue vg1/restored
run cp full tue.diff /srv/backup/vol0
run date -s '2026-11-21 22:00:00'
change 16384 third
run lvcreate -s -n wed vg0/vol0
run lvdiff -o /srv/backup/vol0/wed.diff vg0/tue vg0/wed
step 'lvpatch -g vg1 --from /srv/backup/vol0 --until "2026-11-21 03:00" thursday'
expect_same /dev/vg1/restored /dev/vg1/thursday
step 'lvdiff --merge full tue.diff -o full.new       # a shorter chain'
run 'lvpatch --device merged.img < full.new'
expect_same /dev/vg1/restored merged.img
run rm merged.img
run lvremove -y vg1/restored vg1/thursday

say "the README: what changed"
step 'lvdiff --list vg0/mon vg0/tue | head           # where: a row for each extent'
step 'lvdiff --summary vg0/mon vg0/tue               # how much, and a map of the volume'
step 'lvdiff --summary -g vg0                        # each volume since its newest snapshot, top changers first'

say "lvdiff(8)"
mkdir /tmp/lvdiff
cd /tmp/lvdiff
run lvcreate -s -kn -n sp0 vg0/vol0
change 24576 fourth
step 'lvdiff -g vg0 sp0 vol0 > test.diff'
run 'ssh root@b lvcreate --type thin-pool --chunksize 64k -L 256M -n pool0 vg1'
run 'lvdiff vg0/sp0 | ssh root@b lvpatch -g vg1 -p pool0'
step 'lvdiff vg0/sp0 vg0/vol0 | ssh root@b lvpatch -g vg1 -l sp0'
expect_twins vg0/vol0 vg1/vol0
step 'lvdiff --compress zstd -o full.diff vg0/sp0'
step 'lvdiff --list vg0/sp0 vg0/vol0'
step 'lvdiff --list -g vg0 -p pool0'
step 'lvdiff --summary vg0/sp0 vg0/vol0'
step 'lvdiff --summary -g vg0'
step 'lvdiff --granularity 4K --bwlimit 20M -o small.diff vg0/mon vg0/tue'
run cp /srv/backup/vol0/tue.diff /srv/backup/vol0/wed.diff .
run mv tue.diff mon.diff
run mv wed.diff tue.diff
step 'lvdiff --merge mon.diff tue.diff -o both.diff'
run 'lvpatch --verify < both.diff'

say "lvpatch(8)"
mkdir /tmp/lvpatch
cd /tmp/lvpatch
run 'lvpatch -q -g vg1 < /tmp/lvdiff/full.diff'
run cp /tmp/lvdiff/test.diff .
step 'lvpatch -g vg1 -l sp0 < test.diff'
expect_same /dev/vg0/vol0 /dev/vg1/vol0
step 'lvpatch -l vg1/sp0 vg1/tuesday < test.diff'
expect_same /dev/vg0/vol0 /dev/vg1/tuesday
run lvremove -y vg1/vol0 vg1/tuesday
run cp /srv/backup/vol0/full .
run cp /tmp/lvdiff/mon.diff /tmp/lvdiff/tue.diff .
step 'cat full mon.diff tue.diff | lvpatch -g vg1 -p pool0 restored'
expect_same_as_snapshot vg0/wed vg1/restored
run lvremove -y vg1/restored
step 'lvpatch -g vg1 -i full -i mon.diff -i tue.diff'
expect_same_as_snapshot vg0/wed vg1/wed
run lvremove -y vg1/wed
step 'lvpatch -g vg1 --from /srv/backup/vol0 --until "2026-11-21 03:00" restored'
expect_same_as_snapshot vg0/tue vg1/restored
run lvremove -y vg1/restored
step 'lvpatch --info full mon.diff tue.diff'
step 'lvpatch --verify full mon.diff tue.diff'
run lvrename -q vg1 sp0 vol0
before=$(sum /dev/vg1/vol0)
step 'lvpatch --in-place -g vg1 -l vol0 --backup undo.diff -i test.diff'
expect_same /dev/vg0/vol0 /dev/vg1/vol0
step 'lvpatch --in-place -g vg1 -l vol0 -i undo.diff'
expect_equal "$(sum /dev/vg1/vol0)" "$before" "the volume, undone"
run cp /tmp/lvdiff/full.diff .
step 'lvpatch --device disk.img < full.diff'
expect_same /dev/vg0/sp0 disk.img

say "a stream that breaks off"
run lvremove -y vg1/vol0
run 'lvpatch -q -g vg1 < full'
run cp /srv/backup/vol0/tue.diff whole.diff
run 'head -c 2000000 whole.diff > tue.diff'
expect_exit 4 'lvpatch -g vg1 -l mon --keep-part < tue.diff'
OFFSET=$(sed -n 's/.*up to offset \([0-9]*\).*/\1/p' <<< "$OUTPUT" | head -1)
step "lvdiff --rest-from $OFFSET vg0/mon vg0/tue > rest.diff"
step 'lvpatch -g vg1 -l mon --part tue.part < rest.diff'
expect_same_as_snapshot vg0/tue vg1/tue
run lvremove -y vg1/mon vg1/tue

say "lvdiff-guide(7): chains"
mkdir /tmp/guide
cd /tmp/guide
run lvremove -y vg0/mon vg0/tue vg0/wed
step 'lvcreate -s -n mon vg0/vol0'
step 'lvdiff -o full vg0/mon'
change 32768 fifth
step 'lvcreate -s -n tue vg0/vol0'
step 'lvdiff -o tue.diff vg0/mon vg0/tue'
step 'lvpatch --info full tue.diff'
step 'cat full tue.diff | lvpatch -g vg1 -p pool0 restored'
expect_same_as_snapshot vg0/tue vg1/restored
run lvremove -y vg1/restored
run 'lvpatch -q -g vg1 < full'
step 'head -c 2M tue.diff | lvpatch --check -g vg1 -l mon'

say "lvdiff-guide(7): undo"
run lvrename -q vg1 mon vol0
before=$(sum /dev/vg1/vol0)
run lvpatch --in-place -g vg1 -l vol0 --backup undo.diff -i tue.diff
step 'lvpatch --in-place -g vg1 -l vol0 --partial -i undo.diff'
expect_equal "$(sum /dev/vg1/vol0)" "$before" "the volume, undone"

say "lvdiff-guide(7): merging"
change 40960 sixth
run lvcreate -s -n wed vg0/vol0
run lvdiff -o wed.diff vg0/tue vg0/wed
run mv full mon.full
run lvdiff --merge tue.diff wed.diff -o expected.diff
run lvcreate -s -kn -ay -n sun vg0/mon
run lvdiff -o mon.diff vg0/sun vg0/mon
step 'lvdiff --merge mon.diff tue.diff wed.diff -o mon-to-wed.diff'
run 'lvpatch --verify < mon-to-wed.diff'

say "lvdiff-guide(7): offline"
rm -rf /tmp/readme /tmp/lvdiff /tmp/lvpatch /srv/backup mon* tue* wed* expected*
run lvchange -ay -K vg0/tue
id_of() {
	lvs --noheadings -o thin_id "vg0/$1" | tr -d ' '
}
first=$(id_of mon) second=$(id_of tue)
sum_of_tue=$(sum /dev/vg0/tue)
run lvchange -q -an vg0
run lvchange -ay -y vg0/pool0_tmeta
run 'cat /dev/vg0/pool0_tmeta > meta.img'
run lvchange -an vg0/pool0_tmeta
run lvchange -ay -y vg0/pool0_tdata
# Memory is what the guest's files are in.
run dd if=/dev/vg0/pool0_tdata of=data.img bs=64K conv=sparse status=none
run lvchange -an vg0/pool0_tdata
step 'lvdiff --metadata meta.img --list'
run "lvdiff --metadata meta.img --data data.img --size 64M -o base.diff $first"
run 'lvpatch --device disk.img < base.diff'
OFFLINE="$first $second"
step "lvdiff --metadata meta.img --data data.img --size 64M -o test.diff $OFFLINE"
step 'lvpatch --device disk.img < test.diff'
expect_equal "$(sum disk.img)" "$sum_of_tue" "the image"
rm meta.img data.img disk.img

say "lvdiff-guide(7): classic snapshots"
run lvcreate -y -n lv -L 32M vg0
fill /dev/vg0/lv 0 4096 base
run lvcreate -y -n lv -L 32M vg1
run dd if=/dev/vg0/lv of=/dev/vg1/lv bs=1M conv=fsync status=none
run lvcreate -y -s -n snap -L 16M vg0/lv
fill /dev/vg0/lv 1024 512 new
step 'lvdiff vg0/snap > changes.diff'
run rm undo.diff
step 'lvpatch --in-place -g vg1 -l lv --backup undo.diff -i changes.diff'
expect_same /dev/vg0/lv /dev/vg1/lv
