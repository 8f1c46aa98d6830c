// fault_shim: a library for LD_PRELOAD that makes the system fail as a test orders. Tests only.
//
// Orders stand in the file $FAULT_ORDERS, a word and a number a line; they are read again when the file changes:
//   clock MS        the time of day is MS milliseconds ahead
//   boot MS         the time since the machine's start likewise
//   free BYTES      every file system has so many bytes free
//   full BYTES      writes below $FAULT_ROOT find the disk full after BYTES more (the last one is short)
//   fail_write N    the Nth write below $FAULT_ROOT from now on fails with EIO; 0: each
//   fail_sync N     the Nth sync likewise
//   slow_sync MS    each sync takes MS milliseconds more
//   threads N       no more than N more threads can be had
// $FAULT_TRACE gets a line for each sync that is done below $FAULT_ROOT ("S size path") and each rename ("R from to"):
// what a power cut may not take.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

constexpr long kOff = -1;
std::atomic<long> clock_ms{0}, boot_ms{0}, free_bytes{kOff}, full_bytes{kOff}, fail_write{kOff}, fail_sync{kOff},
    slow_sync_ms{0}, threads_left{kOff};
std::atomic<long> seen_ns{kOff};
pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;

struct Order {
  const char* word;
  std::atomic<long>* value;
  long none;
};
const Order kOrders[] = {{"clock", &clock_ms, 0},           {"boot", &boot_ms, 0},
                         {"free", &free_bytes, kOff},       {"full", &full_bytes, kOff},
                         {"fail_write", &fail_write, kOff}, {"fail_sync", &fail_sync, kOff},
                         {"slow_sync", &slow_sync_ms, 0},   {"threads", &threads_left, kOff}};

long TimeOf(const struct stat& s) { return s.st_mtim.tv_sec * 1'000'000'000L + s.st_mtim.tv_nsec; }

// Raw calls: stdio would come back here. Whoever comes while another thread reads new orders waits for them: a call
// that is made after they were given goes by them. Not without end: a child may have been forked by a thread beside it.
void ReadOrders() {
  static const char* const path = std::getenv("FAULT_ORDERS");
  struct stat s;
  if (path == nullptr || ::stat(path, &s) != 0 || TimeOf(s) == seen_ns) return;
  for (int n = 0; pthread_mutex_trylock(&reading) != 0; ++n) {
    if (n == 10'000) return;
    ::usleep(1000);
  }
  const int fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0));
  // The time of the file that is read: another may have taken its place.
  if (fd >= 0 && ::fstat(fd, &s) == 0 && TimeOf(s) != seen_ns) {
    char text[1024] = {};
    const long size = ::syscall(SYS_read, fd, text, sizeof text - 1);
    if (size >= 0) {
      for (const Order& order : kOrders) *order.value = order.none;
      char* rest = nullptr;
      for (char* word = strtok_r(text, " \n", &rest); word != nullptr; word = strtok_r(nullptr, " \n", &rest)) {
        const char* number = strtok_r(nullptr, " \n", &rest);
        if (number == nullptr) break;
        for (const Order& order : kOrders) {
          if (std::strcmp(order.word, word) == 0) *order.value = std::strtol(number, nullptr, 10);
        }
      }
    }
    seen_ns = TimeOf(s);
  }
  if (fd >= 0) ::syscall(SYS_close, fd);
  pthread_mutex_unlock(&reading);
}

bool IsBelowRoot(int fd, char* path, std::size_t size) {
  static const char* const root = std::getenv("FAULT_ROOT");
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = ::readlink(link, path, size - 1);
  if (length <= 0 || root == nullptr) return false;
  path[length] = '\0';
  return std::strncmp(path, root, std::strlen(root)) == 0;
}

void Trace(const char* format, ...) {
  static const char* const path = std::getenv("FAULT_TRACE");
  static const int fd =
      path == nullptr
          ? -1
          : static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (fd < 0) return;
  char line[4096];
  va_list arguments;
  va_start(arguments, format);
  const int size = std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  ::syscall(SYS_write, fd, line, size);
}

