/*
 * The host kernel's own system calls, called from C: the same rows as the other contestants.
 *
 *     host rows                                       names them
 *     host ROW MILLISECONDS DIR ENTRIES BIGBYTES
 *
 * Works in DIR, repeats the row in batches until MILLISECONDS have passed, and prints one JSON object:
 * nanoseconds of processor time and of elapsed time per operation. Processor time is that of all processes
 * that took part, in user mode and in the kernel. Setting up and tidying up are outside the measured part.
 * A call with another result than expected ends the program with status 1.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEEP 16
#define BLOCK 65536
#define PAGE 4096
#define WHOLE_FILE -1
#define SMALL_FILE (256 * PAGE)

static long entries, big_bytes;
static char buffer[BLOCK];
static int fd = -1, pipes[4];
/* Names are made before the clock starts, as in the other contestants. */
static char (*names)[32], (*others)[32];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void expect(int fine, const char *what) {
  if (!fine) fail(what);
}

static long long now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long children_cpu(void) {
  struct rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000LL +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000LL;
}

/* ---- fixtures: made once in DIR, found there by later runs ------------------------------------------------ */

static void deep_files(void) {
  char path[64];
  mkdir("a", 0755), mkdir("a/b", 0755), mkdir("a/b/c", 0755), mkdir("a/b/c/d", 0755);
  for (int i = 0; i < DEEP; i++) {
    snprintf(path, sizeof path, "a/b/c/d/e%d", i);
    int f = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
    expect(f >= 0 && write(f, "hello", 5) == 5 && close(f) == 0, path);
  }
}

static void directory(void) {
  if (mkdir("dir", 0755) != 0) return;
  for (long i = 0; i < entries; i++) {
    int f = open(names[i], O_CREAT | O_EXCL | O_WRONLY, 0644);
    expect(f >= 0 && close(f) == 0, names[i]);
  }
}

static void file_of(const char *path, long bytes) {
  struct stat st;
  memset(buffer, 7, sizeof buffer);
  if (stat(path, &st) == 0 && st.st_size == bytes) return;
  int f = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
  expect(f >= 0, path);
  for (long at = 0; at < bytes; at += BLOCK) expect(write(f, buffer, BLOCK) == BLOCK, path);
  close(f);
}

static void make_names(const char *folder, const char *other) {
  names = calloc(entries, sizeof *names);
  others = calloc(entries, sizeof *others);
  for (long i = 0; i < entries; i++) {
    snprintf(names[i], sizeof *names, "%s%ld", folder, i);
    snprintf(others[i], sizeof *others, "%s%ld", other, i);
  }
}

/* ---- the rows: setup, before a batch, the measured part, after a batch -------------------------------------- */

static void nothing(long n) { (void)n; }

static void run_null(long n) {
  long parent = getppid();
  for (long i = 0; i < n; i++) expect(syscall(SYS_getppid) == parent, "getppid");
}

static char deep[DEEP][32];
static void deep_names(const char *stem) {
  for (int i = 0; i < DEEP; i++) snprintf(deep[i], sizeof deep[i], "%s%d", stem, i);
}
static void setup_deep(void) { deep_files(), deep_names("a/b/c/d/e"); }
static void run_stat(long n) {
  struct stat st;
  for (long i = 0; i < n; i++) expect(stat(deep[i % DEEP], &st) == 0 && st.st_size == 5, "stat");
}
static void setup_missing(void) { deep_files(), deep_names("a/b/c/d/none"); }
static void run_missing(long n) {
  struct stat st;
  for (long i = 0; i < n; i++) expect(stat(deep[i % DEEP], &st) == -1 && errno == ENOENT, "stat of nothing");
}
static void run_open(long n) {
  for (long i = 0; i < n; i++) {
    int f = open(deep[i % DEEP], O_RDONLY);
    expect(f >= 0 && close(f) == 0, "open");
  }
}

