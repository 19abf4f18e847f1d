# lvsync list, promote, status, and serve behind a key's forced command: what an administrator looks at, and what a
# source may do.
#@ guests: two
source /run/guest/lib.sh
source /run/guest/net.sh
join_network

# new_key NAME COMMAND: a key of guest a for which b runs nothing but COMMAND; ssh uses it for the host NAME.
new_key() {
	run ssh-keygen -q -t ed25519 -N '' -f "/root/.ssh/$1"
	sed "s#^Host b#Host $1#; s#/root/.ssh/user#/root/.ssh/$1#" /root/.ssh/config.b >> /root/.ssh/config
	echo "restrict,command=\"$2\" $(cat "/root/.ssh/$1.pub")" | ssh root@b 'cat >> /run/ssh/user.pub'
}

# on_b_names: the copies on b, oldest first.
on_b_names() {
	on_b 'lvs --noheadings -o lv_name -O lv_name vg1' | tr -d ' ' | grep '\.sync\.' || true
}

# expect_shown_safely: ends the scenario if a terminal would obey the last output.
expect_shown_safely() {
	[[ $OUTPUT != *$'\e'* ]] || fail "an escape sequence reached the terminal"
}

cp /root/.ssh/config /root/.ssh/config.b
run vgcreate -y vg0 /dev/ubda
make_pool vg0 pool0 64k 128M
run lvcreate -T vg0/pool0 -V 16M -n vol0
fill /dev/vg0/vol0 0 512 first
run 'ssh root@b lvcreate --type thin-pool --chunksize 64k -L 128M -n pool0 vg1'
new_key one "lvsync serve --pool vg1/pool0 --append-only --prefix a-"
new_key two "lvsync serve --pool vg1/pool0 --prefix b-"

say "each key has names of its own, and sees no others"
run lvsync push vg0/vol0 root@one:vg1/pool0
expect_text "all of it"
first=$(on_b_names)
[[ $first == a-vol0.sync.* ]] || fail "the copy is called $first"
sleep 1.1
fill /dev/vg0/vol0 1024 64 second
run lvsync push vg0/vol0 root@one:vg1/pool0
expect_text "since vg0/${first#a-}"
second=$(on_b_names | tail -n 1)
expect_equal "$(on_b field "vg1/$second" origin)" "$first" "the origin of the copy"
run lvsync list root@two:vg1/pool0
expect_equal "$OUTPUT" "" "what the other key sees"
sleep 1.1
run lvsync push vg0/vol0 root@two:vg1/pool0
expect_equal "$(on_b_names | grep -c '^b-vol0')" 1 "the copies of the other key"

say "what ssh was asked for is compared, and never run"
expect_exit 2 lvsync push vg0/vol0 root@one:vg1/pool1
expect_text 'this key is for copies in vg1/pool0, and it was used for "--pool vg1/pool1"'
for command in 'touch /run/was_here' 'lvsync serve --pool vg1/pool0; touch /run/was_here' \
	'lvsync serve --pool vg1/$(touch /run/was_here)' 'lvsync serve --pool vg1/pool0 --prefix b-' \
	$'\e[2J'; do
	expect_exit 2 ssh root@one "$command"
	expect_text "this key is for copies in vg1/pool0"
	expect_shown_safely
done
run ssh root@b '! [ -e /run/was_here ]'
expect_exit 2 lvsync serve --pool vg1/pool0 --prefix 'a/'

say "the list of both sides"
run lvsync list vg0/vol0 root@one:vg1/pool0
expect_text "vg0/vol0 -> root@one:vg1/pool0"
expect_equal "$(awk '$1 == 2 { print $6, $7 }' <<< "$OUTPUT")" "both #1" "the second point"
! grep -q '.\{81\}' <<< "$OUTPUT" || fail "a line has more than 80 columns"
[[ $OUTPUT != *lvsync.of=* ]] || fail "the tags are shown without -v"
run lvsync list -v vg0/vol0 root@one:vg1/pool0
expect_text "lvsync.of=$(field vg0/vol0 lv_uuid)"
run lvsync list --json vg0/vol0 root@one:vg1/pool0
expect_text "\"uuid\": \"$(field vg0/vol0 lv_uuid)\""
expect_text "\"name\": \"vg1/$second\""
run lvsync list
expect_text "vg0/vol0"
run 'ssh root@b lvsync list'
expect_text "vol0 -> vg1/pool0"
expect_exit 2 lvsync list vg0/nothing
expect_exit 2 lvsync list root@one:vg1/pool0 vg0/vol0
(sleep 0.5; lvsync list 2> /tmp/.said || true) | true
expect_equal "$(cat /tmp/.said)" "" "what is said to a reader that went away"

