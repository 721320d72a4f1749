/*
 * What the host's kernel does with confined children: wait statuses, for test/seccomp/host.test.ts to compare.
 *
 *     host strict CASE...      a line "CASE STATUS" for each: a child enters strict mode by prctl and does CASE
 *     host filters < PROGRAMS  a line "INSTALL RESULT STATUS" for each program
 *
 * PROGRAMS: for each one a 16-bit count of instructions, six 64-bit arguments, and the instructions, in host order. A
 * child takes the program as its filter and makes getppid with the arguments. INSTALL is 0 or the error of the filter,
 * RESULT what getppid returned, with 7777777 for the right answer and 8888888 when it did not return.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define RIGHT_ANSWER 7777777
#define NO_RETURN 8888888

static int in[2], out[2];

static void strict(void)
{
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
		syscall(SYS_exit, 99);
}

static void handler(int sig)
{
	(void)sig;
	write(out[1], "h", 1);
}

static void *violator(void *arg)
{
	(void)arg;
	strict();
	syscall(SYS_getpid);
	return 0;
}

/* Waits for the parent's word, in a call that strict mode allows. */
static void wait_for_parent(void)
{
	char c;
	read(in[0], &c, 1);
}

static void child(const char *name)
{
	static char buf[8];
	pthread_t thread;
	struct sigaction act = {0};

	if (!strcmp(name, "thread")) {
		pthread_create(&thread, 0, violator, 0);
		usleep(100000);
		syscall(SYS_exit_group, 4);
	}
	if (!strcmp(name, "handler")) {
		act.sa_handler = handler;
		sigaction(SIGUSR1, &act, 0);
	}
	if (!strcmp(name, "sigpipe") || !strcmp(name, "epipe")) {
		close(out[0]);
		if (!strcmp(name, "epipe"))
			signal(SIGPIPE, SIG_IGN);
		wait_for_parent();
	}
	if (!strcmp(name, "alarm"))
		alarm(1);
	strict();
	if (!strcmp(name, "read"))
		syscall(SYS_exit, syscall(SYS_read, in[0], buf, 4) == 1 ? 11 : 12);
	if (!strcmp(name, "write"))
		syscall(SYS_exit, syscall(SYS_write, out[1], "ab", 2));
	if (!strcmp(name, "badread"))
		syscall(SYS_exit, syscall(SYS_read, 77, buf, 4) == -1 && errno == EBADF ? 13 : 12);
	if (!strcmp(name, "sigpipe") || !strcmp(name, "epipe"))
		syscall(SYS_exit, syscall(SYS_write, out[1], "x", 1) == -1 && errno == EPIPE ? 14 : 12);
	if (!strcmp(name, "exit7"))
		syscall(SYS_exit, 7);
	if (!strcmp(name, "handler") || !strcmp(name, "alarm") || !strncmp(name, "kill", 4)) {
		while (syscall(SYS_read, in[0], buf, 1) < 0)
			;
		syscall(SYS_exit, 15);
	}
	if (!strcmp(name, "exit_group"))
		syscall(SYS_exit_group, 3);
	if (!strcmp(name, "prctl"))
		prctl(PR_GET_SECCOMP);
	if (!strncmp(name, "nr", 2))
		syscall(atoi(name + 2), 0, 0, 0, 0, 0, 0);
	/* "return": the C library ends main with exit_group. */
}

static int run_strict(const char *name)
{
	int status;
	pid_t pid;

	if (pipe(in) || pipe(out))
		return -1;
	pid = fork();
	if (pid == 0) {
		struct rlimit none = {0, 0};
		setrlimit(RLIMIT_CORE, &none);
		close(in[1]);
		child(name);
		_exit(0);
	}
	if (!strcmp(name, "read"))
		write(in[1], "x", 1);
	if (!strcmp(name, "sigpipe") || !strcmp(name, "epipe")) {
		close(out[0]);
		write(in[1], "x", 1);
	}
	if (!strcmp(name, "handler") || !strncmp(name, "kill", 4)) {
		usleep(50000);
		kill(pid, !strcmp(name, "handler") ? SIGUSR1 : atoi(name + 4));
		usleep(20000);
		write(in[1], "x", 1);
	}
	waitpid(pid, &status, 0);
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(out[1]);
	return status;
}

struct answer {
	int install;
	long result;
};

static int run_filter(struct sock_fprog *prog, uint64_t *args, struct answer *answer)
{
	int status;
	pid_t parent = getpid();
	pid_t pid;

	answer->install = -1;
	answer->result = NO_RETURN;
	pid = fork();
	if (pid == 0) {
		struct rlimit none = {0, 0};
		long result;
		setrlimit(RLIMIT_CORE, &none);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, prog) != 0) {
			answer->install = errno;
			_exit(1);
		}
		answer->install = 0;
		errno = 0;
		result = syscall(SYS_getppid, args[0], args[1], args[2], args[3], args[4], args[5]);
		answer->result = result == parent ? RIGHT_ANSWER : errno != 0 ? -errno : result;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

int main(int argc, char **argv)
{
	static struct sock_filter insns[8192];
	struct answer *answer = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t args[6];
	uint16_t count;
	int i;

	setvbuf(stdout, 0, _IOFBF, 1 << 16);
	if (argc > 1 && !strcmp(argv[1], "filters")) {
		while (fread(&count, sizeof count, 1, stdin) == 1) {
			struct sock_fprog prog = {count, insns};
			int status;
			if (fread(args, sizeof args, 1, stdin) != 1)
				return 2;
			if (count > 8192 || fread(insns, sizeof insns[0], count, stdin) != count)
				return 2;
			fflush(stdout);
			status = run_filter(&prog, args, answer);
			printf("%d %ld %d\n", answer->install, answer->result, status);
		}
		return 0;
	}
	for (i = 2; i < argc; i++) {
		fflush(stdout);
		printf("%s %d\n", argv[i], run_strict(argv[i]));
	}
	return 0;
}
