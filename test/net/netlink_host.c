/*
 * Plays a script of calls on AF_NETLINK sockets on this kernel, in a network of its own or, with the word `here`, in
 * that of who runs it: a line in, a line out.
 *
 *   socket S TYPE PROTO      bind S PID GROUPS       connect S PID GROUPS      unconnect S
 *   name S                   peer S                  set S OPTION VALUE        get S OPTION
 *   short S OPTION           (an option of two bytes)
 *   size S BYTES             SO_RCVBUF               sockerr S                 SO_ERROR
 *   poll S                   POLLIN, POLLERR         user UID                  seteuid
 *   send S PID GROUPS HEX    sendto, not sleeping    put S HEX                 send
 *   recv S SIZE              number PORT GROUPS FLAGS GROUP HEX                close S
 *
 * A result is the call's, errors negative. Ports that were not chosen are -1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

static int fds[64];

static int unhex(const char *text, unsigned char *out)
{
	int n = 0;
	unsigned byte;

	if (text[0] == '-')
		return 0;
	for (; sscanf(text, "%2x", &byte) == 1; text += 2)
		out[n++] = byte;
	return n;
}

static long result(long r)
{
	return r < 0 ? -errno : r;
}

static void show(int fd, int peer)
{
	struct sockaddr_nl addr;
	socklen_t len = sizeof(addr);
	int r = peer ? getpeername(fd, (void *)&addr, &len) : getsockname(fd, (void *)&addr, &len);

	if (r < 0)
		printf("%d\n", -errno);
	else
		printf("%u %x\n", addr.nl_pid, addr.nl_groups);
}

static void receive(int fd, int size)
{
	static unsigned char data[1 << 17];
	char control[256];
	struct sockaddr_nl addr = {0};
	struct iovec iov = {data, size};
	struct msghdr msg = {&addr, sizeof(addr), &iov, 1, control, sizeof(control), 0};
	int n = recvmsg(fd, &msg, MSG_DONTWAIT), i;
	long group = -1;
	struct cmsghdr *c;

	if (n < 0) {
		printf("%d\n", -errno);
		return;
	}
	for (c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == SOL_NETLINK && c->cmsg_type == 3)
			group = *(unsigned *)CMSG_DATA(c);
	printf("%d %u %x %x %ld ", n, addr.nl_pid, addr.nl_groups, msg.msg_flags & MSG_TRUNC, group);
	for (i = 0; i < n; i++)
		printf("%02x", data[i]);
	printf("%s\n", n == 0 ? "-" : "");
}

int main(int argc, char **argv)
{
	static char line[1 << 18], word[16], text[1 << 18];
	static unsigned char data[1 << 17];
	int s, i;
	long a, b;

	/* The connector is only in the first network: `here` stays in it. */
	if (argc < 2 && unshare(CLONE_NEWNET) < 0) {
		printf("no network of its own\n");
		return 2;
	}
	for (i = 0; i < 64; i++)
		fds[i] = -1;
	while (fgets(line, sizeof(line), stdin) != NULL) {
		struct sockaddr_nl to = {AF_NETLINK};

		a = b = 0;
		s = 0;
		text[0] = '-';
		if (sscanf(line, "%15s %d", word, &s) < 1)
			continue;
		if (!strcmp(word, "send")) {
			sscanf(line, "%*s %*d %ld %ld %s", &a, &b, text);
			to.nl_pid = a;
			to.nl_groups = b;
			i = unhex(text, data);
			printf("%ld\n", result(sendto(fds[s], data, i, MSG_DONTWAIT, (void *)&to, sizeof(to))));
			continue;
		}
		if (!strcmp(word, "put")) {
			sscanf(line, "%*s %*d %s", text);
			i = unhex(text, data);
			printf("%ld\n", result(send(fds[s], data, i, MSG_DONTWAIT)));
			continue;
		}
		sscanf(line, "%*s %*d %ld %ld", &a, &b);
		to.nl_pid = a;
		to.nl_groups = b;
		if (!strcmp(word, "socket")) {
			fds[s] = socket(AF_NETLINK, a, b);
			printf("%ld\n", fds[s] < 0 ? (long)-errno : 0);
		} else if (!strcmp(word, "bind"))
			printf("%ld\n", result(bind(fds[s], (void *)&to, sizeof(to))));
		else if (!strcmp(word, "connect"))
			printf("%ld\n", result(connect(fds[s], (void *)&to, sizeof(to))));
		else if (!strcmp(word, "unconnect")) {
			to.nl_family = AF_UNSPEC;
			printf("%ld\n", result(connect(fds[s], (void *)&to, sizeof(to))));
		} else if (!strcmp(word, "name"))
			show(fds[s], 0);
		else if (!strcmp(word, "peer"))
			show(fds[s], 1);
		else if (!strcmp(word, "set")) {
			i = b;
			printf("%ld\n", result(setsockopt(fds[s], SOL_NETLINK, a, &i, sizeof(i))));
		} else if (!strcmp(word, "short")) {
			i = 1;
			printf("%ld\n", result(setsockopt(fds[s], SOL_NETLINK, a, &i, 2)));
		} else if (!strcmp(word, "get")) {
			socklen_t len = sizeof(i);
			long r = result(getsockopt(fds[s], SOL_NETLINK, a, &i, &len));

			printf("%ld\n", r < 0 ? r : (long)i);
		} else if (!strcmp(word, "size")) {
			i = a;
			printf("%ld\n", result(setsockopt(fds[s], SOL_SOCKET, SO_RCVBUF, &i, sizeof(i))));
		} else if (!strcmp(word, "sockerr")) {
			socklen_t len = sizeof(i);
			long r = result(getsockopt(fds[s], SOL_SOCKET, SO_ERROR, &i, &len));

			printf("%ld\n", r < 0 ? r : (long)i);
		} else if (!strcmp(word, "poll")) {
			struct pollfd p = {fds[s], POLLIN | POLLERR, 0};

			poll(&p, 1, 0);
			printf("%d\n", p.revents);
		} else if (!strcmp(word, "user"))
			printf("%ld\n", result(seteuid(s)));
		else if (!strcmp(word, "recv"))
			receive(fds[s], a);
		else if (!strcmp(word, "close"))
			printf("%ld\n", result(close(fds[s])));
		else
			printf("what is %s?\n", word);
	}
	return 0;
}
