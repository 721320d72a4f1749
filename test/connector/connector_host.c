/*
 * Plays a script with the connector of this kernel: a line in, a line or more out.
 *
 *   send HEX       a datagram to the kernel from a socket without groups: sendto's result, and what comes back
 *   ask OP SEQ ACK a word to the process events from a socket that listens to them, and the answer
 *   life OPS...    a child that does these; what is heard of it and its children until it has ended
 *
 * Operations of a life: gN setgid, uN setuid, RN setreuid(N, -1), EN seteuid, GN setregid(-1, N), f a child that ends with
 * the next number, T a thread that ends, x the rest in a new program, kN a signal to itself, eN an exit.
 *
 * Processes are numbered as they come: 0 is the one that listens.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
static unsigned known[256];
static int count;

static int number_of(unsigned pid, int is_new)
{
	for (int n = 0; n < count; n++)
		if (known[n] == pid)
			return n;
	if (!is_new)
		return -1;
	known[count] = pid;
	return count++;
}

static void *nothing(void *arg)
{
	return arg;
}

static int live(char **ops, const char *self)
{
	for (; *ops; ops++) {
		int n = atoi(*ops + 1);
		pthread_t thread;
		pid_t pid;

		switch (**ops) {
		case 'g': syscall(SYS_setgid, n); break;
		case 'u': syscall(SYS_setuid, n); break;
		case 'R': syscall(SYS_setreuid, n, -1); break;
		case 'E': syscall(SYS_setresuid, -1, n, -1); break;
		case 'G': syscall(SYS_setregid, -1, n); break;
		case 'f':
			pid = fork();
			if (pid == 0)
				_exit(n);
			waitpid(pid, NULL, 0);
			break;
		case 'T':
			pthread_create(&thread, NULL, nothing, NULL);
			pthread_join(thread, NULL);
			break;
		case 'x':
			*ops = "life";
			execv("/proc/self/exe", ops);
			_exit(127);
		case 'k': kill(getpid(), n); break;
		case 'e': _exit(n);
		}
	}
	return 0;
}

/* One event of ours; others, and kinds that later kernels have, are passed over. 1: the life is over. */
static int heard(unsigned *m, int life)
{
	unsigned what = m[9], *d = m + 13;
	const char *wrong = (m[1] != 3 || m[3] != 0 || m[2] != m[6] || m[7] != 0 || m[4] != 1 || m[5] != 1) ? " HEADER" : "";

	if (what == 1) {
		if (number_of(d[0], 0) < 0 && number_of(d[1], 0) < 0)
			return 0;
		/* Of a thread the parent is its process's. */
		int parent = number_of(d[0], 0), ptgid = number_of(d[1], 0);
		int child = number_of(d[2], 1), ctgid = number_of(d[3], 1);
		printf("fork %d %d %d %d%s; ", parent, ptgid, child, ctgid, wrong);
		return 0;
	}
	if (number_of(d[1], 0) < 1)
		return 0;
	if (what == 2)
		printf("exec %d %d%s; ", number_of(d[0], 1), number_of(d[1], 0), wrong);
	else if (what == 4 || what == 0x40)
		printf("%s %d %d %u %u%s; ", what == 4 ? "uid" : "gid", number_of(d[0], 1), number_of(d[1], 0), d[2], d[3], wrong);
	else if (what == 0x80000000)
		printf("exit %d %d %x %x%s; ", number_of(d[0], 1), number_of(d[1], 0), d[2], d[3], wrong);
	return what == 0x80000000 && d[0] == (unsigned)life;
}

static void follow(int fd, char **ops, const char *self)
{
	struct pollfd p = { fd, POLLIN };
	unsigned m[64];
	int ready[2], life;
	char byte;

	count = 0;
	number_of(getpid(), 1);
	while (recv(fd, m, sizeof(m), MSG_DONTWAIT) > 0)
		;
	life = fork();
	if (life == 0)
		_exit(live(ops, self));
	while (poll(&p, 1, 3000) > 0)
		if (recv(fd, m, sizeof(m), 0) > 0 && heard(m, life))
			break;
	waitpid(life, NULL, 0);
	printf("\n");
}

static void ask(int fd, unsigned op, unsigned seq, unsigned ack)
{
	unsigned m[64] = { 40, 3, seq, 0, 1, 1, seq, ack, 4, op };
	struct pollfd p = { fd, POLLIN };

	if (sendto(fd, m, 40, 0, (void *)&kernel, sizeof(kernel)) < 0) {
		printf("%d\n", -errno);
		return;
	}
	while (poll(&p, 1, 1000) > 0)
		if (recv(fd, m, sizeof(m), 0) > 0 && m[9] == 0 && m[7] == ack + 1) {
			printf("type %x port %x id %x %x err %d\n", m[1], m[3], m[4], m[5], m[13]);
			return;
		}
	printf("no answer\n");
}

static void send_raw(int fd, const char *text)
{
	static unsigned char data[4096];
	int n = 0, r;
	unsigned byte;

	for (; sscanf(text, "%2x", &byte) == 1; text += 2)
		data[n++] = byte;
	r = sendto(fd, data, n, 0, (void *)&kernel, sizeof(kernel));
	r = r < 0 ? -errno : r;
	printf("%d ", r);
	r = recv(fd, data, sizeof(data), MSG_DONTWAIT);
	printf("%d\n", r < 0 ? -errno : r);
}

int main(int argc, char **argv)
{
	struct sockaddr_nl group = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	static char line[16384];
	int ear, mouth;

	if (strcmp(argv[0], "life") == 0)
		return live(argv + 1, argv[0]);
	setvbuf(stdout, NULL, _IONBF, 0);
	ear = socket(AF_NETLINK, SOCK_DGRAM, 11);
	mouth = socket(AF_NETLINK, SOCK_DGRAM, 11);
	if (ear < 0 || mouth < 0 || bind(ear, (void *)&group, sizeof(group)) < 0) {
		printf("cannot listen: %d\n", -errno);
		return 0;
	}
	while (fgets(line, sizeof(line), stdin)) {
		char *words[128];
		int n = 0;

		for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n"))
			words[n++] = word;
		words[n] = NULL;
		if (n == 0)
			continue;
		if (strcmp(words[0], "send") == 0)
			send_raw(mouth, words[1]);
		else if (strcmp(words[0], "ask") == 0)
			ask(ear, atoi(words[1]), atoi(words[2]), atoi(words[3]));
		else
			follow(ear, words + 1, argv[0]);
	}
	return 0;
}
