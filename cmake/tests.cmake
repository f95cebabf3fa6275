# Sources of tests/support become objects: compiled once, whoever links them.
function(lpc_share_support sources)
	set(shared)
	foreach(source IN LISTS ${sources})
		cmake_path(IS_PREFIX LPUCHAOS_SUPPORT "${source}" of_support)
		if(of_support)
			cmake_path(GET source STEM object)
			string(PREPEND object support_)
			if(NOT TARGET ${object})
				add_library(${object} OBJECT "${source}")
				target_link_libraries(${object} PRIVATE lpc_flags PkgConfig::CHECK PkgConfig::CJSON)
				target_compile_definitions(${object} PRIVATE
					LPC_SOURCE_DIR="${PROJECT_SOURCE_DIR}" LPC_SHARED_DIR="${LPUCHAOS_SHARED}")
			endif()
			set(source "$<TARGET_OBJECTS:${object}>")
		endif()
		list(APPEND shared "${source}")
	endforeach()
	set(${sources} "${shared}" PARENT_SCOPE)
endfunction()

# ctest -j runs tests side by side, the costliest first. A test that computes needs nothing for it but, if it
# takes seconds, a COST: roughly its seconds under the sanitizers, so that no long one comes last. One that meets
# the clock, sockets or signals says how much company it can bear:
#
#   lpc_on_the_clock(test…)  one of them at a time, beside tests that compute: its bounds are wide enough for a
#                            machine that is at work
#   lpc_alone(test…)         nothing beside it: it looks at how late this machine is
function(lpc_on_the_clock)
	set_tests_properties(${ARGV} PROPERTIES RESOURCE_LOCK clock COST 1000)
endfunction()

function(lpc_alone)
	set_tests_properties(${ARGV} PROPERTIES RUN_SERIAL ON COST 2000)
endfunction()

# lpc_unsanitized(test…): many draws or runs of code that other tests play, too. scripts/check has them in the release
# build, and not again under the sanitizers, where they would take minutes and show nothing.
function(lpc_unsanitized)
	foreach(test IN LISTS ARGV)
		set_property(TEST ${test} APPEND PROPERTY LABELS unsanitized)
	endforeach()
endfunction()

# lpc_test(name SOURCES … USES … [TIMEOUT s] [COST s] [LABELS …]): a libcheck program. Exit 77 = skipped, with
# its reason on stdout. Every test gets the source tree and the optional shared/ folder as definitions.
set(LPUCHAOS_SUPPORT "${PROJECT_SOURCE_DIR}/tests/support")
set(LPUCHAOS_SHARED "${PROJECT_SOURCE_DIR}/../shared" CACHE PATH "traces/ and oracle/ for tests")

function(lpc_test name)
	cmake_parse_arguments(A "" "TIMEOUT;COST" "SOURCES;USES;LABELS" ${ARGN})
	if(NOT A_TIMEOUT)
		set(A_TIMEOUT 300)
	endif()
	if(NOT A_COST)
		set(A_COST 0)
	endif()
	lpc_share_support(A_SOURCES)
	add_executable(${name} ${A_SOURCES})
	target_link_libraries(${name} PRIVATE lpc_flags PkgConfig::CHECK ${A_USES})
	target_compile_definitions(${name} PRIVATE
		LPC_SOURCE_DIR="${PROJECT_SOURCE_DIR}" LPC_SHARED_DIR="${LPUCHAOS_SHARED}"
		LPC_BINARY="${PROJECT_BINARY_DIR}/lpuchaos")
	add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY "${PROJECT_BINARY_DIR}")
	# libcheck's own limit of 4 s a test is for fast machines and plain builds.
	set_tests_properties(${name} PROPERTIES TIMEOUT ${A_TIMEOUT} COST ${A_COST} SKIP_RETURN_CODE 77
		LABELS "${A_LABELS}" ENVIRONMENT CK_DEFAULT_TIMEOUT=60)
endfunction()

# lpc_bench(name SOURCES … USES …): built with the tests, run by hand; never a timed assertion.
function(lpc_bench name)
	cmake_parse_arguments(A "" "" "SOURCES;USES" ${ARGN})
	lpc_share_support(A_SOURCES)
	add_executable(${name} ${A_SOURCES})
	target_link_libraries(${name} PRIVATE lpc_flags ${A_USES})
	target_compile_definitions(${name} PRIVATE
		LPC_SOURCE_DIR="${PROJECT_SOURCE_DIR}" LPC_SHARED_DIR="${LPUCHAOS_SHARED}")
endfunction()

# lpc_fuzz(name SOURCE file USES …): LLVMFuzzerTestOneInput with libFuzzer in the fuzz preset; in every
# other build the same file linked with tests/support/fuzz_main.c, which replays a corpus and mutates
# it for a bounded time (FUZZ_SECONDS, default 2).
function(lpc_fuzz name)
	cmake_parse_arguments(A "" "SOURCE;CORPUS" "USES" ${ARGN})
	add_executable(${name} ${A_SOURCE})
	target_link_libraries(${name} PRIVATE lpc_flags ${A_USES})
	if(LPUCHAOS_FUZZ)
		target_link_options(${name} PRIVATE -fsanitize=fuzzer)
		# libFuzzer writes what it finds into the first folder: not the source tree's.
		set(found "${PROJECT_BINARY_DIR}/corpus/${name}")
		file(MAKE_DIRECTORY "${found}")
		add_test(NAME ${name} COMMAND ${name} -max_total_time=30 "${found}" ${A_CORPUS})
	else()
		set(replay "${LPUCHAOS_SUPPORT}/fuzz_main.c")
		lpc_share_support(replay)
		target_sources(${name} PRIVATE ${replay})
		add_test(NAME ${name} COMMAND ${name} ${A_CORPUS})
	endif()
	set_tests_properties(${name} PROPERTIES TIMEOUT 300 COST 8 LABELS fuzz)
endfunction()
