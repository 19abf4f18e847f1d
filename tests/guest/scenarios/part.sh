# A stream that ends early: what has arrived is kept, proved, and the rest is added to it.
source /run/guest/lib.sh

make_vgs
make_pool vg0 pool0 64k 256M
make_pool vg1 pool0 64k 256M
run lvcreate -T vg0/pool0 -V 64M -n vol
fill /dev/vg0/vol 0 40000 base
fill /dev/vg0/vol 60000 5000 base
run lvcreate -s -kn -n s0 vg0/vol
fill /dev/vg0/vol 1000 20000 new
discard /dev/vg0/vol 22528 2048
zero /dev/vg0/vol 30000 300
fill /dev/vg0/vol 50000 9000 new
run lvcreate -s -kn -n s1 vg0/vol
run 'lvdiff --roots vg0/s0 > full'
run 'lvdiff --roots vg0/s0 vg0/s1 > diff'
run 'lvpatch -g vg1 -p pool0 < full'
size=$(stat -c %s diff)

# up_to: the offset that the last error names.
up_to() {
	sed -n 's/.*up to offset \([0-9]*\).*/\1/p' <<< "$OUTPUT" | head -1
}

say "without --keep-part nothing is left"
remember
refused 4 "head -c $((size / 2)) diff | lvpatch -g vg1"
refused 4 "head -c 3000 diff | lvpatch -g vg1 --keep-part"

say "cut in the middle, twice, and then finished"
expect_exit 4 "head -c $((size / 2)) diff | lvpatch -g vg1 --keep-part"
expect_text "vg1/s1.part holds what has arrived, up to offset"
expect_text "lvpatch --part vg1/s1.part"
first=$(up_to)
run lvs -a -o lv_name,lv_tags vg1
run "lvdiff --roots --rest-from $first vg0/s0 vg0/s1 > rest"
[ "$(stat -c %s rest)" -lt $((size * 6 / 10)) ] || fail "the rest is no rest"
expect_exit 2 'lvpatch -g vg1 < rest'
expect_text "--part"
run 'lvpatch --info < rest'
expect_exit 4 "head -c $(($(stat -c %s rest) / 2)) rest | lvpatch -g vg1 --part s1.part"
second=$(up_to)
[ "$second" -gt "$first" ] || fail "it got no further"
run "lvdiff --roots --rest-from $second vg0/s0 vg0/s1 > rest"
run 'lvpatch --verify-root -g vg1 --part s1.part < rest'
expect_text "its whole content matches the stream"
expect_same /dev/vg0/s1 /dev/vg1/s1
expect_exit 5 lvs vg1/s1.part
run lvremove -y vg1/s1

say "each place where it can be cut"
for percent in 10 60 99; do
	expect_exit 4 "head -c $((size * percent / 100)) diff | lvpatch -q -g vg1 --keep-part"
	at=$(up_to)
	[ -n "$at" ] || continue
	run "lvdiff -q --roots --rest-from $at vg0/s0 vg0/s1 | lvpatch -q --verify-root -g vg1 --part s1.part"
	expect_same /dev/vg0/s1 /dev/vg1/s1
	run lvremove -y vg1/s1
done

say "a full stream, and one that grows its volume"
run lvresize -L 80M vg0/vol
fill /dev/vg0/vol 70000 9000 grown
run lvcreate -s -kn -n s2 vg0/vol
run 'lvdiff --roots vg0/s2 > full2'
expect_exit 4 "head -c $(($(stat -c %s full2) * 2 / 3)) full2 | lvpatch -g vg1 -p pool0 --keep-part all"
run "lvdiff --roots --rest-from $(up_to) vg0/s2 | lvpatch --verify-root -g vg1 -p pool0 --part all.part all"
expect_same /dev/vg0/s2 /dev/vg1/all
run 'lvdiff --roots vg0/s1 vg0/s2 > grows'
run 'lvpatch -g vg1 < diff'
for percent in 20 95; do
	expect_exit 4 "head -c $(($(stat -c %s grows) * percent / 100)) grows | lvpatch -g vg1 --keep-part"
	at=$(up_to)
	[ -n "$at" ] || fail "nothing was kept"
	run "lvdiff --roots --rest-from $at vg0/s1 vg0/s2 | lvpatch --verify-root -g vg1 --part s2.part"
	expect_same /dev/vg0/s2 /dev/vg1/s2
	run lvremove -y vg1/s2
done
say "and one that shrinks it"
run 'lvdiff --roots vg0/s2 vg0/s0 > shrinks'
expect_exit 4 "head -c $(($(stat -c %s shrinks) / 2)) shrinks | lvpatch -g vg1 -l all --keep-part less"
run "lvdiff --roots --rest-from $(up_to) vg0/s2 vg0/s0 | lvpatch --verify-root -g vg1 -l all --part less.part less"
expect_same /dev/vg0/s0 /dev/vg1/less

say "a part that holds anything else is refused, and stays"
run lvremove -y vg1/s1
expect_exit 4 "head -c $((size / 2)) diff | lvpatch -g vg1 --keep-part"
at=$(up_to)
run "lvdiff --rest-from $at vg0/s0 vg0/s1 > rest"
run lvcreate -s -kn -n spare vg1/s1.part
# In what has arrived, where nothing changed, and after it.
for place in 5000 45000 58000; do
	fill /dev/vg1/s1.part $place 1 stray
	remember
	refused 3 'lvpatch -g vg1 --part s1.part < rest'
	run "dd if=/dev/vg1/spare of=/dev/vg1/s1.part bs=1024 skip=$place seek=$place count=1 conv=notrunc,fsync status=none"
done
refused 2 'lvpatch -g vg1 --part s0 < rest'
expect_text "no tag"
refused 2 'lvpatch -g vg1 --part s1.part < diff'
run "lvdiff --rest-from $((at - 65536)) vg0/s0 vg0/s1 > early"
refused 3 'lvpatch -g vg1 --part s1.part < early'
expect_text "holds more than the beginning"
run "lvdiff --rest-from $((at + 65536)) vg0/s0 vg0/s1 > late"
refused 3 'lvpatch -g vg1 --part s1.part < late'
expect_text "does not hold the beginning"
run 'lvpatch -g vg1 --part s1.part < rest'
expect_same /dev/vg0/s1 /dev/vg1/s1
run lvremove -y vg1/spare

say "blocks within chunks, compressed, and a part that was not active"
run lvremove -y vg1/s1
run 'lvdiff --granularity 4K --compress zstd vg0/s0 vg0/s1 > fine'
expect_exit 4 "head -c $(($(stat -c %s fine) / 2)) fine | lvpatch -g vg1 --keep-part"
at=$(up_to)
run lvchange -an vg1/s1.part
run "lvdiff --granularity 4K --compress zstd --rest-from $at vg0/s0 vg0/s1 | lvpatch -g vg1 --part s1.part"
expect_same /dev/vg0/s1 /dev/vg1/s1

say "the whole stream but its end"
run lvremove -y vg1/s1
expect_exit 4 "head -c $((size - 100)) diff | lvpatch -g vg1 --keep-part"
run "lvdiff --roots --rest-from $(up_to) vg0/s0 vg0/s1 | lvpatch --verify-root -g vg1 --part s1.part"
expect_same /dev/vg0/s1 /dev/vg1/s1
