# Helpers for scenarios of two guests: a, where the scenario runs, and b, which serves it with ssh.
# The second line of such a scenario is `source /run/guest/net.sh`, the third `join_network`.

ADDRESS_A=10.0.0.1
ADDRESS_B=10.0.0.2

# join_network: the cable is plugged in, and `ssh root@b` works, for every user of ssh in guest a.
join_network() {
	network_up "$ADDRESS_A" 02:00:00:00:00:0a
	# What ssh reads is in root's home, which is the host's: it is covered.
	mount -t tmpfs -o mode=700 tmpfs /root
	mkdir -m 700 /root/.ssh
	install -m 600 /run/keys/user /run/keys/known_hosts /root/.ssh
	cat > /root/.ssh/config <<-CONFIG
		Host b
		  HostName $ADDRESS_B
		  HostKeyAlias b
		  IdentityFile /root/.ssh/user
		  IdentitiesOnly yes
		  StrictHostKeyChecking yes
		  UserKnownHostsFile /root/.ssh/known_hosts
		  BatchMode yes
		  LogLevel ERROR
		  ConnectTimeout 60
		  ServerAliveInterval 2
		  ServerAliveCountMax 6
	CONFIG
	wait_until ssh root@b true
}

# network_up ADDRESS MAC: the network card, with a hardware address that is nobody else's for certain.
network_up() {
	ip link set lo up
	ip link set vec0 address "$2"
	ip addr add "$1/24" dev vec0
	ip link set vec0 up
}

# serve_ssh: joins the network as b, and starts an sshd that lets guest a in. A command that comes
# through it finds the same environment as a scenario.
serve_ssh() {
	network_up "$ADDRESS_B" 02:00:00:00:00:0b
	mkdir -m 755 /run/sshd /run/ssh
	install -m 600 /run/keys/host /run/keys/user.pub /run/ssh
	# The host's root may be locked, or have another shell: here it is an account like any other.
	local sshd
	sshd=$(grep '^sshd:' /etc/passwd)
	printf '%s\n' 'root:x:0:0:root:/root:/bin/bash' "$sshd" > /run/ssh/passwd
	printf '%s\n' 'root:*:19000::::::' 'sshd:!:19000::::::' > /run/ssh/shadow
	chmod 600 /run/ssh/shadow
	mount --bind /run/ssh/passwd /etc/passwd
	mount --bind /run/ssh/shadow /etc/shadow
	mount -t tmpfs -o mode=700 tmpfs /root
	local name environment=
	for name in PATH HOME TMPDIR LC_ALL RUST_BACKTRACE DM_DISABLE_UDEV LVM_SYSTEM_DIR \
		LVM_SUPPRESS_FD_WARNINGS; do
		environment+=" $name=${!name}"
	done
	cat > /run/ssh/sshd_config <<-CONFIG
		ListenAddress $ADDRESS_B
		HostKey /run/ssh/host
		PidFile /run/ssh/pid
		AuthorizedKeysFile /run/ssh/user.pub
		AuthenticationMethods publickey
		StrictModes no
		PermitRootLogin yes
		UsePAM no
		UseDNS no
		PrintMotd no
		ClientAliveInterval 2
		ClientAliveCountMax 6
		SetEnv$environment
	CONFIG
	# It wants to be called by its whole name, because it starts itself anew for each connection.
	"$(type -P sshd)" -f /run/ssh/sshd_config -E /run/ssh/log
}

# on_b COMMAND…: runs it in guest b, where all of lib.sh is there too. Words stay words; one word is
# a line of shell.
on_b() {
	local line=$1
	[ $# = 1 ] || printf -v line '%q ' "$@"
	ssh root@b "source /run/guest/lib.sh; $line"
}

# expect_twins LV_A LV_B: ends the scenario if a volume of guest a and one of guest b differ. That
# of guest a may be inactive, and is put back as it was. Their sum stays in $SUM.
expect_twins() {
	local was sum_b
	was=$(field "$1" lv_active)
	[ "$was" = active ] || lvchange -ay -K "$1"
	SUM=$(sum "/dev/$1")
	sum_b=$(on_b sum "/dev/$2")
	[ "$was" = active ] || lvchange -an "$1"
	expect_equal "$sum_b" "$SUM" "the sum of $2 on b"
	echo "($2 on b is the same as $1)"
}
