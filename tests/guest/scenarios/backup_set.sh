# A full backup and a chain of increments: any point of it comes back, and a wrong one does not.
source /run/guest/lib.sh

make_vgs
make_pool vg0 pool0 64k 192M
make_pool vg1 pool0 64k 192M
run lvcreate -T vg0/pool0 -V 32M -n vol0
fill /dev/vg0/vol0 0 3072 base
zero /dev/vg0/vol0 4096 128
fill /dev/vg0/vol0 32704 64 end

# A volume a day, each sealed by its snapshot.
declare -A sums
seal() {
	run lvcreate -s -kn -ay -n "$1" vg0/vol0
	sums[$1]=$(sum "/dev/vg0/$1")
}
cd /tmp
seal mon
run 'lvdiff vg0/mon > full'
fill /dev/vg0/vol0 1024 256 tue
discard /dev/vg0/vol0 2048 512
seal tue
run 'lvdiff -o tue.diff --pair "Day: Tuesday" vg0/mon vg0/tue'
run lvresize -q -L 48M vg0/vol0
fill /dev/vg0/vol0 40960 300 wed
zero /dev/vg0/vol0 0 64
seal wed
run 'lvdiff -o wed.diff --compress zstd vg0/tue vg0/wed'
sleep 1
fill /dev/vg0/vol0 5000 20 thu
seal thu
run 'lvdiff -o thu.diff -d 3 --granularity 4K vg0/wed vg0/thu'
run lvpatch --info full tue.diff wed.diff thu.diff
expect_exit 3 lvpatch --info thu.diff full wed.diff
expect_text "the chain breaks here: its base is tue"
uuid=$(field vg0/wed lv_uuid)
wed_made=$(lvpatch --info --json wed.diff | grep -o '"created": [0-9]*' | tr -dc 0-9)

# expect_copy VG/LV DAY: it holds what the day's snapshot holds, and says whose copy it is.
expect_copy() {
	expect_equal "$(sum "/dev/$1")" "${sums[$2]}" "$1"
	local tags
	tags=$(field "$1" lv_tags)
	[[ $tags == *"lvpatch.source=$(field "vg0/$2" lv_uuid)"* ]] || fail "$1 has the tags $tags"
	[[ $tags == *lvpatch.stream=* ]] || fail "$1 has the tags $tags"
	[[ $tags != *lvdiff_tmp* ]] || fail "$1 has the tags $tags"
	no_leftovers
}

say "a full backup alone"
remember
refused 2 'lvpatch < full'
expect_text "vg1/pool0"
refused 2 'lvpatch -g vg0 vg1/other < full'
refused 2 'lvpatch -g vg1 -p pool9 < full'
refused 2 'lvpatch -g vg1 -p pool0 -l mon < full'
run 'lvpatch -g vg1 -p pool0 < full'
expect_copy vg1/mon mon
expect_equal "$(field vg1/mon lv_size)" "$(field vg0/mon lv_size)" "the size"
run lvremove -y vg1/mon
run 'lvpatch -g vg1 < full'
expect_copy vg1/mon mon
run lvremove -y vg1/mon
run 'lvpatch vg1/monday < full'
expect_copy vg1/monday mon
run lvremove -y vg1/monday

say "the whole chain in one run, from a pipe and from files, into one volume"
run 'cat full tue.diff wed.diff thu.diff | lvpatch -g vg1 -p pool0 restored'
expect_copy vg1/restored thu
run 'lvpatch -g vg1 -p vg1/pool0 -i full -i tue.diff -i wed.diff'
expect_copy vg1/wed wed
run lvremove -y vg1/restored vg1/wed

say "up to a name, a UUID, a time"
run 'cat full tue.diff wed.diff thu.diff | lvpatch -g vg1 -p pool0 --until tue a'
expect_copy vg1/a tue
run "cat full tue.diff wed.diff thu.diff | lvpatch -g vg1 -p pool0 --until $uuid b"
expect_copy vg1/b wed
run "cat full tue.diff wed.diff thu.diff | lvpatch -g vg1 -p pool0 --until '$(date -u -d "@$wed_made" '+%F %T')' c"
expect_copy vg1/c wed
remember
refused 2 'cat full tue.diff | lvpatch -g vg1 -p pool0 --until fri d'
expect_text "fri"
refused 2 'lvpatch -g vg1 -p pool0 --until 2001-01-01T00:00:00Z d < full'
run lvremove -y vg1/a vg1/b vg1/c

say "each step a volume of its own"
run 'cat full tue.diff | lvpatch -g vg1 -p pool0 --each'
expect_copy vg1/mon mon
expect_copy vg1/tue tue
run 'cat wed.diff thu.diff | lvpatch -g vg1 --each'
for day in mon tue wed thu; do
	expect_copy "vg1/$day" "$day"
done
run lvremove -y vg1/wed vg1/thu