static void setup_new(void) {
  mkdir("new", 0755);
  memset(buffer, 7, sizeof buffer);
  make_names("new/n", "new/m");
}
static void unlink_new(long n) {
  for (long i = 0; i < n; i++) unlink(names[i]);
}
static void run_write_new(long n) {
  for (long i = 0; i < n; i++) {
    int f = open(names[i], O_CREAT | O_WRONLY, 0644);
    expect(f >= 0 && write(f, buffer, PAGE) == PAGE && close(f) == 0, "open, write, close");
  }
}

static void setup_small(void) {
  file_of("small", SMALL_FILE);
  fd = open("small", O_RDWR);
}
static void run_pread(long n) {
  for (long i = 0; i < n; i++)
    expect(pread(fd, buffer, PAGE, (i % 256) * PAGE) == PAGE && buffer[17] == 7, "pread");
}
static void run_pwrite(long n) {
  for (long i = 0; i < n; i++) expect(pwrite(fd, buffer, PAGE, (i % 256) * PAGE) == PAGE, "pwrite");
}

static void setup_dir(void) { make_names("dir/f", "dir/g"), directory(); }
static void run_create(long n) {
  for (long i = 0; i < n; i++) {
    int f = open(others[i], O_CREAT | O_EXCL | O_WRONLY, 0644);
    expect(f >= 0 && close(f) == 0, "create");
  }
}
static void after_create(long n) {
  for (long i = 0; i < n; i++) unlink(others[i]);
}
static void run_dir_stat(long n) {
  struct stat st;
  for (long i = 0; i < n; i++) expect(stat(names[(i * 7919) % entries], &st) == 0 && st.st_size == 0, "stat");
}
static void run_unlink(long n) {
  for (long i = 0; i < n; i++) expect(unlink(others[i]) == 0, "unlink");
}
static void run_rename(long n) {
  for (long i = 0; i < n; i += 2) {
    long k = (i / 2) % entries;
    expect(rename(names[k], others[k]) == 0 && rename(others[k], names[k]) == 0, "rename");
  }
}
struct linux_dirent64 {
  unsigned long long ino;
  long long off;
  unsigned short reclen;
  unsigned char type;
  char name[];
};
static void run_readdir(long n) {
  static char list[32768];
  for (long i = 0; i < n; i++) {
    long seen = 0;
    int f = open("dir", O_RDONLY | O_DIRECTORY);
    for (;;) {
      long got = syscall(SYS_getdents64, f, list, sizeof list);
      if (got <= 0) break;
      for (long at = 0; at < got; at += ((struct linux_dirent64 *)(list + at))->reclen) seen++;
    }
    close(f);
    expect(seen == entries + 2, "getdents");
  }
}

static void setup_sequential(void) { memset(buffer, 7, sizeof buffer), unlink("sequential"); }
static void before_sequential(long n) { nothing(n), unlink("sequential"); }
static void run_sequential_write(long n) {
  int f = open("sequential", O_CREAT | O_WRONLY | O_TRUNC, 0644);
  for (long i = 0; i < n; i++) expect(write(f, buffer, BLOCK) == BLOCK, "write");
  close(f);
}
static void setup_big(void) { file_of("big", big_bytes); }
static void run_sequential_read(long n) {
  int f = open("big", O_RDONLY);
  for (long i = 0; i < n; i++) expect(read(f, buffer, BLOCK) == BLOCK && buffer[17] == 7, "read");
  close(f);
}
static void setup_append(void) {
  file_of("appended", big_bytes);
  fd = open("appended", O_WRONLY | O_APPEND);
}
static void run_append(long n) {
  for (long i = 0; i < n; i++) expect(write(fd, buffer, 256) == 256, "append");
}
static void after_append(long n) { nothing(n), expect(ftruncate(fd, big_bytes) == 0, "ftruncate"); }

