#!/bin/bash
# valgrind_test.sh SOURCE_DIR LPUCHAOS SANITIZERS: no leak and no bad access in what needs no ring: plan,
# compile, a run on the virtual clock. Exit 77 = skipped.
set -u
source_dir=$1 lpuchaos=$2 sanitizers=${3:-}

if [ -n "$sanitizers" ]; then
	echo "skipped: built with -fsanitize=$sanitizers, which valgrind cannot run"
	exit 77
fi
if ! command -v valgrind >/dev/null; then
	echo "skipped: valgrind is not installed"
	exit 77
fi
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT

# check CODES COMMAND…: runs under valgrind; CODES are the exit codes that are no finding.
check() {
	local codes=$1 code=0
	shift
	valgrind --quiet --leak-check=full --show-leak-kinds=all --errors-for-leak-kinds=all \
		--error-exitcode=99 "$lpuchaos" "$@" >"$out/stdout" 2>"$out/stderr" </dev/null || code=$?
	case " $codes " in
	*" $code "*) echo "ok: lpuchaos $1" ;;
	*)
		echo "lpuchaos $*: code $code"
		tail -40 "$out/stderr"
		exit 1
		;;
	esac
}

good=$source_dir/tests/golden/cli/good.json
check 0 plan "$good"
check 0 plan "$good" --json
check 2 plan "$source_dir/tests/golden/cli/bad/fault-target-unknown.json"
check 0 compile "$source_dir/emulator/profiles/lpuv1-1rack.json" --json
check 0 faults --json
check "0 1 4" run "$good" --clock virtual --out "$out/run"
