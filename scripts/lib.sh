# Shared by the scripts beside it. Sourced, from bash; sets `root` and changes into it.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export PATH="$PATH:/usr/sbin:/sbin"
jobs=$(nproc)

# What begins, with the seconds since the script's own beginning.
say() {
	printf '== %4d s: %s\n' "$SECONDS" "$*" >&2
}

die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 3
}

# What a build needs: tools, and the libraries that the project is built on (those of later parts, capture,
# store, packs and charts, are installed with them, so that a machine is set up once). A tool counts as there
# when its command is, wherever it came from; a library when its package is.
build_tools=(cmake:cmake ninja:ninja-build gcc:gcc pkg-config:pkg-config git:git python3:python3)
build_packages=(libc6-dev liburing-dev libpcap-dev libcjson-dev check node-llhttp libssl-dev libsqlite3-dev
	libarchive-dev libjs-chart.js)

# What the tests use besides; one that cannot be had makes its tests skip, with the reason.
test_tools=(clang:clang curl:curl wrk:wrk nginx:nginx-light valgrind:valgrind node:nodejs npm:npm mpirun:openmpi-bin
	tcpdump:tcpdump tshark:tshark dumpcap:wireshark-common ping:iputils-ping ip:iproute2 chromium:chromium zstd:zstd openssl:openssl)
test_packages=(libclang-rt-14-dev libopenmpi-dev)

has_package() {
	dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

# missing TOOL:PACKAGE… -- PACKAGE…: prints the packages that are to be installed.
missing() {
	local item tools=1
	for item in "$@"; do
		if [ "$item" = -- ]; then
			tools=0
		elif [ $tools = 1 ]; then
			command -v "${item%%:*}" >/dev/null || echo "${item#*:}"
		else
			has_package "$item" || echo "$item"
		fi
	done
}

apt() {
	local prefix=()
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null || die "packages are missing ($*) and neither root nor sudo is there"
		prefix=(sudo)
		[ -t 0 ] || prefix=(sudo -n)
	fi
	"${prefix[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q "$@" </dev/null >&2
}

# install PACKAGE…: fails if one cannot be had; says so when there is nothing to do.
install() {
	if [ $# = 0 ]; then
		say "packages: nothing to do"
		return
	fi
	say "packages: installing $*"
	apt update
	apt install -y --no-install-recommends "$@"
}

install_for_build() {
	local packages
	mapfile -t packages < <(missing "${build_tools[@]}" -- "${build_packages[@]}")
	install "${packages[@]}"
}

install_for_tests() {
	local packages package
	mapfile -t packages < <(missing "${test_tools[@]}" -- "${test_packages[@]}")
	python3 -c 'import jsonschema' 2>/dev/null || packages+=(python3-jsonschema)
	[ ${#packages[@]} = 0 ] || apt update || true
	for package in "${packages[@]}"; do
		say "packages: installing $package"
		apt install -y --no-install-recommends "$package" ||
			say "packages: $package is not to be had; its tests will be skipped"
	done
}

# configure PRESET: once; ninja configures again by itself when a list of files changes.
configure() {
	if [ -f "build/$1/build.ninja" ]; then
		say "configure $1: nothing to do"
	else
		say "configure $1"
		cmake --preset "$1" >&2
	fi
}

# build PRESET [TARGET]…
build() {
	local preset=$1
	shift
	say "build $preset"
	ninja -C "build/$preset" -j "$jobs" "$@" >&2
}
