#include "base/private_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/file_system.h"

namespace gfr {

std::string RandomToken() {
  unsigned char bytes[32];
  for (std::size_t done = 0; done < sizeof bytes;) {
    const ssize_t n = ::getrandom(bytes + done, sizeof bytes - done, 0);
    if (n < 0 && errno != EINTR) std::abort();  // Never a token that can be guessed.
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  std::string token;
  for (const unsigned char b : bytes) {
    token += "0123456789abcdef"[b >> 4];
    token += "0123456789abcdef"[b & 15];
  }
  return token;
}

Status WritePrivateFile(const std::string& path, const std::string& text, bool replace) {
  const std::string beside = path + "." + RandomToken().substr(0, 16);
  const auto failed = [&](const char* what) {
    const int code = errno;
    ::unlink(beside.c_str());
    if (code == EEXIST) return Error{ErrorCode::kAlreadyExists, path + " is there already"};
    return Error{ErrorCode::kUnavailable, path + ": " + what + ": " + std::strerror(code)};
  };
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return failed("cannot be made");
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  ::close(fd);
  if (!written) return failed("cannot be written");
  if (replace) {
    if (::rename(beside.c_str(), path.c_str()) != 0) return failed("cannot be replaced");
  } else {
    if (::link(beside.c_str(), path.c_str()) != 0) return failed("cannot be made");
    ::unlink(beside.c_str());
  }
  return PosixFileSystem().SyncDirectory(path.substr(0, path.rfind('/')));
}

}  // namespace gfr
