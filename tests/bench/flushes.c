/* Watches a receiver from its libc boundary, without a tracer: how many files and directories it flushed with success,
 * how long that took, and how many flushes failed. The counts lie in a mapping of the file that FLUSHES names, so they
 * survive a fork and whatever end the process finds. Five numbers of 64 bits, in this machine's byte order. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct counts {
    uint64_t files, file_nanoseconds, directories, directory_nanoseconds, failed;
};

static struct counts unwatched, *counts = &unwatched;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FLUSHES");
    int descriptor = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (descriptor < 0) return;
    if (ftruncate(descriptor, sizeof *counts) == 0) {
        void *shared = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
        if (shared != MAP_FAILED) counts = shared;
    }
    syscall(SYS_close, descriptor); /* past a preload that flushes on close, whose flush would count */
}

static int watched(int descriptor, const char *name) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    struct timespec from, to;
    struct stat status;
    int kind = fstat(descriptor, &status) ? 0 : (int)(status.st_mode & S_IFMT);
    clock_gettime(CLOCK_MONOTONIC, &from);
    int result = real(descriptor), error = errno;
    clock_gettime(CLOCK_MONOTONIC, &to);
    uint64_t taken = (uint64_t)(to.tv_sec - from.tv_sec) * 1000000000u + (uint64_t)(to.tv_nsec - from.tv_nsec);
    if (result) {
        __atomic_fetch_add(&counts->failed, 1, __ATOMIC_RELAXED);
    } else if (kind == S_IFDIR) {
        __atomic_fetch_add(&counts->directories, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&counts->directory_nanoseconds, taken, __ATOMIC_RELAXED);
    } else if (kind == S_IFREG) {
        __atomic_fetch_add(&counts->files, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&counts->file_nanoseconds, taken, __ATOMIC_RELAXED);
    }
    errno = error;
    return result;
}

int fdatasync(int descriptor) { return watched(descriptor, "fdatasync"); }
int fsync(int descriptor) { return watched(descriptor, "fsync"); }
