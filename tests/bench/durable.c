/* Makes a C++ receiver as durable as we are, for a fair comparison: when a regular file that was written is closed,
 * its data is flushed, and then the directory that names it. Preloaded into storescp by the benchmark. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void flush(int descriptor) {
    struct stat status;
    char link[64], path[4096];
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || fstat(descriptor, &status) || !S_ISREG(status.st_mode)) return;
    fdatasync(descriptor);
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return;
    path[length] = 0;
    char *slash = strrchr(path, '/');
    if (!slash || slash == path) return;
    *slash = 0;
    int directory = open(path, O_RDONLY | O_DIRECTORY);
    if (directory < 0) return;
    fsync(directory);
    int (*real_close)(int) = dlsym(RTLD_NEXT, "close");
    real_close(directory);
}

int close(int descriptor) {
    int (*real)(int) = dlsym(RTLD_NEXT, "close");
    flush(descriptor);
    return real(descriptor);
}

int fclose(FILE *file) {
    int (*real)(FILE *) = dlsym(RTLD_NEXT, "fclose");
    fflush(file);
    flush(fileno(file));
    return real(file);
}
