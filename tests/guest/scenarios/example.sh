# The README's example as it stands, and what can be said of its stream.
#@ also on: debian-13
#@ quick
source /run/guest/lib.sh

make_vgs

say "the example: a base, and a volume that changed since"
run 'lvcreate --thinpool vg0/pool0 -l 90%FREE vg0; lvcreate -T vg0/pool0 -V 500M -n vol0'
run lvcreate -s -n sp0 vg0/vol0
run mkfs.ext4 -q /dev/vg0/vol0
mkdir /tmp/mnt
run mount /dev/vg0/vol0 /tmp/mnt
run 'echo "hello world" > /tmp/mnt/hello'
run umount /tmp/mnt
source_sum=$(sum /dev/vg0/vol0)

say "without -g, while the names are unique"
run 'lvdiff sp0 vol0 > unique.diff'
run 'lvpatch --verify < unique.diff'

say "the difference: only the stream is on standard output"
run "lvdiff -g vg0 --pair 'Author:Someone' --pair 'Message: hello world' sp0 vol0 > test.diff"
sha1=$(sed -n 's/^SHA1: //p' <<< "$OUTPUT")
expect_equal "$sha1" "$(sha1sum test.diff | cut -d ' ' -f 1)" "the SHA-1 on standard error"
expect_text "$(stat -c %s test.diff) bytes written"
expect_equal "$(head -n 1 test.diff | tr -d '\0')" HYPERLAYER/2.0 "the first line"
# Whatever stood before, within or after the stream would make it unsound.
run 'lvpatch --verify < test.diff'
run 'lvdiff -q -g vg0 sp0 vol0 2>&1 > /dev/null'
expect_equal "$OUTPUT" "" "standard error with -q"

say "the header, with the pairs in their order"
run 'lvpatch --info < test.diff | grep -v "^Base digest"'
expect_equal "$(grep '^Pair:' <<< "$OUTPUT" | sed 's/^Pair: *//')" \
	$'Author: Someone\nMessage: hello world' "the pairs"
for line in "Volume: *vol0, 524288000 bytes" "UUID: *$(field vg0/vol0 lv_uuid)" \
	"Base: *sp0, 524288000 bytes" "Base UUID: *$(field vg0/sp0 lv_uuid)" "Detect level: *2" \
	"Chunk size: *$(field vg0/pool0 chunksize) bytes"; do
	grep -qx "$line" <<< "$OUTPUT" || fail "the header lacks: $line"
done
run 'lvpatch --info --json < test.diff | tr -d " \n" | sed "s/\"base_digests\":[^]]*\]/…/"'
expect_text '"pairs":[{"key":"Author","value":"Someone"},{"key":"Message","value":"helloworld"}]'

say "on the other side, where sp0 is identical"
run 'lvcreate --thinpool vg1/pool0 -l 90%FREE vg1; lvcreate -T vg1/pool0 -V 500M -n sp0'
base_sum=$(sum /dev/vg1/sp0)
expect_equal "$base_sum" "$(head -c 500M /dev/zero | sha256sum | cut -d ' ' -f 1)" "an empty volume"
run 'cat test.diff | lvpatch --report json -g vg1 -l sp0'
expect_text "vg1/vol0"
report=$(tail -n 1 <<< "$OUTPUT")
for field in '"exit_code":0' '"name":"vg1/vol0"' "\"uuid\":\"$(field vg1/vol0 lv_uuid)\"" '"end_is_verified":true'; do
	grep -qF "$field" <<< "$report" || fail "the report lacks $field: $report"
done
expect_equal "$(sum /dev/vg1/vol0)" "$source_sum" "the new volume"
expect_equal "$(sum /dev/vg1/sp0)" "$base_sum" "the base"
expect_equal "$(sum /dev/vg0/vol0)" "$source_sum" "the source"
expect_equal "$(field vg1/vol0 origin)" sp0 "the new volume's origin"
run mount /dev/vg1/vol0 /tmp/mnt
run cat /tmp/mnt/hello
expect_equal "$OUTPUT" "hello world" "the file"
run umount /tmp/mnt

say "the names are in both groups now"
expect_exit 2 'lvdiff sp0 vol0 > ambiguous.diff'
expect_text "vg0/sp0, vg1/sp0"
expect_equal "$(stat -c %s ambiguous.diff)" 0 "the size of a stream that was not made"
no_leftovers
