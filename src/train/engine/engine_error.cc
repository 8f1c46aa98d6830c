#include "train/engine/engine_error.h"

namespace gfr {

Error EngineError(const std::string& engine, std::string_view text) {
  // "[05:16:18] /workspace/src/data/data.cc:507: Check failed: valid: Input data contains `inf`\nStack trace:\n ..."
  std::string_view line = text.substr(0, text.find('\n'));
  if (line.starts_with("[")) {
    const std::size_t end = line.find("] ");
    if (end != std::string_view::npos && end < 12) line.remove_prefix(end + 2);
  }
  if (const std::size_t end = line.find(": "); line.starts_with("/") && end != std::string_view::npos)
    line.remove_prefix(end + 2);
  if (line.empty()) line = "it gives no reason";
  return {ErrorCode::kInternal, engine + " ended with an error: " + std::string(line.substr(0, 500))};
}

}  // namespace gfr