say "the first volume is there already, and is not made"
run 'lvpatch -g vg1 -p pool0 -i full -i tue.diff -i wed.diff'
expect_copy vg1/wed wed
run lvremove -y vg1/wed

say "a failure on the way: one volume is not there, the steps that are done stay"
half=$(($(byte_size thu.diff) / 2))
run "head -c $half thu.diff > cut"
remember /dev/vg1/mon /dev/vg1/tue
refused 4 'cat wed.diff cut | lvpatch -g vg1 new'
expect_text "stream 2 (thu)"
expect_exit 4 'cat wed.diff cut | lvpatch -g vg1 --each'
expect_copy vg1/wed wed
run lvremove -y vg1/wed
unchanged

say "a step is missing, or in the wrong place"
refused 3 'cat full wed.diff | lvpatch -g vg1 -p pool0 new'
expect_text "stream 2 (wed) does not follow the stream before it: its base is tue"
expect_text "expected mon"
refused 3 'lvpatch -g vg1 -p pool0 -i full -i wed.diff new'
expect_text "wed.diff does not follow"
refused 3 'cat tue.diff full | lvpatch -g vg1 new'
expect_text "it is a full stream"

say "a wrong base, though nothing is compared: its tag tells it"
run 'lvdiff -d 0 vg0/mon vg0/tue > unproved'
refused 3 'lvpatch -g vg1 -l tue again < unproved'
expect_text "its tag says"
run 'lvpatch -g vg1 -l mon again < unproved'
expect_copy vg1/again tue
run lvremove -y vg1/again
# Whoever says so gets it all the same, with a warning.
run 'lvpatch --no-base-check -g vg1 -l tue again < unproved'
expect_text "warning"
run lvremove -y vg1/again
run 'lvpatch -g vg1 < wed.diff'

say "asked before gigabytes are sent, from the beginning of the stream alone"
# The snapshot of a copy is not one, as far as its tags go.
run lvcreate -s -kn -ay -n work vg1/mon
expect_equal "$(field vg1/work lv_tags)" "" "a snapshot's tags"
fill /dev/vg1/work 0 64 other
remember /dev/vg1/mon /dev/vg1/work
run 'head -c 8192 tue.diff | lvpatch --check -g vg1 tuesday'
expect_text "would be applied on vg1/mon"
refused 3 'head -c 8192 tue.diff | lvpatch --check -g vg1 -l work tuesday'
refused 3 'lvpatch --check -g vg1 -l wed tuesday -i tue.diff'
refused 2 'lvpatch --check -g vg1 tue -i tue.diff'
expect_text "already exists"
run 'lvpatch --check -g vg1 -p pool0 -i full monday'
unchanged
no_leftovers

say "images: a full stream makes a sparse file, and increments change it"
run lvpatch --device image -i full
expect_equal "$(sum image)" "${sums[mon]}" "the image"
[ "$(stat -c %b image)" -lt 16384 ] || fail "the image is not sparse: $(stat -c %b image) sectors"
run lvpatch --device image -i tue.diff -i wed.diff
expect_equal "$(sum image)" "${sums[wed]}" "the image"
expect_exit 2 'lvpatch --device image -i full'
expect_text "already exists"
run 'cat full tue.diff wed.diff thu.diff | lvpatch --device image2'
expect_equal "$(sum image2)" "${sums[thu]}" "the second image"
expect_exit 4 'cat full tue.diff wed.diff cut | lvpatch --device image3'
expect_exit 3 'cat full tue.diff thu.diff | lvpatch --device image3'
[ -z "$(ls -A | grep -E 'image3|lvpatch')" ] || fail "something is left of image3"
say "an image that grows, and a stream of it that is cut"
run 'lvdiff vg0/tue vg0/wed > grow.diff'
run lvpatch --device image4 -i full -i tue.diff
remember image4
run 'head -c 900 grow.diff > start'
expect_exit 4 'cat start | lvpatch --device image4'
expect_equal "$(byte_size image4)" "$(byte_size /dev/vg0/tue)" "the size"
run lvpatch --device image4 -i grow.diff
expect_equal "$(sum image4)" "${sums[wed]}" "the image"
run lvpatch --device image5 -i full
expect_exit 2 'lvpatch --check --device image5 -i full'
expect_text "already exists"

say "and a block device, which must be empty"
run lvcreate -y -L 64M -n thick vg1
fill /dev/vg1/thick 0 65536 old
remember /dev/vg1/thick
refused 3 lvpatch --device /dev/vg1/thick -i full
expect_text "is not empty"
run lvpatch --no-base-check --device /dev/vg1/thick -i full -i tue.diff
run cmp -n "$(byte_size /dev/vg0/tue)" /dev/vg1/thick /dev/vg0/tue
zero /dev/vg1/thick 0 65536
run lvpatch --device /dev/vg1/thick -i full -i tue.diff -i wed.diff -i thu.diff
run cmp -n "$(byte_size image2)" /dev/vg1/thick image2

check_pool vg1/pool0
