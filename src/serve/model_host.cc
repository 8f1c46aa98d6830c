#include "serve/model_host.h"

#include <filesystem>

namespace gfr {
namespace {

// Whether `path`, with all links followed, lies in `folder`.
bool IsBelow(const std::string& path, const std::string& folder) {
  std::error_code ec;
  const auto real = std::filesystem::canonical(path, ec);
  if (ec) return false;
  const auto root = std::filesystem::canonical(folder, ec);
  if (ec) return false;
  const std::string below = root.string() + "/";
  return real.string().starts_with(below);
}

bool IsModelName(const std::string& file) {
  static constexpr std::string_view kEndings[] = {".json", ".ubj", ".ubjson", ".txt", ".model", ".lgb", ".xgb"};
  return file.find('.') == std::string::npos ||
         std::ranges::any_of(kEndings, [&](std::string_view ending) { return file.ends_with(ending); });
}

}  // namespace

Result<std::string> FindModelFile(FileSystem& fs, const std::string& folder) {
  GFR_ASSIGN(const auto names, fs.List(folder));
  std::vector<std::string> found;
  std::error_code ec;
  for (const std::string& name : names) {
    if (!name.starts_with('.') && IsModelName(name) && std::filesystem::is_regular_file(JoinPath(folder, name), ec))
      found.push_back(JoinPath(folder, name));
  }
  if (found.empty())
    return Error{ErrorCode::kNotFound, folder + " holds no model file: XGBoost JSON or UBJSON, or LightGBM text"};
  if (found.size() > 1)
    return Error{ErrorCode::kInvalidArgument,
                 folder + " holds several files that may be the model, among them " + found[0] + " and " + found[1]};
  return found[0];
}

Status ModelHost::Add(const std::string& name, const std::string& path, bool is_default) {
  {
    const MutexLock lock(mutex_);
    if (loaded_.contains(name))
      return Error{ErrorCode::kAlreadyExists, "model '" + name.substr(0, 200) + "' is loaded already"};
  }
  std::string file = path;
  std::error_code ec;
  if (std::filesystem::is_directory(path, ec)) {
    GFR_ASSIGN(file, FindModelFile(fs_, path));
  }
  GFR_ASSIGN(auto model, ForestModel::Load(fs_, file, name));
  const MutexLock lock(mutex_);
  if (used_bytes_ + model->memory_bytes() > options_.memory_bytes)
    return Error{ErrorCode::kResourceExhausted, "model '" + name.substr(0, 200) + "' takes " +
                                                    std::to_string(model->memory_bytes()) + " bytes, and " +
                                                    std::to_string(options_.memory_bytes - used_bytes_) + " are left"};
  const std::size_t bytes = model->memory_bytes();
  if (!loaded_.try_emplace(name, Loaded{path, model}).second)
    return Error{ErrorCode::kAlreadyExists, "model '" + name.substr(0, 200) + "' is loaded already"};
  used_bytes_ += bytes;
  if (is_default) default_ = std::move(model);
  return {};
}

Status ModelHost::LoadDefault(const std::string& path, const std::string& name) { return Add(name, path, true); }

Status ModelHost::Load(const std::string& name, const std::string& path) {
  if (!loads_by_name()) return Error{ErrorCode::kInvalidArgument, "this server loads no models by name: --models"};
  if (!IsBelow(path, options_.folder))
    return Error{ErrorCode::kInvalidArgument, "there is no '" + path.substr(0, 300) + "' below the folder of models"};
  return Add(name, path, false);
}

Status ModelHost::Unload(const std::string& name) {
  const MutexLock lock(mutex_);
  const auto at = loaded_.find(name);
  if (at == loaded_.end() || at->second.model == default_)
    return Error{ErrorCode::kNotFound, "there is no loaded model '" + name.substr(0, 200) + "'"};
  used_bytes_ -= at->second.model->memory_bytes();
  loaded_.erase(at);
  return {};
}

std::shared_ptr<const ForestModel> ModelHost::Default() const {
  const MutexLock lock(mutex_);
  return default_;
}

std::shared_ptr<const ForestModel> ModelHost::Find(const std::string& name) const {
  const MutexLock lock(mutex_);
  const auto at = loaded_.find(name);
  return at == loaded_.end() ? nullptr : at->second.model;
}

std::vector<ModelHost::Loaded> ModelHost::List() const {
  const MutexLock lock(mutex_);
  std::vector<Loaded> list;
  for (const auto& [name, loaded] : loaded_) list.push_back(loaded);
  return list;
}

}  // namespace gfr
