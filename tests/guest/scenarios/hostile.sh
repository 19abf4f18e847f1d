# Streams and files from somebody who means harm, where LVM would act on them: refused, and nothing is
# done. Names are in new_name.
source /run/guest/lib.sh

make_twins 4
run 'lvdiff vg0/sp0 vol0 > /tmp/stream'
run 'lvdiff vg0/vol0 > /tmp/full'
base=$(sum /dev/vg1/sp0)
run lvchange -an vg1/sp0
remember

# The stream is refused as damaged, for a new volume and in place.
everywhere() {
	expect_exit 4 "lvpatch -g vg1 -l sp0 new < $1"
	expect_exit 4 "lvpatch --in-place -g vg1 -l sp0 --backup /tmp/undo -i $1"
	[ ! -e /tmp/undo ] || fail "a backup of nothing"
}

say "sizes and chunks that no header can have"
for field in target-size base-size chunk-size changed unmapped; do
	for number in 9223372036854775808 18446744073709551104; do
		run "mangle number $field $number < /tmp/stream > /tmp/hostile"
		everywhere /tmp/hostile
	done
done
for number in 0 1 2147483648; do
	run "mangle number chunk-size $number < /tmp/stream > /tmp/hostile"
	everywhere /tmp/hostile
done
unchanged

say "a volume of 8 EiB, whose header is sound"
run 'mangle number target-size 9223372036854775296 < /tmp/stream > /tmp/hostile'
run 'lvpatch --verify -q < /tmp/hostile'
refused 1 'lvpatch -g vg1 -l sp0 new < /tmp/hostile'
refused 2 'lvpatch --in-place -g vg1 -l sp0 -i /tmp/hostile'
run 'mangle number target-size 9223372036854775296 < /tmp/full > /tmp/hostile'
refused 1 'lvpatch -g vg1 -p pool0 new < /tmp/hostile'
run 'mangle number base-size 9223372036854775296 < /tmp/stream > /tmp/hostile'
refused 3 'lvpatch -g vg1 -l sp0 new < /tmp/hostile'

say "chunks that the pool has not"
run 'mangle number chunk-size 1073741824 < /tmp/stream > /tmp/hostile'
refused 1 'lvpatch -g vg1 -l sp0 --no-base-check new < /tmp/hostile'

say "records that overlap, go back, or lie outside"
last=$(($(mangle boundaries < /tmp/stream | wc -l) - 1))
for record in "ZERO 0 512" "ZERO 4194304 512" "DISC 3211264 18446744073706340352" "DATA 4193792 512"; do
	run "mangle record $last $record < /tmp/stream > /tmp/hostile"
	everywhere /tmp/hostile
done
unchanged

say "another user's files where the locks are"
echo precious > /tmp/precious
start_patch /tmp/stream 100000 -g vg1 -l sp0 planted
wait_until temporary_volume vg1
locks=$(compgen -G '/run/lock/lvdiff.*' || true)
echo "$locks"
go_on
ended 20
stop_other_end
expect_equal "$STATUS" 0 "the status"
run lvremove -y vg1/planted
unchanged
[ -n "$locks" ] || fail "it has no lock file"
for lock in $locks; do
	ln -s /tmp/precious "$lock"
	show "a link at $lock"
	status=0
	lvpatch -g vg1 -l sp0 planted < /tmp/stream > /tmp/.output 2>&1 || status=$?
	cat /tmp/.output
	expect_equal "$(cat /tmp/precious)" precious "what the link leads to"
	grep -q "was not created by lvdiff or lvpatch" /tmp/.output || fail "it does not say what is wrong"
	[ "$status" = 1 ] || fail "exit status $status with a link at $lock"
	rm "$lock"
	unchanged
done
no_leftovers
run lvchange -ay vg1/sp0
expect_equal "$(sum /dev/vg1/sp0)" "$base" "the base"
