/* The time of one process, as files say. CLOCK_STEP: the clock on the wall is so many seconds ahead. CLOCK_WARP: lines of
   "begin end rate", in nanoseconds of CLOCK_MONOTONIC; between those two all time passes so many times as fast, and who
   waits for a time waits for that; who waits for a peer only with CLOCK_WARP_POLL, since peers have no such clock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define SLICE 20000000LL /* a wait looks so often whether time began to run */

static int read_file(const char *variable, char *text, int size) {
    const char *path = getenv(variable);
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return 0;
    int length = read(file, text, size - 1);
    close(file);
    text[length > 0 ? length : 0] = 0;
    return length > 0;
}

static long long real(clockid_t which) {
    static int (*gettime)(clockid_t, struct timespec *);
    if (!gettime) gettime = dlsym(RTLD_NEXT, "clock_gettime");
    struct timespec now;
    gettime(which, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

static long long ahead(void) {
    char text[512], *at = text;
    long long begin, end, rate, gained = 0, now;
    int used;
    if (!read_file("CLOCK_WARP", text, sizeof text)) return 0;
    now = real(CLOCK_MONOTONIC);
    for (; sscanf(at, "%lld %lld %lld%n", &begin, &end, &rate, &used) == 3; at += used)
        if (now > begin) gained += ((now < end ? now : end) - begin) * (rate - 1);
    return gained;
}

int clock_gettime(clockid_t which, struct timespec *now) {
    long long time = real(which);
    char text[24];
    if (which == CLOCK_REALTIME || which == CLOCK_MONOTONIC) time += ahead();
    if (which == CLOCK_REALTIME && read_file("CLOCK_STEP", text, sizeof text)) time += atoll(text) * SECOND;
    now->tv_sec = time / SECOND;
    now->tv_nsec = time % SECOND;
    return 0;
}

/* The real end of the next slice of a wait until `until`; 0 when that is over. */
static struct timespec slice(const struct timespec *until, int *over) {
    long long left = until->tv_sec * SECOND + until->tv_nsec - ahead() - real(CLOCK_MONOTONIC);
    *over = left <= 0;
    long long end = real(CLOCK_MONOTONIC) + (left < SLICE ? (left > 0 ? left : 0) : SLICE);
    return (struct timespec){end / SECOND, end % SECOND};
}

int sem_clockwait(sem_t *semaphore, clockid_t which, const struct timespec *until) {
    static int (*wait)(sem_t *, clockid_t, const struct timespec *);
    if (!wait) wait = dlsym(RTLD_NEXT, "sem_clockwait");
    if (which != CLOCK_MONOTONIC) return wait(semaphore, which, until);
    for (int over = 0;;) {
        struct timespec end = slice(until, &over);
        if (!wait(semaphore, which, &end)) return 0;
        if (errno != ETIMEDOUT || over) return -1;
    }
}

int poll(struct pollfd *files, nfds_t count, int milliseconds) {
    static int (*wait)(struct pollfd *, nfds_t, int);
    if (!wait) wait = dlsym(RTLD_NEXT, "poll");
    if (milliseconds <= 0 || !getenv("CLOCK_WARP_POLL")) return wait(files, count, milliseconds);
    long long end = real(CLOCK_MONOTONIC) + ahead() + milliseconds * (SECOND / 1000);
    for (;;) {
        long long left = end - ahead() - real(CLOCK_MONOTONIC), step = left < SLICE ? left : SLICE;
        int found = wait(files, count, step > 0 ? (step + SECOND / 1000 - 1) / (SECOND / 1000) : 0);
        if (found || step <= 0) return found;
    }
}

int clock_nanosleep(clockid_t which, int flags, const struct timespec *until, struct timespec *left) {
    static int (*nap)(clockid_t, int, const struct timespec *, struct timespec *);
    if (!nap) nap = dlsym(RTLD_NEXT, "clock_nanosleep");
    if (which != CLOCK_MONOTONIC || flags != TIMER_ABSTIME) return nap(which, flags, until, left);
    for (int over = 0; !over;) {
        struct timespec end = slice(until, &over);
        int failed = nap(which, flags, &end, left);
        if (failed) return failed;
    }
    return 0;
}
