#include "runtime/line_output.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace gfr {
namespace {

constexpr int kPatienceMs = 100;
constexpr std::size_t kPiece = 4096;  // PIPE_BUF: a pipe that can be written to takes as much without waiting.

}  // namespace

bool LineOutput::WriteAll(std::string_view text) {
  while (!text.empty()) {
    pollfd ready{.fd = fd_, .events = POLLOUT, .revents = 0};
    const int polled = ::poll(&ready, 1, stuck_ ? 0 : kPatienceMs);
    if (polled < 0 && errno == EINTR) continue;
    stuck_ = polled <= 0;
    if (stuck_) return false;
    const ssize_t written = ::write(fd_, text.data(), std::min(text.size(), kPiece));
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written < 0) return false;  // Closed: there is nobody to say it to.
    text.remove_prefix(static_cast<std::size_t>(written));
    within_line_ = true;
  }
  return true;
}

bool LineOutput::Write(std::string_view line) {
  const bool written = (!within_line_ || WriteAll("\n")) && WriteAll(line);
  if (written)
    within_line_ = false;
  else
    ++dropped_;
  return written;
}

}  // namespace gfr
