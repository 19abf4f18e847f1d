# lvdiff --list without names: the thin volumes, held against what LVM and the kernel say of them.
source /run/guest/lib.sh

# listed VG/LV KEY: what the list says of a volume, as it stands in list.json.
listed() {
	jq -r --arg name "$1" --arg key "$2" '.volumes[] | select(.name == $name) | .[$key] | tostring' list.json
}

# mapped VG/LV: the bytes that are mapped in an active volume, as the kernel counts them.
mapped() {
	local sectors
	read -r _ _ _ sectors _ < <(dmsetup status "$(dm_name "${1%%/*}" "${1#*/}")")
	echo $((sectors * 512))
}

# text TEXT…: what lvs prints for nothing is null here.
text() {
	echo "${1:-null}"
}

make_vgs vg-a vg1
make_pool vg-a pool-0 192k 128M
make_pool vg-a other 64k 64M
make_pool vg1 pool0 64k 128M
run lvcreate -T vg-a/pool-0 -V 30M -n vm-1
fill /dev/vg-a/vm-1 0 3000
run lvcreate -s -n vm-1-mon vg-a/vm-1
run lvchange --addtag nightly --addtag keep=7 vg-a/vm-1-mon
fill /dev/vg-a/vm-1 2048 4096
discard /dev/vg-a/vm-1 0 1024
run lvcreate -T vg-a/pool-0 -V 1G -n empty
run lvcreate -T vg-a/other -V 16M -n alone
run lvcreate -T vg1/pool0 -V 16M -n vol
run lvcreate -y -L 8M -n thick vg1
sync

say "one pool: every field"
before=$(pool_status vg-a/pool-0 held)
run 'lvdiff --list --json -g vg-a -p pool-0 > list.json'
expect_equal "$OUTPUT" "" "what was said"
expect_equal "$(pool_status vg-a/pool-0 held)" "$before" "the metadata snapshot"
expect_equal "$(jq -r '.volumes[].name' list.json | sort | tr '\n' ' ')" \
	"vg-a/empty vg-a/vm-1 vg-a/vm-1-mon " "the volumes"
for volume in vg-a/empty vg-a/vm-1 vg-a/vm-1-mon; do
	expect_equal "$(listed $volume pool)" pool-0 "$volume's pool"
	expect_equal "$(listed $volume thin_id)" "$(field $volume thin_id)" "$volume's thin id"
	expect_equal "$(listed $volume uuid)" "$(field $volume lv_uuid)" "$volume's UUID"
	expect_equal "$(listed $volume size)" "$(field $volume lv_size)" "$volume's size"
	expect_equal "$(listed $volume origin)" "$(text "$(field $volume origin)")" "$volume's origin"
	created=$(date -d "$(lvs --noheadings -o lv_time $volume)" +%s)
	expect_equal "$(listed $volume created)" "$created" "when $volume was made"
	[ $(($(date +%s) - created)) -lt 3600 ] || fail "$volume was made at $created"
done
expect_equal "$(listed vg-a/vm-1-mon tags)" '["keep=7","nightly"]' "the tags"
expect_equal "$(listed vg-a/vm-1 tags)" '[]' "the tags"
expect_equal "$(listed vg-a/vm-1 active)" true "the volume"
expect_equal "$(listed vg-a/vm-1-mon active)" false "the snapshot"
expect_equal "$(field vg-a/vm-1-mon lv_active)" "" "the snapshot"
expect_equal "$(listed vg-a/vm-1 mapped_bytes)" "$(mapped vg-a/vm-1)" "what is mapped"
expect_equal "$(listed vg-a/empty mapped_bytes)" 0 "what is mapped"
run lvchange -ay -K vg-a/vm-1-mon
expect_equal "$(listed vg-a/vm-1-mon mapped_bytes)" "$(mapped vg-a/vm-1-mon)" "what is mapped"
[ "$(mapped vg-a/vm-1-mon)" -gt 3000000 ] || fail "nothing is mapped"
run lvchange -an vg-a/vm-1-mon

say "a table, and other scopes"
run lvdiff --list -g vg-a -p pool-0
expect_text "VOLUME"
grep -Eq '^vg-a/vm-1-mon +32\.0 MiB +[0-9.]+ MiB +[0-9]+(s|min)  vm-1$' <<< "$OUTPUT" || fail "the row"
awk 'length > 80 { exit 1 }' <<< "$OUTPUT" || fail "a row is wider than 80 columns"
expect_equal "$(wc -l <<< "$OUTPUT")" 4 "the lines"
[[ $OUTPUT != *UUID* && $OUTPUT != *nightly* ]] || fail "there are wide columns"
run lvdiff --list -v -g vg-a -p pool-0
expect_text "keep=7,nightly"
expect_text "$(field vg-a/vm-1 lv_uuid)"
expect_text "  pool-0  "
expect_text "$(date -u -d "@$(listed vg-a/vm-1 created)" +%Y-%m-%dT%H:%M:%SZ)"
names() {
	lvdiff --list --json "$@" | jq -r '.volumes[].name' | sort | tr '\n' ' '
}
expect_equal "$(names -g vg-a)" "vg-a/alone vg-a/empty vg-a/vm-1 vg-a/vm-1-mon " "a group"
expect_equal "$(names)" "vg-a/alone vg-a/empty vg-a/vm-1 vg-a/vm-1-mon vg1/vol " "all groups"
expect_equal "$(names -p pool0)" "vg1/vol " "a pool of any group"
expect_exit 2 lvdiff --list -g none
expect_text "vg-a, vg1"
expect_exit 2 lvdiff --list -g vg1 -p thick
expect_text "vg1/pool0"
no_leftovers

say "a metadata snapshot that somebody else holds: all but what is mapped"
run dmsetup message vg--a-pool--0-tpool 0 reserve_metadata_snap
run 'lvdiff --list --json -g vg-a 2> said > list.json; cat said'
expect_text "it is unknown what is mapped in the volumes of vg-a/pool-0"
expect_text "--force-release"
[[ $OUTPUT != *vg-a/other* ]] || fail "the other pool is not held"
expect_equal "$(listed vg-a/vm-1 mapped_bytes)" null "what is mapped"
expect_equal "$(listed vg-a/vm-1 uuid)" "$(field vg-a/vm-1 lv_uuid)" "the UUID"
expect_equal "$(listed vg-a/alone mapped_bytes)" 0 "what is mapped in another pool"
[ "$(pool_status vg-a/pool-0 held)" != - ] || fail "somebody else's metadata snapshot is gone"
run lvdiff --list -g vg-a -p pool-0
run 'lvdiff --list --json --force-release -g vg-a -p pool-0 > list.json'
expect_equal "$(listed vg-a/vm-1 mapped_bytes)" "$(mapped vg-a/vm-1)" "what is mapped"
no_leftovers

say "no volume is active, but the pool is; and then nothing is"
run lvchange -an vg-a/vm-1 vg-a/empty
run lvchange -ay vg-a/pool-0
run 'lvdiff --list --json -g vg-a -p pool-0 > list.json'
expect_equal "$(listed vg-a/vm-1 active)" false "the volume"
expect_equal "$(listed vg-a/empty mapped_bytes)" 0 "what is mapped"
[ "$(listed vg-a/vm-1 mapped_bytes)" -gt 3000000 ] || fail "what is mapped is not known"
run vgchange -q -an vg-a
remember
run 'lvdiff --list --json -g vg-a -p pool-0 2> said > list.json; cat said'
expect_text "it is not active"
expect_equal "$(listed vg-a/vm-1 mapped_bytes)" null "what is mapped"
unchanged
no_leftovers
