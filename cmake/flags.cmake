# One INTERFACE target carries what every translation unit needs. -ffp-contract=off and the absence of
# -ffast-math are part of the contract: results are bit-identical on every compiler and level.
add_library(lpc_flags INTERFACE)
target_compile_features(lpc_flags INTERFACE c_std_11)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
target_compile_definitions(lpc_flags INTERFACE _GNU_SOURCE)
target_include_directories(lpc_flags INTERFACE "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}")
target_compile_options(lpc_flags INTERFACE
	-ffp-contract=off -fno-strict-aliasing -fno-common
	-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
	-Wpointer-arith -Wcast-qual -Wformat=2 -Wundef -Wvla -Werror)

if(LPUCHAOS_SANITIZE)
	target_compile_options(lpc_flags INTERFACE
		-fsanitize=${LPUCHAOS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
	target_link_options(lpc_flags INTERFACE -fsanitize=${LPUCHAOS_SANITIZE})
endif()
# What is built for one round of tests: -O1 compiles in half the time of -O2 and runs a seventh longer; -g1 is the
# lines that a report names. At -O1 gcc takes lengths for possible that its later passes rule out.
if(LPUCHAOS_SANITIZE AND NOT LPUCHAOS_FUZZ)
	target_compile_options(lpc_flags INTERFACE -O1 -g1 $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation>)
endif()
if(LPUCHAOS_FUZZ)
	target_compile_options(lpc_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(LPUCHAOS_MUTANTS)
	target_compile_definitions(lpc_flags INTERFACE LPUCHAOS_MUTANTS)
endif()
if(LPUCHAOS_COVERAGE)
	target_compile_options(lpc_flags INTERFACE --coverage)
	target_link_options(lpc_flags INTERFACE --coverage)
endif()
