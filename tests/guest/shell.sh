# A shell in the guest, for a person, with two volume groups and a thin pool in each.
source /run/guest/lib.sh

make_vgs > /dev/null
make_pool vg0 pool0 64k 1G > /dev/null
make_pool vg1 pool0 64k 1G > /dev/null
trap - ERR
cat <<'TEXT'

A guest: its own kernel, volume groups vg0 and vg1, a thin pool0 in each.
lvdiff and lvpatch are on the PATH. /tmp is writable, the rest is the host's, read-only.
Leave with `exit` or Ctrl-D; the disks go with the guest.

TEXT
export PS1='guest:\w# '
setsid --ctty --wait bash --norc -i || true
