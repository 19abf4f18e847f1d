# Guest b of a scenario of two guests: it has an empty vg1, and does what comes through ssh, until
# the host puts a file there. In the end nothing may be left behind, and the pools must be sound.
source /run/guest/lib.sh
source /run/guest/net.sh

run vgcreate -y vg1 /dev/ubda
serve_ssh
until [ -e /run/out/stop ]; do sleep 0.1; done

say "the end"
cat /run/ssh/log
no_leftovers
for pool in $(lvs --noheadings -o lv_full_name -S lv_layout=pool vg1); do
	check_pool "$pool"
done
