/* The audit of a file beside what others take for the same one, in one run:
 *
 *   tcpdump -r FILE -w /dev/null          reading alone
 *   libpcap with eight filters            reading, and libpcap's interpreter for eight classes
 *   lpuchaos audit --pcap FILE            all of the audit
 *
 * Each is a process of its own, start and end included; the machine may be shared, so each is
 * repeated in turns and the least processor time (user and system) counts. Then the audit of a
 * stream that never lies on a disk, of the first size and many times it: its peak memory must not
 * grow. Prints, asserts nothing.
 *
 *   bench_audit [LPUCHAOS [millions of packets (1) [rounds (7) [flows (4096) [factor (10)]]]]] */
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "harness/base/check.h"
#include "tests/bench/audit/packets.h"

enum { PEERS = 3, PATH_BYTES = 256 };

struct cost {
	double cpu_s, wall_s;
	long peak_kib;
	int code;
};

static char capture[PATH_BYTES], topology[PATH_BYTES];
static const char *program;

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void quiet(int input)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(input < 0 ? null : input, 0) < 0 || dup2(null, 1) < 0 ||
	        dup2(null, 2) < 0)
		_exit(127);
}

static _Noreturn void run_tcpdump(int input)
{
	quiet(input);
	execlp("tcpdump", "tcpdump", "-r", capture, "-w", "/dev/null", (char *)NULL);
	_exit(127);
}

static _Noreturn void run_audit(int input)
{
	quiet(input);
	execl(program, program, "audit", "--topology", topology, "--pcap",
	        input < 0 ? capture : "-", (char *)NULL);
	_exit(127);
}

struct classes {
	struct bpf_program programs[PACKETS_CLASSES];
	unsigned long matched[PACKETS_CLASSES];
};

static void on_packet(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
	struct classes *c = (struct classes *)(void *)user;

	for (int i = 0; i < PACKETS_CLASSES; i++)
		if (pcap_offline_filter(&c->programs[i], h, bytes))
			c->matched[i]++;
}

static _Noreturn void run_libpcap(int input)
{
	static struct classes c;
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *p;

	quiet(input);
	p = pcap_open_offline(capture, why);
	for (int i = 0; p && i < PACKETS_CLASSES; i++)
		if (pcap_compile(p, &c.programs[i], packets_filters[i], 1, PCAP_NETMASK_UNKNOWN))
			_exit(127);
	_exit(!p || pcap_loop(p, -1, on_packet, (u_char *)&c) ? 127 : 0);
}

static struct cost finish(pid_t pid, double t0)
{
	struct cost c = {0};
	struct rusage r;
	int status;

	while (wait4(pid, &status, 0, &r) < 0 && errno == EINTR)
		;
	c.wall_s = now_s() - t0;
	c.cpu_s = (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	          (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
	c.peak_kib = r.ru_maxrss;
	c.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return c;
}

static struct cost measure(void (*run)(int), int input)
{
	double t0 = now_s();
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0)
		run(input);
	return finish(pid, t0);
}

static void compare(uint64_t n, int rounds)
{
	static const struct {
		const char *name;
		void (*run)(int);
	} peers[PEERS] = {{"tcpdump -r FILE -w /dev/null", run_tcpdump},
	        {"libpcap, eight filters", run_libpcap}, {"lpuchaos audit", run_audit}};
	struct cost best[PEERS];
	double ratio = 0;

	for (int r = 0; r < rounds; r++)
		for (int i = 0; i < PEERS; i++) {
			struct cost c = measure(peers[i].run, -1);

			if (r == 0 || c.cpu_s < best[i].cpu_s)
				best[i] = c;
		}
	printf("%-32s %8s %8s %12s %8s %5s\n", "", "cpu s", "wall s", "M packets/s", "MiB", "exit");
	for (int i = 0; i < PEERS; i++)
		printf("%-32s %8.3f %8.3f %12.2f %8.1f %5d\n", peers[i].name, best[i].cpu_s,
		        best[i].wall_s, (double)n / best[i].cpu_s / 1e6,
		        (double)best[i].peak_kib / 1024, best[i].code);
	ratio = best[PEERS - 1].cpu_s;
	printf("audit / tcpdump %.2f, audit / libpcap with filters %.2f\n", ratio / best[0].cpu_s,
	        ratio / best[1].cpu_s);
}

/* The audit reads what a child makes as it goes. */
static void stream(uint64_t n, uint32_t flows)
{
	struct cost c, made;
	double t0 = now_s();
	pid_t maker;
	int ends[2];

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	maker = fork();
	CHECK(maker >= 0);
	if (maker == 0) {
		close(ends[0]); /* so that a reader who goes away is noticed */
		_exit(packets_write(ends[1], n, flows) ? 1 : 0);
	}
	close(ends[1]);
	c = measure(run_audit, ends[0]);
	close(ends[0]);
	made = finish(maker, t0);
	printf("stream of %6.1f M packets: %8.3f s, %6.2f M packets/s, peak %.1f MiB, exit %d, "
	       "made %s\n",
	        (double)n / 1e6, c.cpu_s, (double)n / c.cpu_s / 1e6, (double)c.peak_kib / 1024,
	        c.code, made.code ? "in part" : "whole");
}

static int write_topology(void)
{
	FILE *f = fopen(topology, "we");

	if (!f)
		return -1;
	fputs(packets_topology, f);
	return fclose(f);
}

int main(int argc, char **argv)
{
	uint64_t n = (uint64_t)((argc > 2 ? strtod(argv[2], NULL) : 1) * 1e6);
	int rounds = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 7;
	uint32_t flows = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 4096;
	uint64_t factor = argc > 5 ? strtoull(argv[5], NULL, 10) : 10;
	const char *folder = getenv("TMPDIR");
	char base[PATH_BYTES / 2];
	int fd, failed;

	program = argc > 1 ? argv[1] : "./lpuchaos";
	snprintf(base, sizeof(base), "%s/bench-audit-XXXXXX", folder ? folder : "/tmp");
	fd = mkstemp(base);
	CHECK(fd >= 0);
	snprintf(capture, sizeof(capture), "%s", base);
	snprintf(topology, sizeof(topology), "%s.json", base);
	failed = packets_write(fd, n, flows) || write_topology();
	close(fd);
	if (!failed) {
		printf("%.1f M packets, %u flows, %d classes; least of %d\n", (double)n / 1e6,
		        flows, PACKETS_CLASSES, rounds);
		compare(n, rounds);
		stream(n, flows);
		stream(n * factor, flows);
	}
	unlink(capture);
	unlink(topology);
	return failed;
}
