// ModelHost: the model files that a server without a project predicts with: one, or those that are loaded by name from
// below a folder.
//
// Thread safety: all calls. A model that is in use stays until its last call has ended.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/sync.h"
#include "serve/forest_model.h"

namespace gfr {

struct ModelHostOptions {
  std::string folder;                     // Whose models may be loaded by name; empty: none.
  std::size_t memory_bytes = 4ull << 30;  // Of all models together.
};

class ModelHost {
 public:
  struct Loaded {
    std::string path;
    std::shared_ptr<const ForestModel> model;
  };

  ModelHost(FileSystem& fs, ModelHostOptions options) : fs_(fs), options_(std::move(options)) {}

  // The one of calls that name none. Errors: those of ForestModel::Load.
  Status LoadDefault(const std::string& path, const std::string& name);
  // `path`: a file below the folder, or a folder there that holds one model file. kAlreadyExists: the name is loaded;
  // kResourceExhausted: no memory is left for it; kInvalidArgument: the path leads elsewhere; else ForestModel::Load's.
  Status Load(const std::string& name, const std::string& path);
  Status Unload(const std::string& name);  // kNotFound.

  std::shared_ptr<const ForestModel> Default() const;                      // Null: there is none.
  std::shared_ptr<const ForestModel> Find(const std::string& name) const;  // Null: it is not loaded.
  std::vector<Loaded> List() const;                                        // By name.
  bool loads_by_name() const { return !options_.folder.empty(); }
  bool is_ready() const { return Default() != nullptr || loads_by_name(); }  // Calls can be answered.

 private:
  Status Add(const std::string& name, const std::string& path, bool is_default);
  FileSystem& fs_;
  const ModelHostOptions options_;
  mutable Mutex mutex_;
  std::map<std::string, Loaded> loaded_;
  std::shared_ptr<const ForestModel> default_;
  std::size_t used_bytes_ = 0;
};

// The one model file of a folder, as a training job left it. kNotFound: none; kInvalidArgument: several.
Result<std::string> FindModelFile(FileSystem& fs, const std::string& folder);

}  // namespace gfr