static void setup_pipe(void) {
  memset(buffer, 7, sizeof buffer);
  expect(pipe(pipes) == 0, "pipe");
}
static void round_trips(long n, long size) {
  for (long i = 0; i < n; i++)
    expect(write(pipes[1], buffer, size) == size && read(pipes[0], buffer, size) == size && buffer[17] == 7, "pipe");
}
static void run_pipe_512(long n) { round_trips(n, 512); }
static void run_pipe_64k(long n) { round_trips(n, BLOCK); }

static void setup_ping_pong(void) {
  expect(pipe(pipes) == 0 && pipe(pipes + 2) == 0, "pipe");
  /* Both on one processor: a message is a context switch, not a wake-up of another processor. */
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  sched_setaffinity(0, sizeof one, &one);
}
/* One operation is one message from one process to the other. */
static void run_ping_pong(long n) {
  char byte = 1;
  long trips = n / 2;
  pid_t child = fork();
  if (child == 0) {
    for (long i = 0; i < trips; i++)
      if (read(pipes[0], &byte, 1) != 1 || write(pipes[3], &byte, 1) != 1) _exit(1);
    _exit(0);
  }
  for (long i = 0; i < trips; i++)
    expect(write(pipes[1], &byte, 1) == 1 && read(pipes[2], &byte, 1) == 1, "ping");
  int status;
  expect(waitpid(child, &status, 0) == child && status == 0, "wait");
}

/* vfork: the cheapest way the host has, as nothing is copied. */
static void run_spawn(long n) {
  for (volatile long i = 0; i < n; i++) {
    int status;
    pid_t child = vfork();
    if (child == 0) _exit(3);
    expect(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3, "vfork");
  }
}

/* ---- sockets on loopback ------------------------------------------------------------------------------------ */

#define LISTENERS 8
#define WAITING 64
static int ends[2], listeners[LISTENERS];
static struct sockaddr_in where[2], door[LISTENERS];
static long connections;
static int fresh[2 * WAITING], fresh_count;

static int bound(int type, struct sockaddr_in *name) {
  socklen_t length = sizeof *name;
  int f = socket(AF_INET, type, 0);
  memset(name, 0, sizeof *name);
  name->sin_family = AF_INET;
  name->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  expect(f >= 0 && bind(f, (struct sockaddr *)name, length) == 0, "bind");
  expect(getsockname(f, (struct sockaddr *)name, &length) == 0, "getsockname");
  return f;
}
static void setup_udp(void) {
  memset(buffer, 7, sizeof buffer);
  for (int i = 0; i < 2; i++) ends[i] = bound(SOCK_DGRAM, &where[i]);
}
static void run_udp(long n) {
  socklen_t length = sizeof where[0];
  for (long i = 0; i < n; i++)
    expect(sendto(ends[0], buffer, 512, 0, (struct sockaddr *)&where[1], length) == 512 &&
               recv(ends[1], buffer, 512, 0) == 512 &&
               sendto(ends[1], buffer, 512, 0, (struct sockaddr *)&where[0], length) == 512 &&
               recv(ends[0], buffer, 512, 0) == 512 && buffer[17] == 7,
           "udp");
}
/* ---- netlink between programs ------------------------------------------------------------------------------- */

static int heard[100], heard_count, speaker;

