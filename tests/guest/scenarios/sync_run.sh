# lvsync run: a job of two volumes and two targets, with hooks, and something that is frozen meanwhile.
#@ guests: two
source /run/guest/lib.sh
source /run/guest/net.sh
join_network

# names VG: the points or copies there, oldest first.
names() {
	lvs --noheadings -o lv_name -O lv_name "$1" | tr -d ' ' | grep '\.sync\.' || true
}

# state: everything that a run could change.
state() {
	lvs --noheadings -o lv_full_name,lv_tags vg0 vg1
	on_b 'lvs --noheadings -o lv_full_name,lv_tags vg1'
	cat /var/lib/lvsync/* 2>/dev/null || true
}

mount -t tmpfs tmpfs /var/lib
make_vgs
make_pool vg0 pool0 64k 192M
make_pool vg1 pool0 64k 192M
run 'ssh root@b lvcreate --type thin-pool --chunksize 64k -L 192M -n pool0 vg1'
run lvcreate -T vg0/pool0 -V 64M -n db
run lvcreate -T vg0/pool0 -V 16M -n log
run mkfs.ext4 -q /dev/vg0/db
mkdir /tmp/db
run mount /dev/vg0/db /tmp/db
run 'echo first > /tmp/db/file'
fill /dev/vg0/log 0 1024 first

# What stands for libvirt notes what it was asked for.
mkdir /tmp/bin
cat > /tmp/bin/virsh <<-VIRSH
	#!/bin/bash
	echo "\$*" >> /tmp/virsh
	[ "\$1" != domstate ] || echo running
VIRSH
chmod +x /tmp/bin/virsh
PATH=/tmp/bin:$PATH

cat > /tmp/jobs.toml <<-JOBS
	[job.nightly]
	volumes = ["vg0/d?", "vg0/log"]
	to = ["vg1/pool0", "root@b:vg1/pool0"]
	freeze = "libvirt:vm1"
	keep = { last = 2 }
	hook = [
	  { pre = "echo pre1 \$LVSYNC_JOB >> /tmp/hooks", post = "echo post1 >> /tmp/hooks" },
	  { pre = "echo pre2 >> /tmp/hooks", post = "echo post2 >> /tmp/hooks" },
	]
JOBS

say "a plan changes nothing"
before=$(state)
run lvsync run --dry-run -c /tmp/jobs.toml
expect_text "vg0/db: takes vg0/db.sync."
expect_text "to root@b:vg1/pool0: all of it"
expect_equal "$(state)" "$before" "what is there"
[ ! -e /tmp/hooks ] || fail "a hook was run"

say "the first run: everything, to both"
run lvsync run -c /tmp/jobs.toml
expect_equal "$(names vg0 | wc -l) $(names vg1 | wc -l)" "2 2" "the points and the copies"
expect_equal "$(on_b 'lvs --noheadings -o lv_name vg1' | tr -d ' ' | grep sync)" "$(names vg0)" "the copies on b"
expect_equal "$(tr '\n' ' ' < /tmp/hooks)" "pre1 nightly pre2 post2 post1 " "the hooks"
expect_equal "$(lvs --noheadings -o lv_tags vg0 | grep -o 'lvsync.set=[^,]*' | sort -u | wc -l)" 1 "the sets"
run cat /var/lib/lvsync/nightly.json
expect_text '"exit_code": 0'
expect_equal "$(tr '\n' , < /tmp/virsh)" "domstate -- vm1,domfsfreeze -- vm1,domfsthaw -- vm1," "what libvirt was asked for"

say "what has changed since"
sleep 1.1
run 'echo second > /tmp/db/file'
run lvsync run --dry-run -c /tmp/jobs.toml nightly
expect_text "to vg1/pool0: since vg0/db.sync."
run lvsync run -c /tmp/jobs.toml nightly
expect_text "since vg0/db.sync."
newest=$(names vg1 | grep ^db | tail -n 1)
run lvchange -ay -K "vg1/$newest"
run "debugfs -R 'cat /file' /dev/vg1/$newest"
expect_text second
run lvchange -an "vg1/$newest"

say "one target is away: the other one is served, and nothing is removed"
sleep 1.1
sed 's/root@b/root@nowhere/' /tmp/jobs.toml > /tmp/away.toml
expect_exit 8 lvsync run -c /tmp/away.toml
expect_text "vg0/db to root@nowhere:vg1/pool0: "
expect_text "vg0/log to root@nowhere:vg1/pool0: "
expect_text "2 of 4 copies could not be made"
expect_equal "$(names vg0 | wc -l) $(names vg1 | wc -l)" "6 6" "the points and the copies"
run cat /var/lib/lvsync/nightly.json
expect_text '"exit_code": 8'

say "then both, and points that nobody needs go"
sleep 1.1
run lvsync run -c /tmp/jobs.toml
expect_text "is removed: no rule of job nightly wants it"

say "a fatal hook that fails: nothing is taken, and what was begun is ended"
sleep 1.1
rm /tmp/hooks
before=$(names vg0)
sed 's|echo pre2 >> /tmp/hooks|false|' /tmp/jobs.toml > /tmp/fatal.toml
printf 'on_failure = "echo \\"$LVSYNC_JOB $LVSYNC_EXIT_CODE\\" > /tmp/failed"\n' >> /tmp/fatal.toml
expect_exit 1 lvsync run -c /tmp/fatal.toml
expect_text 'the hook "false"'
expect_equal "$(names vg0)" "$before" "the points"
expect_equal "$(tr '\n' ' ' < /tmp/hooks)" "pre1 nightly post2 post1 " "the hooks"
expect_equal "$(cat /tmp/failed)" "nightly 1" "what on_failure was told"

say "another run has the lock"
cat > /tmp/slow.toml <<-JOBS
	[job.nightly]
	volumes = "vg0/log"
	to = "vg1/pool0"
	hook = [{ pre = "touch /tmp/begun; sleep 60" }]
JOBS
lvsync run -c /tmp/slow.toml &
slow=$!
wait_until test -e /tmp/begun
expect_exit 9 lvsync run -c /tmp/jobs.toml
expect_text "process $slow, which began at"
kill -TERM "$slow"
wait "$slow" || true
expect_equal "$(names vg0)" "$before" "the points"

say "lvsync is killed while a domain is frozen: it goes on within seconds"
mkdir /tmp/slow
cat > /tmp/slow/lvcreate <<-SLOW
	#!/bin/bash
	touch /tmp/frozen
	sleep 20
	exit 1
SLOW
chmod +x /tmp/slow/lvcreate
rm /tmp/virsh
PATH=/tmp/slow:$PATH lvsync run -c /tmp/jobs.toml &
killed=$!
wait_until test -e /tmp/frozen
if grep -q domfsthaw /tmp/virsh; then fail "it is thawed already"; fi
kill -9 "$killed"
wait "$killed" || true
wait_until grep -q domfsthaw /tmp/virsh

say "a file system is frozen until standard input ends"
mkfifo /tmp/fifo
lvsync hold -- mount vg0/db < /tmp/fifo > /tmp/said &
exec 7> /tmp/fifo
wait_until grep -q frozen /tmp/said
touch /tmp/db/while 7>&- &
waits=$!
sleep 1
kill -0 "$waits" || fail "the file system is not frozen"
exec 7>&-
run timeout 10 touch /tmp/db/after
wait "$waits"

say "LVM takes a snapshot of a frozen file system on a newer kernel"
sleep 1.1
sed 's/libvirt:vm1/mount/' /tmp/jobs.toml > /tmp/mount.toml
before=$(names vg0)
if [ "$(printf '%s\n' 6.8 "$(uname -r)" | sort -V | head -n 1)" = 6.8 ]; then
	run lvsync run -c /tmp/mount.toml
else
	expect_exit 1 lvsync run -c /tmp/mount.toml
	expect_text "from Linux 6.8 on"
	expect_equal "$(names vg0)" "$before" "the points"
fi
run touch /tmp/db/thawed

say "errors of the file have a line"
sed 's/keep = { last/keep = { lats/' /tmp/jobs.toml > /tmp/wrong.toml
expect_exit 2 lvsync run -c /tmp/wrong.toml
expect_text '/tmp/wrong.toml:5: "lats" is no key of keep; did you mean last?'
sed 's|"vg0/log"|"vg0/lgo"|' /tmp/jobs.toml > /tmp/wrong.toml
expect_exit 2 lvsync run -c /tmp/wrong.toml
expect_text "/tmp/wrong.toml:2: "
expect_text "did you mean vg0/log?"
expect_exit 2 lvsync run -c /tmp/jobs.toml nigthly
expect_text "did you mean nightly?"
run umount /tmp/db
