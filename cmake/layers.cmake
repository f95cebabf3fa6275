# lpc_library(name SOURCES … USES …): one static archive of a folder. USES is the folder's whole
# permission: the include lint (tests/lint) reads the same rule from DESIGN's table, the linker here.
function(lpc_library name)
	cmake_parse_arguments(A "" "" "SOURCES;USES" ${ARGN})
	add_library(${name} STATIC ${A_SOURCES})
	target_link_libraries(${name} PUBLIC lpc_flags ${A_USES})
endfunction()