static int netlink_bound(unsigned port, unsigned groups) {
  struct sockaddr_nl name = {AF_NETLINK, 0, port, groups};
  int f = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
  expect(f >= 0 && bind(f, (struct sockaddr *)&name, sizeof name) == 0, "bind netlink");
  return f;
}
static void setup_netlink(int count) {
  memset(buffer, 7, sizeof buffer);
  /* Who is not root has the privilege in a network of their own. */
  if (count > 1 && geteuid() != 0) expect(unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0, "unshare");
  for (heard_count = 0; heard_count < count; heard_count++)
    heard[heard_count] = netlink_bound(400000001 + heard_count, count > 1);
  speaker = netlink_bound(400000000, 0);
}
static void setup_netlink_1(void) { setup_netlink(1); }
static void setup_netlink_100(void) { setup_netlink(100); }
static void run_netlink(long n) {
  struct sockaddr_nl to = {AF_NETLINK, 0, 400000001, heard_count > 1};
  for (long i = 0; i < n; i++) {
    expect(sendto(speaker, buffer, 512, 0, (struct sockaddr *)&to, sizeof to) == 512, "netlink");
    for (int l = 0; l < heard_count; l++) expect(recv(heard[l], buffer, 512, 0) == 512 && buffer[17] == 7, "netlink");
  }
}

