# The new volume's name: one that is taken, one that LVM does not allow, and one that a stream has
# from somebody who means harm, are refused before anything is done.
source /run/guest/lib.sh

make_twins 4
run 'lvdiff vg0/sp0 vol0 > /tmp/stream'
expected=$(sum /dev/vg0/vol0)

say "the new name is synced, on disks too that have nothing of the volume"
truncate -s 16M /tmp/second
second=$(losetup -f --show /tmp/second)
run vgextend -q vg1 "$second"
# flushes: how many flushes the second disk was sent.
flushes() {
	io_stat "$second" 16
}
before=$(flushes)
run lvcreate -q -T vg1/pool0 -V 4M -n unsynced
run lvremove -q -y vg1/unsynced
expect_equal "$(flushes)" "$before" "flushes that LVM sends"
run 'lvpatch -g vg1 -l sp0 synced < /tmp/stream'
(($(flushes) > before)) || fail "the second disk was sent no flush"
run lvremove -q -y vg1/synced
run vgreduce -q vg1 "$second"
run losetup -d "$second"
rm /tmp/second
run lvchange -an vg1/sp0
run lvcreate -T vg1/pool0 -V 4M -n taken
run lvcreate -y -L 4M -n thick vg1
fill /dev/vg1/taken 0 64 precious
remember /dev/vg1/taken

say "a name that is taken: by a thin volume, another volume, the base, a pool"
for name in taken thick sp0 pool0; do
	refused 2 "lvpatch -g vg1 -l sp0 $name < /tmp/stream"
	expect_text "vg1/$name already exists"
done
run lvcreate -y -L 4M -n vol0 vg1
remember /dev/vg1/taken
refused 2 'lvpatch -g vg1 -l sp0 < /tmp/stream'
expect_text "vg1/vol0 already exists"
run lvremove -y vg1/vol0
remember /dev/vg1/taken

say "nothing of the stream but its header is read before that"
run 'mangle boundaries < /tmp/stream'
read -r _ _ begin length <<< "$(grep BASE <<< "$OUTPUT")"
head -c $((begin + length)) /tmp/stream > /tmp/head
refused 2 'lvpatch -g vg1 -l sp0 taken < /tmp/head'
expect_text "already exists"

say "names that LVM does not allow"
long=$(printf 'x%.0s' {1..200})
for name in a/b ../x . .. "a b" "a;b" "a\$b" "" vol0@1 ö pvmove0 snapshot snapshot1 x_tdata x_tmeta \
	pool0_tdata x_mimage x_rimage_0 x_cdata x_vorigin lvol0_pmspare "$long"; do
	refused 2 "lvpatch -g vg1 -l sp0 -- '$name' < /tmp/stream"
done
refused 2 "lvpatch -g vg1 -l sp0 -- --foo < /tmp/stream"
refused 2 "lvpatch -g vg1 -l sp0 --foo < /tmp/stream"
refused 2 "lvpatch -g vg1 -l sp0 -- -n < /tmp/stream"

say "LVM itself allows none of them"
for name in a/b . .. "a b" "a;b" vol0@1 pvmove0 snapshot1 x_tdata x_mimage x_vorigin "$long" --foo; do
	show lvcreate -T vg1/pool0 -V 4M "--name=$name"
	! lvcreate -T vg1/pool0 -V 4M "--name=$name" 2>&1 || fail "LVM allows $name"
done
unchanged

say "the longest name that LVM allows, and one with all the characters that there are"
fits=$(printf 'x%.0s' {1..121})
for name in "$fits" a+b_c.d-e--f A0 _a +a .a lvdiff_tmp; do
	run "lvpatch -g vg1 -l sp0 -- '$name' < /tmp/stream"
	expect_equal "$(sum "/dev/vg1/$name")" "$expected" "the new volume"
	run lvremove -y "vg1/$name"
done
unchanged
refused 2 "lvpatch -g vg1 -l sp0 ${fits}x < /tmp/stream"
show lvrename vg1 taken "${fits}x"
! lvrename vg1 taken "${fits}x" 2>&1 || fail "LVM allows one more character"
unchanged

# hostile NAME: the stream has this name.
hostile() {
	mangle rename "$1" < /tmp/stream > /tmp/hostile
	! cmp -s /tmp/stream /tmp/hostile || fail "nothing was renamed"
}

say "a stream with a hostile name: refused, unless another one is given"
for name in --foo -n a/b ../x /etc/x taken "a b" 'a;touch /tmp/harm' '$(touch /tmp/harm)' '`touch /tmp/harm`' \
	pool0_tdata "${long}" --config=x @tag; do
	hostile "$name"
	show "a stream named $name"
	run 'lvpatch --verify < /tmp/hostile'
	refused 2 'lvpatch -g vg1 -l sp0 < /tmp/hostile'
	expect_text "name"
