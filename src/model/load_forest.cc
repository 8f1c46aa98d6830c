#include "model/load_forest.h"

namespace gfr {

Result<Forest> LoadForest(FileSystem& fs, const std::string& path, const ImportOptions& options) {
  GFR_ASSIGN(const auto file, fs.OpenForRead(path));
  GFR_ASSIGN(const std::uint64_t size, file->size());
  if (size > kMaxModelBytes) return Error{ErrorCode::kResourceExhausted, "a model of more than 1 GiB", {path, 0}};
  GFR_ASSIGN(const std::string bytes, file->Read(0, static_cast<std::size_t>(size)));
  auto forest = ParseForest(bytes, options);
  if (!forest.ok()) return Error{forest.error().code, forest.error().message, {path, 0}};
  return forest;
}

}  // namespace gfr
