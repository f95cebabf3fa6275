# Every dependency is a Debian package; a missing one stops the configuration with the package's name.
find_package(PkgConfig)
if(NOT PkgConfig_FOUND)
	message(FATAL_ERROR "pkg-config is missing: apt-get install pkg-config")
endif()

function(lpc_require target module package)
	pkg_check_modules(${target} IMPORTED_TARGET GLOBAL ${module})
	if(NOT ${target}_FOUND)
		message(FATAL_ERROR "${module} is missing: apt-get install ${package}")
	endif()
endfunction()

lpc_require(URING liburing liburing-dev)
lpc_require(CJSON libcjson libcjson-dev)
lpc_require(PCAP libpcap libpcap-dev)
lpc_require(CRYPTO libcrypto libssl-dev)
lpc_require(SQLITE sqlite3 libsqlite3-dev)
lpc_require(ARCHIVE libarchive libarchive-dev)
if(LPUCHAOS_TESTS)
	lpc_require(CHECK check check)
endif()

# Charts of the report pages; embedded, not linked.
find_file(CHARTJS_FILE chart.min.js PATHS /usr/share/javascript/chart.js NO_DEFAULT_PATH)
if(NOT CHARTJS_FILE)
	message(FATAL_ERROR "chart.min.js is missing: apt-get install libjs-chart.js")
endif()

# llhttp: Debian ships the generated C sources of Node's HTTP parser, no library.
find_path(LLHTTP_SOURCES llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH)
find_path(LLHTTP_HEADERS llhttp.h PATHS /usr/share/include/llhttp NO_DEFAULT_PATH)
if(NOT LLHTTP_SOURCES OR NOT LLHTTP_HEADERS)
	message(FATAL_ERROR "llhttp's C sources are missing: apt-get install node-llhttp")
endif()
add_library(lpc_llhttp STATIC
	${LLHTTP_SOURCES}/api.c ${LLHTTP_SOURCES}/http.c ${LLHTTP_SOURCES}/llhttp.c)
target_include_directories(lpc_llhttp SYSTEM PUBLIC ${LLHTTP_HEADERS})
if(LPUCHAOS_SANITIZE)
	# One function of thousands of gotos: at -O2 instrumented, it is the longest step of the build.
	target_compile_options(lpc_llhttp PRIVATE -fsanitize=${LPUCHAOS_SANITIZE} -O1 -g1)
endif()