say "a copy is promoted, and the old source may not go on beside it"
third=$(on_b_names | grep '^a-' | tail -n 1)
expect_exit 2 ssh root@b lvsync promote "vg1/$third" pool0
expect_exit 2 ssh root@b lvsync promote "vg1/$third" snapshot1
expect_exit 2 lvsync promote vg0/vol0 new0
expect_equal "$(on_b field "vg1/$third" lv_tags | grep -c promoted || true)" 0 "tags of what failed"
run ssh root@b lvsync promote "vg1/$third" new0
expect_equal "$(on_b field vg1/new0 lv_active) $(on_b field vg1/new0 lv_permissions)" "active writeable" "vg1/new0"
expect_equal "$(on_b field vg1/new0 origin) $(on_b field vg1/new0 lv_skip_activation)" "$third " "vg1/new0"
run ssh root@b lvs --noheadings -o lv_tags "vg1/$third"
expect_text "lvsync.promoted=$(on_b field vg1/new0 lv_uuid)"
expect_twins "vg0/${third#a-}" vg1/new0
expect_exit 1 ssh root@b lvsync promote "vg1/$third" new1
expect_text "vg1/new0 was made of it"
sleep 1.1
before=$(lvs --noheadings -o lv_name,lv_tags vg0)
expect_exit 1 lvsync push vg0/vol0 root@one:vg1/pool0
expect_text "vg1/new0 was made of its copy vg1/$third"
expect_text "lvsync promote --release vg1/$third"
expect_equal "$(lvs --noheadings -o lv_name,lv_tags vg0)" "$before" "the points after a push that was refused"
run lvsync list vg0/vol0 root@one:vg1/pool0
expect_text "promoted"
run 'ssh root@b fill /dev/vg1/new0 0 64 new || true'
run ssh root@b lvsync promote --release "vg1/$third"
expect_exit 2 ssh root@b lvsync promote --release "vg1/$third"
run lvsync push vg0/vol0 root@one:vg1/pool0
expect_text "since vg0/${third#a-}"

say "what fails leaves nothing: LVM does not activate the new volume"
fourth=$(on_b_names | grep '^a-' | tail -n 1)
on_b 'cp -r "$LVM_SYSTEM_DIR" /run/filtered; echo "activation { volume_list=[\"vg9\"] }" >> /run/filtered/lvm.conf'
before=$(on_b 'lvs --noheadings -o lv_name,lv_tags vg1')
expect_exit 1 ssh root@b "LVM_SYSTEM_DIR=/run/filtered lvsync promote vg1/$fourth new2"
expect_equal "$(on_b 'lvs --noheadings -o lv_name,lv_tags vg1')" "$before" "the volumes on b"

say "a host that says what it must not"
cat > /tmp/evil <<'SCRIPT'
#!/bin/bash
read -r _
echo '{"answer":"hello","protocol":1,"program":"evil"}'
read -r _
echo '{"answer":"list","copies":[{"of":"\u001b[2J","source":"\u001b","at":9223372036854775807,"name":"vg1/\u001b[31m\u202e\nx","uuid":"\u0007","size":18446744073709551615,"base":"\u001b","tags":["\u001b]0;x\u0007"],"verified_at":-9223372036854775808}]}'
SCRIPT
printf '#!/bin/bash\nprintf "\\033[2J\\n"\n' > /tmp/garbage
for name in evil garbage; do
	ssh root@b "cat > /run/$name; chmod 755 /run/$name" < "/tmp/$name"
	new_key "$name" "/run/$name"
done
run lvsync list -v root@evil:vg1/pool0
expect_shown_safely
expect_equal "$(wc -l <<< "$OUTPUT")" 3 "the lines"
run lvsync list --json root@evil:vg1/pool0
expect_shown_safely
expect_exit 1 lvsync list root@garbage:vg1/pool0
expect_text "does not speak lvsync's protocol"
expect_shown_safely

say "the state of the jobs"
mkdir /tmp/reports
# report JOB AGE ERROR: a report of one volume, whose newest copy is AGE hours old.
report() {
	local at=$(($(date +%s) - $2 * 3600))
	cat > "/tmp/reports/$1.json" <<-REPORT
		{"job": "$1", "last_try": $at, "last_success": $at, "error": $3, "exit_code": 0, "volumes": [
		{"volume": "vg0/vol0", "uuid": "$(field vg0/vol0 lv_uuid)", "target": "root@one:vg1/pool0",
		"last_try": $at, "last_success": $at, "point_at": $at, "sent_bytes": 65536, "seconds": 0.5, "error": $3,
		"partial_at": null, "verified_at": null, "verification": null, "pool_data_percent": 12.5,
		"pool_metadata_percent": 3.0}]}
	REPORT
}
status() {
	expect_exit "$1" lvsync status --reports /tmp/reports "${@:2}"
}
expect_exit 3 lvsync status --nagios --reports /tmp/nowhere
expect_text "LVSYNC UNKNOWN - no job has run"
report nightly 1 null
status 0 --nagios
expect_text "LVSYNC OK - 1 copy of 1 job"
expect_text ";93600;180000"
status 0
expect_text "nightly: ok"
report nightly 30 null
status 1 --nagios
status 0 --nagios --warn 31h
report nightly 1 '"ssh ended"'
status 1 --nagios
expect_text "the last try failed: ssh ended"
report weekly 60 null
status 2 --nagios
expect_text "LVSYNC CRITICAL - weekly: vg0/vol0 to root@one:vg1/pool0: the newest copy is 2d old"
status 1 --nagios nightly
status 3 --nagios never
echo '{' > /tmp/reports/broken.json
status 3 --nagios broken
status 0 --json
expect_text '"state": "critical"'
status 2 --nagios ../nightly
status 0 --prometheus /tmp/lvsync.prom
grep -q '^lvsync_pool_data_used_ratio{job="nightly",volume="vg0/vol0",target="root@one:vg1/pool0"} 0.125$' /tmp/lvsync.prom
grep -q '^lvsync_job_report_readable{job="broken"} 0$' /tmp/lvsync.prom
expect_equal "$(stat -c %a /tmp/lvsync.prom)" 644 "who may read the metrics"
status 1 --prometheus /tmp/nowhere/lvsync.prom

say "units"
run lvsync units nightly
expect_text "Persistent=true"
expect_exit 2 lvsync units --calendar $'daily\nX=1' nightly
expect_exit 2 lvsync units 'a b'