static void roomy(int f) {
  int room = 4 * BLOCK;
  setsockopt(f, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  setsockopt(f, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
}
static void setup_tcp(void) {
  memset(buffer, 7, sizeof buffer);
  int listener = bound(SOCK_STREAM, &where[0]);
  ends[0] = socket(AF_INET, SOCK_STREAM, 0);
  roomy(listener), roomy(ends[0]);
  expect(listen(listener, 1) == 0, "listen");
  expect(connect(ends[0], (struct sockaddr *)&where[0], sizeof where[0]) == 0, "connect");
  ends[1] = accept(listener, NULL, NULL);
  expect(ends[1] >= 0, "accept");
}
static void carry(int from, int to) {
  long got = 0;
  for (long sent = 0; sent < BLOCK;) {
    long n = send(from, buffer + sent, BLOCK - sent, MSG_DONTWAIT);
    expect(n > 0, "send");
    for (sent += n; got < sent;) {
      long m = recv(to, buffer + got, BLOCK - got, 0);
      expect(m > 0, "recv");
      got += m;
    }
  }
}
static void run_tcp(long n) {
  for (long i = 0; i < n; i++) carry(ends[0], ends[1]), carry(ends[1], ends[0]), expect(buffer[17] == 7, "tcp");
}
static int connect_to(int which) {
  int f = socket(AF_INET, SOCK_STREAM, 0);
  expect(f >= 0 && connect(f, (struct sockaddr *)&door[which], sizeof door[which]) == 0, "connect");
  return f;
}
static void setup_accept(void) {
  struct rlimit limit = {entries + 1000, entries + 1000};
  expect(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
  for (int i = 0; i < LISTENERS; i++) {
    listeners[i] = bound(SOCK_STREAM, &door[i]);
    expect(listen(listeners[i], WAITING) == 0, "listen");
  }
  for (connections = 0; connections < entries / 2; connections++) {
    connect_to(connections % LISTENERS);
    expect(accept(listeners[connections % LISTENERS], NULL, NULL) >= 0, "accept");
  }
}
static void before_accept(long n) {
  for (fresh_count = 0; fresh_count < n;) fresh[fresh_count++] = connect_to(0);
}
static void run_accept(long n) {
  for (long i = 0; i < n; i++) {
    int f = accept(listeners[0], NULL, NULL);
    expect(f >= 0, "accept");
    fresh[fresh_count++] = f;
  }
}
/* A reset leaves nothing behind that would keep the port. */
static void after_accept(long n) {
  nothing(n);
  struct linger reset = {1, 0};
  while (fresh_count > 0) {
    setsockopt(fresh[--fresh_count], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fresh[fresh_count]);
  }
}

static void unready(void) {}

struct row {
  const char *name;
  void (*setup)(void);
  void (*before)(long);
  void (*run)(long);
  void (*after)(long);
  /* Most operations in one batch; 0: no limit; WHOLE_FILE: always all blocks of the big file. */
  long most;
};

static const struct row rows[] = {
    {"null-syscall", unready, nothing, run_null, nothing, 0},
    {"stat-deep", setup_deep, nothing, run_stat, nothing, 0},
    {"stat-missing", setup_missing, nothing, run_missing, nothing, 0},
    {"open-close", setup_deep, nothing, run_open, nothing, 0},
    {"write-new-4k", setup_new, nothing, run_write_new, unlink_new, 1000},
    {"pread-4k", setup_small, nothing, run_pread, nothing, 0},
    {"pwrite-4k", setup_small, nothing, run_pwrite, nothing, 0},
    {"dir-create", setup_dir, nothing, run_create, after_create, 1000},
    {"dir-stat", setup_dir, nothing, run_dir_stat, nothing, 0},
    {"dir-unlink", setup_dir, run_create, run_unlink, nothing, 1000},
    {"dir-rename", setup_dir, nothing, run_rename, nothing, 0},
    {"dir-readdir", setup_dir, nothing, run_readdir, nothing, 0},
    {"sequential-write-64k", setup_sequential, before_sequential, run_sequential_write, nothing, WHOLE_FILE},
    {"sequential-read-64k", setup_big, nothing, run_sequential_read, nothing, WHOLE_FILE},
    {"append-256", setup_append, nothing, run_append, after_append, 1000},
    {"pipe-512", setup_pipe, nothing, run_pipe_512, nothing, 0},
    {"pipe-64k", setup_pipe, nothing, run_pipe_64k, nothing, 0},
    {"ping-pong", setup_ping_pong, nothing, run_ping_pong, nothing, 0},
    {"udp-512", setup_udp, nothing, run_udp, nothing, 0},
    {"netlink-512", setup_netlink_1, nothing, run_netlink, nothing, 0},
    {"netlink-100", setup_netlink_100, nothing, run_netlink, nothing, 0},
    {"tcp-64k", setup_tcp, nothing, run_tcp, nothing, 0},
    {"accept", setup_accept, before_accept, run_accept, after_accept, WAITING},
    {"spawn-exit-wait", unready, nothing, run_spawn, nothing, 0},
};

static long long cpu, wall;

static void batch(const struct row *row, long n) {
  row->before(n);
  long long children = children_cpu(), c = now(CLOCK_PROCESS_CPUTIME_ID), w = now(CLOCK_MONOTONIC);
  row->run(n);
  wall = now(CLOCK_MONOTONIC) - w;
  cpu = now(CLOCK_PROCESS_CPUTIME_ID) - c + children_cpu() - children;
  row->after(n);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "rows") == 0) {
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) puts(rows[r].name);
    return 0;
  }
  if (argc != 6) {
    fprintf(stderr, "usage: %s rows | ROW MILLISECONDS DIR ENTRIES BIGBYTES\n", argv[0]);
    return 2;
  }
  long long target = atol(argv[2]) * 1000000LL;
  if (chdir(argv[3]) != 0) fail(argv[3]);
  entries = atol(argv[4]);
  big_bytes = atol(argv[5]);
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
    const struct row *row = &rows[r];
    if (strcmp(row->name, argv[1]) != 0) continue;
    row->setup();
    long most = row->most == WHOLE_FILE ? big_bytes / BLOCK : row->most;
    if (row->most > entries) most = entries;
    long n = row->most == WHOLE_FILE ? most : 2;
    batch(row, n); /* warms up */
    /* Grow the batch until one is long enough, or as many fit as are needed. */
    long long cpu_sum = 0, wall_sum = 0, operations = 0;
    for (;;) {
      batch(row, n);
      if ((most == 0 || n < most) && wall < target / 4) {
        n = most > 0 && n * 4 > most ? most : n * 4;
        continue;
      }
      cpu_sum += cpu, wall_sum += wall, operations += n;
      if (wall_sum >= target) break;
    }
    printf("{\"cpu\":%.3f,\"wall\":%.3f,\"operations\":%lld}\n", (double)cpu_sum / operations,
           (double)wall_sum / operations, operations);
    return 0;
  }
  fprintf(stderr, "no row '%s'\n", argv[1]);
  return 2;
}
