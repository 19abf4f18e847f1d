# What is easily got wrong is answered with what was probably meant: misspelt names, two names in the wrong order,
# a base that is not the stream's, compressed input, a disk that is full, no backup.
source /run/guest/lib.sh

make_twins 32

say "a volume, a pool and a group that are misspelt"
expect_exit 2 'lvdiff vg0/sp0 vg0/vol9 > /tmp/no'
expect_text "there is no volume vol9 in volume group vg0; did you mean vg0/vol0?"
expect_exit 2 'lvdiff -g vg0 sp vol0 > /tmp/no'
expect_text "did you mean vg0/sp0?"
expect_exit 2 'lvdiff --list -g vg0 -p pol0'
expect_text "there is no thin pool pol0 in volume group vg0; did you mean vg0/pool0?"
expect_exit 2 'lvdiff --list -g vgg0'
expect_text "there are no logical volumes in volume group vgg0; did you mean vg0?"
run 'lvdiff -q -o /tmp/diff vg0/sp0 vg0/vol0'
expect_exit 2 'lvpatch -g vg1 -l sp1 < /tmp/diff'
expect_text "there is no volume sp1 in volume group vg1; did you mean vg1/sp0?"
expect_exit 2 'lvpatch --dry-run < /tmp/diff'
expect_text "did you mean --check?"

say "the snapshot and its origin in the wrong order"
expect_equal "$OUTPUT" "lvpatch: unexpected argument '--dry-run': did you mean --check? (see lvpatch --help)" "one line"
run 'lvdiff -o /tmp/diff vg0/sp0 vg0/vol0'
[[ $OUTPUT != *warning* ]] || fail "the order is right"
run 'lvdiff -o /tmp/back vg0/vol0 vg0/sp0'
expect_text "vg0/sp0 is an older state of vg0/vol0, so this leads back to it; what has changed since then is the other order: vg0/sp0 vg0/vol0"
run lvcreate -q -s -kn -n sp1 vg0/vol0
run 'lvdiff -o /tmp/diff1 vg0/sp0 vg0/sp1'
[[ $OUTPUT != *warning* ]] || fail "the order is right"
run 'lvdiff -o /tmp/back1 vg0/sp1 vg0/sp0'
expect_text "vg0/sp0 is an older state of vg0/sp1"
run lvcreate -q -s -kn -n clone vg0/vol0
fill /dev/vg0/clone 4096 64
fill /dev/vg0/vol0 8192 64
run 'lvdiff -o /tmp/clone vg0/vol0 vg0/clone'
[[ $OUTPUT != *"older state"* ]] || fail "a clone that was written to is no older state"

say "the wrong base is told before a name that is taken"
run lvcreate -q -s -kn -n vol0 vg1/sp0
fill /dev/vg1/vol0 0 1024
remember /dev/vg1/sp0 /dev/vg1/vol0
refused 3 'lvpatch -g vg1 -l vol0 < /tmp/diff'
expect_text "vg1/vol0 is not the base"
refused 3 'lvpatch --check -g vg1 -l vol0 < /tmp/diff'
expect_text "vg1/vol0 is not the base"
refused 2 'lvpatch -g vg1 -l sp0 < /tmp/diff'
expect_text "vg1/vol0 already exists"

say "compressed input"
gzip -k /tmp/diff
refused 4 'lvpatch -g vg1 -l sp0 new < /tmp/diff.gz'
expect_text 'standard input: this is gzip data, not a stream: decompress it first (`zcat FILE | …`)'

say "in place without a backup"
run 'lvpatch --in-place -g vg1 -l sp0 --backup /tmp/undo < /tmp/diff'
[[ $OUTPUT != *"without a backup"* ]] || fail "there is one"
run 'lvpatch --in-place -g vg1 -l sp0 < /tmp/undo'
[[ $OUTPUT != *"without a backup"* ]] || fail "an undo needs none"
run 'lvpatch --in-place -g vg1 -l sp0 < /tmp/diff'
expect_text "warning: vg1/sp0 is written in place without a backup"

say "a disk that is full"
mkdir /tmp/small
run mount -t tmpfs -o size=1m none /tmp/small
fill /dev/vg0/vol0 0 8192
expect_exit 7 'lvdiff -o /tmp/small/diff vg0/sp0 vg0/vol0'
expect_text "/tmp/small/diff was not made: the file system at /tmp/small is full"
expect_text "No space left on device"
expect_equal "$(ls -A /tmp/small)" "" "what is in the folder"

say "a signal"
start_diff vg0/sp0 vg0/vol0
kill -INT "$PID"
ended 20
expect_text "the stream is incomplete: writing to standard output: interrupted by SIGINT"
stop_other_end
start_patch /tmp/diff 100000 -g vg1 -l vol0 --no-base-check new
kill -INT "$PID"
ended 20
expect_text "nothing was changed"
no_leftovers
