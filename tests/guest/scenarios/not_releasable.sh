# A pool's data fails while lvdiff holds its metadata snapshot. The kernel then makes the pool read-only,
# and lets nobody release the metadata snapshot before the pool has been checked: the next run does.
source /run/guest/lib.sh
source /run/guest/torture/devices.sh

make_twins 4
run lvchange -ay -K vg0/sp0
run 'lvdiff -d 0 vg0/sp0 vol0 > /tmp/before'
remember /dev/vg0/sp0 /dev/vg0/vol0

slow vg0-pool0_tmeta 300
unignored lvdiff -d 0 vg0/sp0 vol0 > /tmp/during 2> /tmp/.said &
PID=$!
wait_until held vg0/pool0
become vg0-pool0_tdata flakey 0 1000
ended 20
quick vg0-pool0_tmeta
lift
expect_equal "$STATUS" 1 "the status"
expect_text "cannot be released"
expect_text "lvmthin(7)"
[[ $OUTPUT != *"another program"* ]] || fail "nobody else released it"
[ ! -s /tmp/during ] || fail "something was written all the same"
held vg0/pool0 || fail "it is released after all"

say "before the check nothing can be done, and that is what is said"
run dmsetup status vg0-pool0-tpool
expect_text " ro "
expect_exit 1 'lvdiff -d 0 vg0/sp0 vol0 > /dev/null'
expect_text "needs a check"
held vg0/pool0 || fail "it is released after all"

say "after it the next run releases it"
! revive vg0 || fail "the pool needed no check"
run 'lvdiff -d 0 vg0/sp0 vol0 > /tmp/after'
expect_text "releasing the metadata snapshot"
run 'mangle records < /tmp/before > /tmp/before.records'
run 'mangle records < /tmp/after | cmp - /tmp/before.records'
unchanged
no_leftovers vg0/sp0
check_pool vg0/pool0
