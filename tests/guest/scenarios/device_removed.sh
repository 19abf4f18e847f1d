# Somebody takes away the table of the device that lvpatch writes to. LVM's first lvremove then fails.
source /run/guest/lib.sh

make_twins 8
run 'lvdiff vg0/sp0 vol0 > /tmp/stream'
remember /dev/vg1/sp0

start_patch /tmp/stream 100000 -g vg1 -l sp0
wait_until written_now vg1
device=$(device_of_temporary vg1)
say "$device becomes one of errors"
# It is open, so it cannot be removed; but what it had is gone.
dmsetup remove --force "$device" || true
expect_equal "$(dmsetup table "$device" | cut -d ' ' -f 3)" error "its table"
go_on
ended 20
stop_other_end
expect_equal "$STATUS" 1 "the status"
expect_text "Input/output error"
unchanged

run 'lvpatch -g vg1 -l sp0 < /tmp/stream'
expect_equal "$(sum /dev/vg1/vol0)" "$(sum /dev/vg0/vol0)" "the new volume"