// The Nth, once; 0: each.
bool IsHit(std::atomic<long>& ordinal) {
  long n = ordinal;
  while (n > 0 && !ordinal.compare_exchange_weak(n, n == 1 ? kOff : n - 1)) {
  }
  return n == 0 || n == 1;
}

// How many of `size` bytes may be written; -1 with errno: none.
long Allowed(int fd, long size) {
  ReadOrders();
  if (full_bytes == kOff && fail_write == kOff) return size;
  char path[4096];
  if (!IsBelowRoot(fd, path, sizeof path)) return size;
  if (fail_write != kOff && IsHit(fail_write)) return errno = EIO, -1;
  if (full_bytes == kOff) return size;
  const long left = full_bytes.fetch_sub(size);
  if (left >= size) return size;
  full_bytes = 0;
  return left > 0 ? left : (errno = ENOSPC, -1);
}

int Synced(int fd, long call) {
  ReadOrders();
  char path[4096];
  if (!IsBelowRoot(fd, path, sizeof path)) return static_cast<int>(::syscall(call, fd));
  if (slow_sync_ms > 0) ::usleep(static_cast<unsigned>(slow_sync_ms) * 1000);
  if (fail_sync != kOff && IsHit(fail_sync)) return errno = EIO, -1;
  struct stat s;
  ::fstat(fd, &s);  // Before the sync: what is written meanwhile may be lost.
  const int done = static_cast<int>(::syscall(call, fd));
  if (done == 0 && S_ISREG(s.st_mode)) Trace("S %lld %s\n", static_cast<long long>(s.st_size), path);
  return done;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t id, timespec* t) noexcept {
  const int done = static_cast<int>(::syscall(SYS_clock_gettime, id, t));
  ReadOrders();
  const long ahead_ms = id == CLOCK_REALTIME ? clock_ms.load() : id == CLOCK_BOOTTIME ? boot_ms.load() : 0;
  if (done == 0 && ahead_ms != 0) {
    const long ns = t->tv_nsec + ahead_ms % 1000 * 1'000'000;
    t->tv_sec += ahead_ms / 1000 + (ns >= 1'000'000'000 ? 1 : ns < 0 ? -1 : 0);
    t->tv_nsec = (ns + 1'000'000'000) % 1'000'000'000;
  }
  return done;
}

ssize_t write(int fd, const void* bytes, size_t size) {
  const long allowed = Allowed(fd, static_cast<long>(size));
  return allowed < 0 ? -1 : ::syscall(SYS_write, fd, bytes, allowed);
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  const long allowed = Allowed(fd, static_cast<long>(size));
  return allowed < 0 ? -1 : ::syscall(SYS_pwrite64, fd, bytes, allowed, at);
}
ssize_t pwrite64(int fd, const void* bytes, size_t size, off_t at) { return pwrite(fd, bytes, size, at); }

int fdatasync(int fd) { return Synced(fd, SYS_fdatasync); }
int fsync(int fd) { return Synced(fd, SYS_fsync); }

int rename(const char* from, const char* to) noexcept {
  const int done = static_cast<int>(::syscall(SYS_rename, from, to));
  if (done == 0) Trace("R %s %s\n", from, to);
  return done;
}

int statvfs(const char* path, struct statvfs* space) noexcept {
  using Call = int (*)(const char*, struct statvfs*);
  static const auto real = reinterpret_cast<Call>(::dlsym(RTLD_NEXT, "statvfs"));
  const int done = real(path, space);
  ReadOrders();
  if (done == 0 && free_bytes != kOff) space->f_bavail = static_cast<std::uint64_t>(free_bytes) / space->f_frsize;
  return done;
}
int statvfs64(const char* path, struct statvfs64* space) noexcept {
  return statvfs(path, reinterpret_cast<struct statvfs*>(space));
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) noexcept {
  using Call = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto real = reinterpret_cast<Call>(::dlsym(RTLD_NEXT, "pthread_create"));
  ReadOrders();
  if (threads_left != kOff && threads_left.fetch_sub(1) <= 0) return threads_left = 0, EAGAIN;
  return real(thread, attributes, run, argument);
}

}  // extern "C"