done
run 'lvpatch -g vg1 -l sp0 good < /tmp/hostile'
expect_equal "$(sum /dev/vg1/good)" "$expected" "the new volume"
run lvremove -y vg1/good
unchanged
[ ! -e /tmp/harm ] || fail "a name was a command"

say "a name that no header can have"
for name in "" $'a\nb' $'\e[2J' "$long$long"; do
	hostile "$name"
	refused 4 'lvpatch -g vg1 -l sp0 < /tmp/hostile'
	refused 4 'lvpatch -g vg1 -l sp0 good < /tmp/hostile'
	refused 4 'lvpatch --info < /tmp/hostile'
	[[ $OUTPUT != *$'\e'* ]] || fail "the terminal gets an escape sequence"
done

say "a hostile name of the base, which counts where -l does not name one"
for name in --foo a/b ../x vg0/sp0 vg1/taken /dev/vg1/taken 'sp0;x' nothing; do
	mangle rename-base "$name" < /tmp/stream > /tmp/hostile
	run 'lvpatch --verify < /tmp/hostile'
	refused 2 'lvpatch -g vg1 < /tmp/hostile'
	refused 2 'lvpatch < /tmp/hostile'
done
run 'lvpatch -g vg1 -l sp0 good < /tmp/hostile'
run lvremove -y vg1/good
run 'lvpatch -g vg1 good < /tmp/stream'
expect_equal "$(sum /dev/vg1/good)" "$expected" "the new volume"
run lvremove -y vg1/good
unchanged

say "a name that is taken while the stream arrives"
run lvremove -y vg1/thick
start_patch /tmp/stream 150000 -g vg1 -l sp0 late
wait_until temporary_volume vg1
run lvcreate -T vg1/pool0 -V 4M -n late
fill /dev/vg1/late 0 64 precious
run lvs -o lv_full_name,lv_uuid
precious=$(sum /dev/vg1/late)
go_on
ended 10
stop_other_end
[ "$STATUS" != 0 ] || fail "it succeeded"
expect_text "late"
expect_equal "$(sum /dev/vg1/late)" "$precious" "the other's volume"
run lvremove -y vg1/late
no_leftovers

say "the same name twice at once: one of them gets it"
for ((i = 0; i < 5; i++)); do
	remember
	lvpatch -g vg1 -l sp0 < /tmp/stream 2> /tmp/other &
	other=$!
	lvpatch -g vg1 -l sp0 < /tmp/stream 2> /tmp/.said &
	PID=$!
	first=0
	wait $other || first=$?
	cat /tmp/other
	ended 20
	[[ $first$STATUS == @(0[12]|[12]0) ]] || fail "exit statuses $first and $STATUS"
	expect_equal "$(sum /dev/vg1/vol0)" "$expected" "the new volume"
	run lvremove -y vg1/vol0
	unchanged
done
no_leftovers

say "an lvrename that fails when it is done: the new volume is there, and right"
remember
mkdir /tmp/shim
cat > /tmp/shim/lvrename <<'SHIM'
#!/bin/bash
/usr/sbin/lvrename "$@"
echo "something else went wrong" >&2
exit 5
SHIM
chmod +x /tmp/shim/lvrename
run 'PATH=/tmp/shim:$PATH lvpatch -g vg1 -l sp0 < /tmp/stream'
expect_text "something else went wrong"
expect_equal "$(sum /dev/vg1/vol0)" "$expected" "the new volume"
run lvremove -y vg1/vol0
unchanged

say "one that fails before it has begun: nothing is there"
sed -i '/usr.sbin/d' /tmp/shim/lvrename
refused 1 'PATH=/tmp/shim:$PATH lvpatch -g vg1 -l sp0 < /tmp/stream'
no_leftovers

say "a base that has lost its name to another volume just while LVM makes the snapshot: it is not taken for the base's"
rm /tmp/shim/lvrename
run lvcreate -q -T vg1/pool0 -V 4M -n impostor
remember
cat > /tmp/shim/lvcreate <<'SHIM'
#!/bin/bash
lvrename -q vg1 sp0 away
lvrename -q vg1 impostor sp0
/usr/sbin/lvcreate "$@"
status=$?
lvrename -q vg1 sp0 impostor
lvrename -q vg1 away sp0
exit $status
SHIM
chmod +x /tmp/shim/lvcreate
refused 1 'PATH=/tmp/shim:$PATH lvpatch -g vg1 -l sp0 < /tmp/stream'
expect_text "it was renamed or removed in the meantime"
no_leftovers
