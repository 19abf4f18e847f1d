# Root digests: the new volume is proved as a whole, a base that is known is hardly read, and what no base
# digest sees is noticed.
source /run/guest/lib.sh

make_vgs
make_pool vg0 pool0 64k 256M
make_pool vg1 pool0 64k 256M
cache=/tmp/roots
run mkdir $cache

say "a full stream says what the volume holds, and its digests are kept"
run lvcreate -T vg0/pool0 -V 64M -n vol
fill /dev/vg0/vol 0 16384 base
fill /dev/vg0/vol 40000 5000 base
run lvcreate -s -kn -n s0 vg0/vol
run "lvdiff --root-cache $cache vg0/s0 > full"
run "ls $cache"
expect_equal "$OUTPUT" "$(field vg0/s0 lv_uuid).tree" "what is kept"
run 'lvpatch --verify-root -g vg1 -p pool0 < full'
expect_text "its whole content matches the stream"
expect_same /dev/vg0/s0 /dev/vg1/s0

say "an increment, of whose base a sample is read"
fill /dev/vg0/vol 1000 700 new
discard /dev/vg0/vol 4096 1024
zero /dev/vg0/vol 40960 512
run lvcreate -s -kn -n s1 vg0/vol
run lvchange -ay -K vg0/s0
before=$(io_stat /dev/vg0/s0 3)
run "lvdiff --root-cache $cache -d 3 vg0/s0 vg0/s1 > s1.diff"
read=$((($(io_stat /dev/vg0/s0 3) - before) / 2))
echo "$read KiB of the base were read"
[ "$read" -le 4200 ] || fail "more than a sample was read"
run 'lvpatch --verify-root --report json -g vg1 < s1.diff'
expect_text '"root":"'
expect_same /dev/vg0/s1 /dev/vg1/s1
# Another one, whose base is all read, says the same.
run 'lvdiff --roots -d 3 vg0/s0 vg0/s1 > again.diff'
run 'lvpatch --verify-root -g vg1 -l s0 again < again.diff'
expect_same /dev/vg0/s1 /dev/vg1/again

say "resized, and by other programs as well"
run lvresize -L 96M vg0/vol
fill /dev/vg0/vol 70000 3000 grown
run lvcreate -s -kn -n s2 vg0/vol
run "lvdiff --root-cache $cache vg0/s1 vg0/s2 | lvpatch --verify-root -g vg1"
expect_same /dev/vg0/s2 /dev/vg1/s2

say "in place, and an image"
run lvcreate -s -kn -n own vg1/s0
run 'lvpatch --verify-root --no-base-check --in-place -g vg1 -l own --backup undo < s1.diff'
expect_same /dev/vg0/s1 /dev/vg1/own
run 'lvpatch --verify-root --device image < full'
run cmp image /dev/vg0/s0

say "a base that is another one where no digest looked"
run 'lvdiff --roots -d 0 vg0/s0 vg0/s1 > blind.diff'
run lvcreate -s -kn -n wrong vg1/s0
fill /dev/vg1/wrong 10000 4 stray
run lvchange --deltag "lvpatch.source=$(field vg0/s0 lv_uuid)" vg1/wrong || :
remember
refused 3 'lvpatch --verify-root -g vg1 -l wrong other < blind.diff'
expect_text "its root digest is"
run 'lvdiff vg0/s0 vg0/s1 > silent.diff'
refused 4 'lvpatch --verify-root -g vg1 -l s0 other < silent.diff'
expect_text "lvdiff --roots"

say "streams that do not belong together, though their names say so"
fill /dev/vg0/s1 30000 4 stray
run lvcreate -s -kn -n s3 vg0/s1
run 'lvdiff --roots -d 0 vg0/s1 vg0/s3 > s3.diff'
expect_exit 3 'lvdiff --merge s1.diff s3.diff > merged'
expect_text "starts from different content"
run lvcreate -s -kn -n again1 vg1/s0
expect_exit 3 'cat s1.diff s3.diff | lvpatch -g vg1 -l again1 both'
expect_text "starts from different content"
say "a volume of each stays as far as they do"
run lvremove -q -f vg1/s1
expect_exit 3 'cat s1.diff s3.diff | lvpatch -g vg1 --each'
expect_text "starts from different content"
expect_same /dev/vg1/s1 /dev/vg1/again
[ ! -e /dev/vg1/s3 ] || fail "the wrong one was kept"
no_leftovers
check_pool vg0/pool0 vg1/pool0
